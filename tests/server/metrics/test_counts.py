"""Histograms and frame counts: they only grow, and no client says how many series there are."""

from __future__ import annotations

from jellyfish.core import Outcome
from jellyfish.protocol import wire
from jellyfish.server.attained import Attained
from jellyfish.server.metrics.bucket_counts import BucketCounts
from jellyfish.server.metrics.frame_counts import (
    ESTIMATED,
    NOBODY,
    OTHER,
    REPORT_S,
    REPORTED,
    Ended,
    FrameCounts,
)

ON_TIME = Ended("on_time", "")
OLD_S = 2 * REPORT_S


def attained(
    on_time: int, missed: dict[str, dict[str, int]] | None = None, estimated: bool = False, slack: int = 0
) -> Attained:
    """`slack`: answers in the first bucket."""
    counts = (slack, *[0] * (wire.SLACK_BUCKETS - 1)) if slack else ()
    return Attained(99, on_time, missed or {}, counts, estimated)


def test_a_value_on_an_edge_belongs_below_it_and_what_is_above_all_edges_is_counted() -> None:
    counts = BucketCounts((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 7.0):
        counts.add(value)
    counts.add(2.0, times=3)
    assert counts.cumulative() == [("1.0", 2), ("2.0", 6), ("+Inf", 7)]
    assert counts.total == 16.0


def test_reports_are_cumulative_and_counted_once() -> None:
    counts = FrameCounts()
    stream = counts.stream("door")
    stream.count(attained(10, {"skipped": {"stale": 2}}, slack=3), OLD_S)
    stream.count(attained(10, {"skipped": {"stale": 2}}, slack=3), OLD_S)
    stream.count(attained(15, {"skipped": {"stale": 3}, "late": {"network": 1}}, slack=4), OLD_S, last=True)
    assert counts.frames[NOBODY] == {
        (REPORTED, ON_TIME): 15,
        (REPORTED, Ended("skipped", "stale")): 3,
        (REPORTED, Ended("late", "network")): 1,
    }
    assert counts.slack[REPORTED][0] == 4


def test_a_stream_that_is_opened_anew_adds_to_the_one_before() -> None:
    counts = FrameCounts(cameras=1)
    for on_time in (7, 5):
        counts.stream("door").count(attained(on_time), OLD_S, last=True)
    assert counts.frames["door"][REPORTED, ON_TIME] == 12


def test_an_estimate_is_not_counted_before_a_report_may_be_there_unless_nothing_more_comes() -> None:
    counts = FrameCounts()
    counts.stream("door").count(attained(7, estimated=True), REPORT_S / 2)
    assert not counts.frames[NOBODY]
    counts.stream("door").count(attained(7, estimated=True), REPORT_S / 2, last=True)
    counts.stream("gate").count(attained(3, estimated=True), OLD_S)
    assert counts.frames[NOBODY] == {(ESTIMATED, ON_TIME): 10}


def test_counts_never_fall_when_an_estimate_is_put_right() -> None:
    counts = FrameCounts()
    stream = counts.stream("door")
    stream.count(attained(9, estimated=True), OLD_S)
    stream.count(attained(8, estimated=True), OLD_S)
    stream.count(attained(10, estimated=True), OLD_S)
    assert counts.frames[NOBODY] == {(ESTIMATED, ON_TIME): 10}


def test_reasons_that_a_client_makes_up_are_one() -> None:
    counts = FrameCounts()
    made_up = {f"reason_{letter}": 1 for letter in "abcdefgh"}
    counts.stream("door").count(attained(0, {Outcome.LOST.value: made_up}), OLD_S)
    assert counts.frames[NOBODY][REPORTED, Ended("lost", OTHER)] == 8
    assert len(counts.frames[NOBODY]) <= 2


def test_only_so_many_names_are_told_apart_and_only_of_cameras_whose_frames_ended() -> None:
    counts = FrameCounts(cameras=2)
    counts.stream("silent").count(attained(0), OLD_S)
    for name in ("a", "b", "c", "d", "a"):
        counts.stream(name).count(attained(1), OLD_S)
    assert {name: frames.total() for name, frames in counts.frames.items()} == {NOBODY: 2, "a": 2, "b": 1}
