"""Why frames missed. The link is one byte per microsecond, 10 ms away; the smallest frame has 5760 bytes.

A frame is ready 2 ms after its capture, and needs 24 ms more once its last byte has left the link: 10 ms to the server,
4 ms there, 10 ms back. So of 50 ms it has 24 ms for the link.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.control.frame_size import reference_bytes
from jellyfish.core import Outcome, Reason
from jellyfish.lab.reproduction.causes import Cause, Quickest, misses
from jellyfish.lab.simulation.links import CameraLink
from jellyfish.link.trace import BandwidthTrace
from jellyfish.results.records import FrameRecord

STEADY = CameraLink("camera-0", 0, BandwidthTrace((0.0,), (8e6,), "steady"), 0.010, frame_size=1.0)
STOPS = CameraLink("camera-0", 0, BandwidthTrace((0.0, 1.0, 2.0), (8e6, 0.0, 8e6), "stops"), 0.010, frame_size=1.0)
UNSHAPED = CameraLink("camera-0", 0, None, 0.010, frame_size=1.0)
QUICKEST = Quickest(128, before_s=0.002, after_s=0.004)


def skipped(number: int, at_ms: float, reason: Reason = Reason.STALE, slo_ms: float = 50.0) -> FrameRecord:
    return FrameRecord(
        client="camera-0", frame=number, captured_s=at_ms / 1000, deadline_s=(at_ms + slo_ms) / 1000, slo_ms=slo_ms,
        outcome=Outcome.SKIPPED, reason=reason,
    )  # fmt: skip


def sent(number: int, at_ms: float, size_bytes: int, **known: Any) -> FrameRecord:
    """A frame of 320 pixels that was late, put on the link 2 ms after its capture; `known` replaces."""
    fields: dict[str, Any] = {"slo_ms": 50.0, "outcome": Outcome.LATE, "resolution": 320, "wait_ms": 2.0} | known
    due_s = (at_ms + fields["slo_ms"]) / 1000
    return FrameRecord(
        client="camera-0", frame=number, captured_s=at_ms / 1000, deadline_s=due_s, bytes=size_bytes, **fields
    )


def causes(*records: FrameRecord, link: CameraLink = STEADY) -> list[Cause]:
    return [miss.cause for miss in misses(records, link, QUICKEST)]


def test_the_smallest_frame_has_the_bytes_that_these_tests_count_with() -> None:
    assert STEADY.frames().usual(128) == reference_bytes(128) == 5760
    assert STEADY.transfer_s(3.0, 5760) == pytest.approx(0.00576)


def test_a_frame_is_impossible_when_even_the_smallest_would_have_been_late() -> None:
    """2 ms + 5.76 ms + 10 ms to the server, 4 ms there and 10 ms back: 31.76 ms."""
    assert causes(skipped(0, 0.0, slo_ms=31.7)) == [Cause.IMPOSSIBLE]
    assert causes(skipped(0, 0.0, slo_ms=31.8)) == [Cause.HELD_BACK]


def test_a_frame_is_impossible_while_its_link_carries_nothing_whatever_it_was_skipped_for() -> None:
    found = causes(
        skipped(0, 970.0),
        skipped(1, 995.0),
        skipped(2, 1500.0, Reason.PAUSED),
        sent(3, 1900.0, 20_000),
        skipped(4, 1990.0),
        link=STOPS,
    )
    assert found == [Cause.HELD_BACK, *3 * [Cause.IMPOSSIBLE], Cause.BACKLOG]


def test_bytes_of_a_frame_that_was_sent_tell_what_it_would_have_weighed_as_the_smallest() -> None:
    """Three times as heavy as usual: 17.28 ms instead of 5.76 ms, which is 43.28 ms in all."""
    heavy = round(3 * reference_bytes(320))
    assert causes(sent(0, 0.0, heavy, slo_ms=43.2)) == [Cause.IMPOSSIBLE]
    assert causes(sent(0, 0.0, heavy, slo_ms=43.4)) == [Cause.TOO_LARGE]


def test_a_frame_was_too_large_or_its_device_too_slow_by_when_it_arrived() -> None:
    """Sent after 2 ms it has 24 ms for its bytes."""
    assert causes(sent(0, 0.0, 24_100)) == [Cause.TOO_LARGE]
    assert causes(sent(0, 0.0, 23_900)) == [Cause.DEVICE]
    assert causes(sent(0, 0.0, 23_900, outcome=Outcome.DROPPED, reason=Reason.EXPIRED)) == [Cause.DEVICE]
    assert causes(sent(0, 0.0, 23_900, wait_ms=3.0)) == [Cause.TOO_LARGE]


def test_a_backlog_is_what_frames_before_left_on_the_link() -> None:
    """The first is on the link until 62 ms; then the smallest takes until 67.76 ms, and 24 ms more to its answer."""
    first = sent(0, 0.0, 60_000)
    assert causes(first) == [Cause.TOO_LARGE]
    for after in (skipped(1, 20.0), sent(1, 20.0, 5760, resolution=128), sent(1, 41.0, 28_000)):
        assert causes(first, after) == [Cause.TOO_LARGE, Cause.BACKLOG]
    assert causes(first, skipped(1, 42.0)) == [Cause.TOO_LARGE, Cause.HELD_BACK]
    assert causes(first, sent(1, 42.0, 20_000)) == [Cause.TOO_LARGE, Cause.TOO_LARGE]
    assert causes(first, sent(1, 80.0, 20_000)) == [Cause.TOO_LARGE, Cause.DEVICE]


def test_frames_on_time_are_on_the_link_too_and_skipped_ones_are_not() -> None:
    on_time = sent(0, 0.0, 40_000, outcome=Outcome.ON_TIME, slo_ms=100.0)
    assert causes(on_time, skipped(1, 10.0)) == [Cause.BACKLOG]
    assert causes(skipped(0, 0.0), skipped(1, 10.0)) == [Cause.HELD_BACK, Cause.HELD_BACK]


def test_a_paused_client_had_no_place_even_behind_a_backlog() -> None:
    assert causes(skipped(0, 0.0, Reason.PAUSED)) == [Cause.NO_PLACE]
    assert causes(sent(0, 0.0, 60_000), skipped(1, 20.0, Reason.PAUSED)) == [Cause.TOO_LARGE, Cause.NO_PLACE]


def test_without_a_shaped_link_only_the_device_is_to_blame() -> None:
    assert causes(sent(0, 0.0, 10**9), link=UNSHAPED) == [Cause.DEVICE]
    assert causes(skipped(0, 0.0, slo_ms=25.0), link=UNSHAPED) == [Cause.IMPOSSIBLE]


OUTCOMES = st.sampled_from(Outcome)


@st.composite
def cameras(draw: st.DrawFn) -> list[FrameRecord]:
    """All frames of a camera with 25 frames/s, in any order."""
    records = []
    for number in range(draw(st.integers(1, 40))):
        outcome = draw(OUTCOMES)
        if outcome is Outcome.SKIPPED:
            records.append(skipped(number, 40.0 * number, draw(st.sampled_from([Reason.STALE, Reason.PAUSED]))))
        else:
            size_bytes, wait_ms = draw(st.integers(1000, 60_000)), draw(st.floats(2.0, 30.0))
            records.append(sent(number, 40.0 * number, size_bytes, outcome=outcome, wait_ms=wait_ms))
    return draw(st.permutations(records))


@given(cameras(), st.sampled_from([STEADY, STOPS, UNSHAPED]))
def test_every_missed_frame_has_one_cause_and_a_frame_on_time_has_none(
    records: list[FrameRecord], link: CameraLink
) -> None:
    found = [miss.record.frame for miss in misses(records, link, QUICKEST)]
    assert found == sorted(record.frame for record in records if record.outcome is not Outcome.ON_TIME)


@given(cameras(), st.sampled_from([STEADY, STOPS, UNSHAPED]))
def test_what_is_impossible_does_not_depend_on_other_frames(records: list[FrameRecord], link: CameraLink) -> None:
    for record, cause in misses(records, link, QUICKEST):
        alone = causes(record, link=link)
        assert (cause is Cause.IMPOSSIBLE) == (alone == [Cause.IMPOSSIBLE])
        assert alone != [Cause.BACKLOG]
