"""Moments as people say them, and what they cut out of a recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.errors import InputError
from jellyfish.report.slices import Clock, Extent, PartWanted, Slice, moment, part_of

FIRST = datetime(2026, 11, 29, 13, 50, tzinfo=UTC)
LAST = datetime(2026, 11, 30, 14, 30, tzinfo=UTC)
LOG = Extent(FIRST.timestamp(), LAST.timestamp(), Clock(0.0, UTC))
"""A server's log: its own time is the machine's."""
RUN = Extent(0.0, 1800.0, Clock(LAST.timestamp() - 1800, UTC))
"""A run of half an hour, from 14:00."""
VIRTUAL = Extent(0.0, 100.0, Clock(None))


def cut(extent: Extent, begin: str | None = None, end: str | None = None) -> Slice:
    return part_of(extent, PartWanted(*(None if text is None else moment(text) for text in (begin, end))))


def shown(extent: Extent, begin: str | None = None, end: str | None = None) -> str:
    return cut(extent, begin, end).words


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [
        ("14:05", "14:10", "2026-11-30 14:05:00 to 14:10:00 (+00:00)"),
        ("9:05:30", "9:06", "2026-11-30 09:05:30 to 09:06:00 (+00:00)"),
        ("15:00", "15:05", "2026-11-29 15:00:00 to 15:05:00 (+00:00)"),  # it was not yet 15:00 on the last day
        ("23:59", "00:01", "2026-11-29 23:59:00 to 2026-11-30 00:01:00 (+00:00)"),
        ("2026-11-29T14:05", "14:10", "2026-11-29 14:05:00 to 14:10:00 (+00:00)"),
        ("2026-11-29 15:05+01:00", "+20min", "2026-11-29 14:05:00 to 14:10:00 (+00:00)"),
        ("-10min", None, "2026-11-30 14:20:00 to 14:30:00 (+00:00)"),
        ("-0.5h", "-600s", "2026-11-30 14:00:00 to 14:20:00 (+00:00)"),
        (None, "+90s", "2026-11-29 13:50:00 to 13:51:30 (+00:00)"),
        (None, "14:05", "2026-11-29 13:50:00 to 2026-11-30 14:05:00 (+00:00)"),
        ("14:20", "15:00", "2026-11-30 14:20:00 to 14:30:00 (+00:00)"),  # up to its end
        ("2025-01-01", None, "2026-11-29 13:50:00 to 2026-11-30 14:30:00 (+00:00)"),
    ],
)
def test_moments_of_a_log(begin: str | None, end: str | None, words: str) -> None:
    assert shown(LOG, begin, end) == words


def test_a_run_has_its_own_zero() -> None:
    part = cut(RUN, "14:05", "14:10")
    assert (part.begin_s, part.end_s) == (300.0, 600.0)
    assert part.clock.at(310.0) == "14:05:10"


def test_times_are_of_the_readers_zone_unless_they_say_another() -> None:
    away = Extent(LOG.begin_s, LOG.end_s, Clock(0.0, timezone(timedelta(hours=2))))
    assert shown(away, "14:05", "14:10") == "2026-11-30 14:05:00 to 14:10:00 (+02:00)"
    assert cut(away, "14:05", "14:10").begin_s == cut(LOG, "12:05").begin_s


def test_virtual_time_has_no_time_of_day() -> None:
    assert shown(VIRTUAL, "+30s", "-10s") == "30.0 to 90.0 s of virtual time"
    assert cut(VIRTUAL, "+30s").clock.at(31.5) == "31.5 s"
    with pytest.raises(InputError, match="virtual time, which has no time of day; say"):
        cut(VIRTUAL, "14:05")


NO_MOMENTS = (
    *("", "noon", "25:00", "14:5", "10min", "-10 parsecs", "-9e9d"),
    *("2026-13-01", "1765", "9999-01-01", "+999999999999h"),
)


@pytest.mark.parametrize("text", NO_MOMENTS)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InputError, match="is no moment; say a time of day"):
        moment(text)


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_a_clear_error(text: str) -> None:
    try:
        said = moment(text)
        part_of(LOG, PartWanted(said))
        part_of(LOG, PartWanted(None, said))
    except InputError as error:
        assert str(error)


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        ("2026-12-01", None, "nothing is recorded from 2026-12-01; what there is: 2026-11-29 13:50:00 to 2026-11-30"),
        (None, "2026-11-29T13:00", "nothing is recorded to 2026-11-29T13:00"),
        ("-1min", "-2min", "from -1min to -2min is no stretch of time"),
        ("14:05", "14:05", "no stretch of time"),
    ],
)
def test_a_part_that_is_not_there_says_what_is(begin: str | None, end: str | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        cut(LOG, begin, end)


def test_a_camera_that_came_back_is_the_same_camera() -> None:
    part = part_of(RUN, PartWanted(cameras=("gate", "yard")))
    assert [name for name in ("gate", "gate#2", "gate2", "yard#x", "door") if part.takes(name)] == ["gate", "gate#2"]
    part.require_cameras({"gate#2", "yard", "door"})
    with pytest.raises(
        InputError, match=r"no frame of yard from 2026-11-30 14:00:00 to 14:30:00 .*: there is door, gate"
    ):
        part.require_cameras({"gate", "door"})
