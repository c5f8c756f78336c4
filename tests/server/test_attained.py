"""What a server takes for attained: the client's word while that can be true, its own count otherwise."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import Reason
from jellyfish.protocol import wire
from jellyfish.server.attained import LATE, NOT_SENT, Attainment
from jellyfish.server.offered import RATE_TOLERANCE

FPS = 10.0
COUNTS = st.integers(0, 60) | st.integers(0, 2**53 - 1)
REASONS = st.dictionaries(st.sampled_from(["network", "expired", "stale", "made_up"]), COUNTS, max_size=3)
REPORTS = st.builds(
    wire.Report,
    COUNTS,
    COUNTS,
    st.dictionaries(st.sampled_from(["late", "dropped", "skipped", "lost"]), REASONS, max_size=4),
    st.just(()) | st.lists(COUNTS, min_size=wire.SLACK_BUCKETS, max_size=wire.SLACK_BUCKETS).map(tuple),
)
STEPS = st.one_of(
    st.tuples(st.just("arrived"), st.integers(0, 2**32 - 1) | st.integers(0, 100)),
    st.tuples(st.just("answered"), st.floats(-1e12, 1e12)),
    st.tuples(st.just("dropped"), st.sampled_from([Reason.EXPIRED, Reason.TOO_FAST])),
    st.tuples(st.just("reported"), REPORTS),
)


@given(st.lists(st.tuples(st.floats(0, 2), STEPS), max_size=40))
def test_whatever_a_client_tells_is_kept_within_what_was_seen_and_agreed(steps: list[tuple[float, Any]]) -> None:
    attainment, now = Attainment(FPS, 100.0), 100.0
    calls = dict.fromkeys(("arrived", "answered", "dropped", "reported"), 0)
    for passed_s, (step, value) in steps:
        now += passed_s
        calls[step] += 1
        timed = step in ("arrived", "reported")
        getattr(attainment, step)(value, *([now] if timed else []))
        attained, before = attainment.attained, calls["reported"]
        assert attained.on_time <= calls["answered"]
        most = 1 + RATE_TOLERANCE * FPS * (now - 100.0)
        assert attained.captured <= max(most, calls["arrived"])
        assert attained.estimated or attained.captured <= most
        assert attained.estimated or attained.on_time + sum(attained.missed_by_reason.values()) <= attained.captured
        assert not (before == 0 and not attained.estimated)


def served(answered: int = 20, dropped: int = 2) -> Attainment:
    """3 s of a stream at 10 fps, two of three frames sent."""
    attainment = Attainment(FPS, 0.0)
    for number in range(answered + dropped):
        attainment.arrived(number, number * 3 / (answered + dropped))
    for _ in range(answered):
        attainment.answered(0.012)
    for _ in range(dropped):
        attainment.dropped(Reason.EXPIRED)
    return attainment


TRUE = wire.Report(30, 18, {"late": {"network": 2}, "dropped": {"expired": 2}, "skipped": {"stale": 7}})
SLACK = tuple({wire.FIRST_IN_TIME: 18, 0: 2}.get(bucket, 0) for bucket in range(wire.SLACK_BUCKETS))


@pytest.mark.parametrize("slack", [(), SLACK])
def test_a_report_that_can_be_true_is_what_was_attained(slack: tuple[int, ...]) -> None:
    attainment = served()
    attainment.reported(msgspec.structs.replace(TRUE, slack=slack), 3.0)
    attained = attainment.attained
    assert (attained.captured, attained.on_time, attained.estimated) == (30, 18, False)
    assert attained.missed_by_reason == {"network": 2, "expired": 2, "stale": 7}
    assert attained.slack == slack
    assert attained.share == pytest.approx(18 / 29)


@pytest.mark.parametrize(
    "changed",
    [
        {"captured": 39},  # more than agreed
        {"captured": 28},  # fewer than have an outcome
        {"on_time": 19},  # more than were answered
        {"missed": {"dropped": {"expired": 3}}},  # more than were dropped
        {"slack": tuple(reversed(SLACK))},  # on the wrong side of the deadline
        {"slack": (0,) * wire.SLACK_BUCKETS},
    ],
)
def test_a_client_that_told_what_cannot_be_is_not_believed_any_more(changed: dict[str, Any]) -> None:
    attainment = served()
    attainment.reported(msgspec.structs.replace(TRUE, **changed), 3.0)
    attainment.reported(TRUE, 3.0)
    assert attainment.attained == served().attained
    assert attainment.attained.estimated


@pytest.mark.parametrize(
    "changed",
    [
        {"captured": 29},
        {"on_time": 17},
        {"missed": TRUE.missed | {"skipped": {"replaced": 7}}},
        {"missed": {"late": {"network": 2}, "dropped": {"expired": 2}}},
        {"slack": ()},
    ],
)
def test_a_count_that_falls_is_not_believed(changed: dict[str, Any]) -> None:
    attainment = served()
    first = msgspec.structs.replace(TRUE, slack=SLACK)
    attainment.reported(first, 3.0)
    attainment.reported(first, 4.0)
    assert not attainment.attained.estimated
    attainment.reported(msgspec.structs.replace(first, **changed), 5.0)
    assert attainment.attained.estimated


def test_without_reports_gaps_in_the_numbers_count_as_not_sent() -> None:
    attainment = Attainment(FPS, 0.0)
    for number in (3, 4, 8):
        attainment.arrived(number, 1.0 + number / FPS)
    attainment.answered(0.0)
    attainment.answered(-0.0005)
    attained = attainment.attained
    assert attained.estimated
    assert attained.captured == 6  # 3 .. 8, of which one is open
    assert attained.on_time == 1
    assert attained.missed_by_reason == {LATE: 1, NOT_SENT: 3}
    assert attained.slack[wire.FIRST_IN_TIME] == attained.slack[wire.FIRST_IN_TIME - 1] == 1


def test_numbers_that_jump_count_for_no_more_frames_than_were_agreed() -> None:
    attainment = Attainment(FPS, 0.0)
    attainment.arrived(0, 1.0)
    attainment.arrived(2**32 - 1, 2.0)
    assert attainment.attained.captured == 11


def test_before_the_first_outcome_there_is_no_share() -> None:
    assert Attainment(FPS, 0.0).attained.share is None
