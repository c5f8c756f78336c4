"""Lanes take turns within the planned bound; frames short of time run narrower, batches with time to spare wider."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from heapq import heapreplace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.capacity import longest_wait_s
from jellyfish.control.problem import DevicePlan, Share
from jellyfish.core import Reason, Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.batcher import Batcher
from jellyfish.dispatch.choice import Choice, Waiting, choose
from jellyfish.dispatch.lanes import Candidate, Lane, lane_of, make_lanes
from jellyfish.dispatch.request import Request
from tests.dispatch.requests import IMAGE, unsettled

VARIANTS = [Variant(128 + 64 * step, "w100") for step in range(4)]
QUICK, QUICKER = Variant(128, "w050"), Variant(128, "w025")


def candidate(variant: Variant, accuracy: float, *latency_s: float) -> Candidate:
    return Candidate(variant, accuracy, latency_s, latency_s)


PLANNED = candidate(VARIANTS[0], 0.8, 4.0, 5.0, 6.0)
MIDDLE, NARROW = candidate(QUICK, 0.5, 2.0, 3.0, 4.0), candidate(QUICKER, 0.2, 1.0, 1.5, 2.0)
NARROWING = Lane(PLANNED, 3, (MIDDLE, NARROW))
OTHER = Lane(candidate(VARIANTS[1], 0.9, 5.0, 6.0, 7.0), 3)


# --- the planned bound ---------------------------------------------------------------------------------------


@st.composite
def devices(draw: st.DrawFn) -> list[Lane]:
    """One to four lanes with whole seconds; some may run something better where that takes no longer."""
    lanes = []
    for variant in VARIANTS[: draw(st.integers(1, 4))]:
        batch = draw(st.integers(1, 4))
        latency_s = sorted(draw(st.lists(st.integers(1, 9), min_size=batch, max_size=batch)))
        slower = [seconds + draw(st.integers(0, 3)) for seconds in latency_s]
        better = candidate(
            Variant(variant.resolution, "wide"), 0.9, *(float(max(slower[: i + 1])) for i in range(batch))
        )
        lanes.append(Lane(candidate(variant, 0.5, *map(float, latency_s)), batch, better=(better,)))
    return lanes


def arrivals(lane: Lane, cycle_s: float, gaps: Sequence[int]) -> list[float]:
    """Times of which no more than the lane's batch lie in any half-open time of one cycle: as bursty as that allows."""
    times: list[float] = []
    for gap in gaps:
        soonest = times[-1] + gap if times else float(gap)
        times.append(max(soonest, times[-lane.batch] + cycle_s) if len(times) >= lane.batch else soonest)
    return times


@given(devices(), st.lists(st.lists(st.integers(0, 12), max_size=20), min_size=4, max_size=4), st.integers(1, 3))
@settings(max_examples=300, deadline=None)
def test_every_frame_is_answered_within_the_longest_wait_and_its_batch(
    lanes: list[Lane], gaps: list[list[int]], workers: int
) -> None:
    """With one worker the longest wait is a cycle. Frames come as bursty as fits one batch in that time."""
    wait_s = longest_wait_s([lane.allotted_s for lane in lanes], workers)
    pending = []
    for number, lane in enumerate(lanes):
        for time_s in arrivals(lane, wait_s, gaps[number]):
            deadline_s = time_s + wait_s + lane.allotted_s
            pending.append(Request(str(number), 0, deadline_s, time_s, IMAGE, unsettled(), lane.planned.variant))
    pending.sort(key=lambda request: request.queued_s)
    batcher, free_s, answered = Batcher(capacity=200), [0.0] * workers, 0
    while pending or len(batcher):
        now = max(free_s[0], 0.0 if len(batcher) else pending[0].queued_s)
        while pending and pending[0].queued_s <= now:
            assert batcher.push(pending.pop(0), now) == []
        others_s = [max(0.0, each - now) for each in free_s[1:]]
        decision = batcher.take(now, lanes, lambda request: int(request.client), others_s=others_s)
        assert decision.drop == []
        lane = lanes[int(decision.run[0].client)]
        ran = next(each for each in (lane.planned, *lane.better) if each.variant == decision.variants[0])
        heapreplace(free_s, now + ran.latency_s[len(decision.run) - 1])
        assert all(now + ran.latency_s[len(decision.run) - 1] <= request.deadline_s for request in decision.run)
        answered += len(decision.run)
    assert answered == sum(map(len, gaps[: len(lanes)]))


SAME_RESOLUTION = [Variant(128, f"w{step}") for step in range(4)]


@st.composite
def mixing_devices(draw: st.DrawFn) -> list[tuple[Lane, float]]:
    """One to four lanes of one resolution with whole seconds, and what each one's clients have beyond their bound."""
    lanes = []
    for variant in SAME_RESOLUTION[: draw(st.integers(1, 4))]:
        batch = draw(st.integers(1, 4))
        latency_s = sorted(draw(st.lists(st.integers(1, 9), min_size=batch, max_size=batch)))
        lanes.append((Lane(candidate(variant, 0.5, *map(float, latency_s)), batch), float(draw(st.integers(0, 40)))))
    return lanes


@given(mixing_devices(), st.lists(st.lists(st.integers(0, 12), max_size=20), min_size=4, max_size=4))
@settings(max_examples=300, deadline=None)
def test_mixed_batches_keep_every_frame_in_time(made: list[tuple[Lane, float]], gaps: list[list[int]]) -> None:
    lanes = [lane for lane, _ in made]
    cycle_s = sum(lane.allotted_s for lane in lanes)
    seconds = {lane.planned.variant: lane.planned.latency_s for lane in lanes}
    pending = []
    for number, (lane, spare_s) in enumerate(made):
        for time_s in arrivals(lane, cycle_s, gaps[number]):
            deadline_s = time_s + cycle_s + lane.allotted_s + spare_s
            pending.append(Request(str(number), 0, deadline_s, time_s, IMAGE, unsettled(), lane.planned.variant))
    pending.sort(key=lambda request: request.queued_s)
    batcher, now = Batcher(capacity=200), 0.0
    while pending or len(batcher):
        if not len(batcher):
            now = max(now, pending[0].queued_s)
        while pending and pending[0].queued_s <= now:
            assert batcher.push(pending.pop(0), now) == []
        decision = batcher.take(now, lanes, lambda request: int(request.client), 1.0, frozenset({128}), most=6)
        assert decision.drop == []
        assert len(decision.run) <= 6
        now += sum(seconds[variant][size - 1] for variant, size in Counter(decision.variants).items())
        assert all(now <= request.deadline_s for request in decision.run)


def test_frames_of_one_resolution_with_time_to_spare_share_a_batch() -> None:
    lanes = [Lane(candidate(variant, 0.5, 1.0, 2.0), 2) for variant in SAME_RESOLUTION[:2]]

    def taken(deadline_s: float, mixes: set[int]) -> list[Variant]:
        batcher = Batcher()
        for number in (0, 0, 1):
            batcher.push(Request(str(number), 0, deadline_s, 0.0, IMAGE, unsettled()), 0.0)
        return batcher.take(0.0, lanes, lambda request: int(request.client), 1.0, frozenset(mixes), most=4).variants

    assert taken(20.0, {128}) == [SAME_RESOLUTION[0]] * 2 + [SAME_RESOLUTION[1]]
    assert taken(6.9, {128}) == [SAME_RESOLUTION[0]] * 2  # 3 for both and a cycle of 4 are too much
    assert taken(20.0, {256}) == [SAME_RESOLUTION[0]] * 2  # mixing does not pay there


def test_lanes_take_turns_while_nobody_is_late() -> None:
    lanes = [Lane(candidate(variant, 0.5, 1.0), 1) for variant in VARIANTS[:3]]
    batcher, order = Batcher(), []
    for number in (0, 0, 1, 1, 2, 2):
        batcher.push(Request(str(number), 0, 100.0 - number, 0.0, IMAGE, unsettled()), 0.0)
    while len(batcher):
        order += [each.client for each in batcher.take(0.0, lanes, lambda request: int(request.client)).run]
    assert order == ["0", "1", "2", "0", "1", "2"]


def test_a_lane_whose_turn_it_is_waits_when_another_one_would_be_late() -> None:
    assert choose([Waiting(OTHER, [50.0]), Waiting(Lane(PLANNED, 3), [5.0])]) == Choice(1, 0, 1, PLANNED)
    assert choose([Waiting(OTHER, [50.0]), Waiting(Lane(PLANNED, 3), [9.0])]) == Choice(0, 0, 1, OTHER.planned)


@given(st.lists(st.lists(st.integers(0, 40).map(float), max_size=6).map(sorted), min_size=2, max_size=3))
@settings(deadline=None)
def test_what_runs_is_on_time_and_nobody_is_given_up_without_need(slacks_s: list[list[float]]) -> None:
    lanes = [NARROWING, OTHER, Lane(candidate(VARIANTS[2], 0.7, 3.0, 3.5), 2)]
    waiting = [
        Waiting(lane, [slack for slack in slacks if slack >= lane.quickest.latency_s[0]])
        for lane, slacks in zip(lanes, slacks_s, strict=False)
    ]
    waiting = [each for each in waiting if each.slacks_s]
    choice = choose(waiting)
    assert (choice is None) == (not waiting)
    if choice is not None:
        chosen = waiting[choice.lane].slacks_s[choice.start : choice.start + choice.size]
        assert len(chosen) == choice.size > 0
        assert choice.candidate.latency_s[choice.size - 1] <= chosen[0]
        assert choice.start == 0 or not all(slack >= 40.0 for each in waiting for slack in each.slacks_s)


# --- other variants than the planned one -----------------------------------------------------------------------


def test_a_frame_that_would_be_late_runs_with_the_most_accurate_variant_that_makes_it() -> None:
    assert choose([Waiting(NARROWING, [3.0])]) == Choice(0, 0, 1, MIDDLE)
    assert choose([Waiting(NARROWING, [1.5])]) == Choice(0, 0, 1, NARROW)
    assert choose([Waiting(NARROWING, [4.0])]) == Choice(0, 0, 1, PLANNED)


def test_only_the_frame_that_is_short_of_time_loses_accuracy() -> None:
    assert choose([Waiting(NARROWING, [2.0, 20.0, 20.0])]) == Choice(0, 0, 1, MIDDLE)
    assert choose([Waiting(OTHER, [30.0, 30.0]), Waiting(NARROWING, [2.0])]) == Choice(1, 0, 1, MIDDLE)


def test_frames_of_a_lane_run_together_and_narrower_when_one_after_the_other_is_too_slow() -> None:
    assert choose([Waiting(NARROWING, [4.0, 4.0, 4.0])]) == Choice(0, 0, 3, MIDDLE)


def test_one_lane_runs_narrower_so_that_another_one_is_on_time() -> None:
    assert choose([Waiting(NARROWING, [4.0]), Waiting(OTHER, [7.5])]) == Choice(0, 0, 1, MIDDLE)


def test_when_narrowing_one_batch_is_not_enough_the_others_are_counted_as_narrow() -> None:
    both = [Waiting(NARROWING, [4.0]), Waiting(Lane(PLANNED, 3, (MIDDLE, NARROW)), [4.5])]
    assert choose(both) == Choice(0, 0, 1, MIDDLE)


def test_without_stand_ins_the_frame_is_lost() -> None:
    batcher = Batcher()
    batcher.push(Request("camera", 0, 3.0, 0.0, IMAGE, unsettled()), 0.0)
    decision = batcher.take(0.0, [Lane(PLANNED, 3)], lambda request: 0)
    assert [reason for _, reason in decision.drop] == [Reason.EXPIRED]


def test_a_slower_device_leaves_less_time() -> None:
    batcher = Batcher()
    batcher.push(Request("camera", 0, 6.0, 0.0, IMAGE, unsettled()), 0.0)
    assert batcher.take(0.0, [NARROWING], lambda request: 0, slow_down=2.0).variants == [QUICK]


def test_a_batch_smaller_than_planned_may_run_with_a_better_variant_in_the_time_of_the_full_one() -> None:
    wide, wider = (
        candidate(Variant(128, "wide"), 0.9, 5.5, 7.0, 9.0),
        candidate(Variant(128, "wider"), 0.95, 6.5, 8.0, 9.5),
    )
    lane = Lane(PLANNED, 3, better=(wider, wide))
    assert choose([Waiting(lane, [50.0])]) == Choice(0, 0, 1, wide)
    assert choose([Waiting(lane, [50.0, 50.0])]) == Choice(0, 0, 2, PLANNED)
    assert choose([Waiting(lane, [5.0])]) == Choice(0, 0, 1, PLANNED)
    assert choose([Waiting(lane, [50.0]), Waiting(OTHER, [10.0])]) == Choice(0, 0, 1, PLANNED)
    assert choose([Waiting(lane, [50.0]), Waiting(OTHER, [11.0])]) == Choice(0, 0, 1, wide)


# --- lanes of a plan -------------------------------------------------------------------------------------------

SMALL, LARGE, NARROW_LARGE = Variant(128, "w100"), Variant(448, "w100"), Variant(448, "w025")
SLOWER_THAN_SMALL = Variant(128, "w075")
PROFILE = LatencyProfile(
    "cpu", "a processor", "abc",
    tuple(
        VariantLatency(variant, (seconds, 1.5 * seconds, 1.4 * seconds), (seconds,) * 3)
        for variant, seconds in ((SMALL, 2.0), (SLOWER_THAN_SMALL, 2.5), (LARGE, 9.0), (NARROW_LARGE, 3.0))
    ),
)  # fmt: skip
ACCURACY = {SMALL: 0.4, SLOWER_THAN_SMALL: 0.35, LARGE: 0.9, NARROW_LARGE: 0.6}


def test_stand_ins_are_quicker_and_ever_less_accurate_and_no_larger_than_the_frames() -> None:
    small, large = make_lanes(DevicePlan(SMALL, 1, (Share(LARGE, 2),)), {}, PROFILE, ACCURACY, 3)
    assert [each.variant for each in large.quicker] == [NARROW_LARGE, SMALL]
    assert small.quicker == ()
    assert small.better == large.better == ()
    assert large.planned.latency_s == (9.0, 13.5)
    assert (large.planned.p99_s, large.allotted_s) == ((9.0, 9.0), 9.0)
    (narrow,) = make_lanes(DevicePlan(NARROW_LARGE, 1), {}, PROFILE, ACCURACY, 3)
    assert [each.variant for each in narrow.better] == [LARGE]


def test_one_frame_of_each_client_may_run_together_and_no_more_than_may_run_at_all() -> None:
    for clients, most in ((0, 1), (2, 2), (9, 3)):
        (lane,) = make_lanes(DevicePlan(SMALL, 1), {SMALL: clients}, PROFILE, {}, 3)
        assert len(lane.planned.latency_s) == most
        assert lane.allotted_s == 2.0
        assert lane.quicker == lane.better == ()


@pytest.mark.parametrize(("variant", "lane"), [(SMALL, 0), (LARGE, 1), (NARROW_LARGE, 0), (None, 0)])
def test_a_frame_waits_in_the_lane_that_is_nearest_to_its_variant(variant: Variant | None, lane: int) -> None:
    lanes = make_lanes(DevicePlan(SMALL, 1, (Share(LARGE, 1),)), {}, PROFILE, {}, 3)
    assert lane_of(lanes, variant, PROFILE) == lane


def test_where_all_lanes_are_slower_the_quickest_one_is_taken() -> None:
    lanes = make_lanes(DevicePlan(LARGE, 1, (Share(NARROW_LARGE, 1),)), {}, PROFILE, {}, 3)
    assert lane_of(lanes, SMALL, PROFILE) == 1


# --- a worker that is slower than the others -------------------------------------------------------------------


def test_a_slower_worker_runs_as_planned_what_it_can_still_do_in_time() -> None:
    waiting = [Waiting(NARROWING, [12.0])]
    assert choose(waiting, [20.0], slower=3.0) == Choice(0, 0, 1, PLANNED)  # 3 x 4 of 12


def test_a_slower_worker_leaves_to_the_others_what_they_can_run_as_planned_and_it_cannot() -> None:
    waiting = [Waiting(NARROWING, [11.0])]
    assert choose(waiting, [5.0], slower=3.0) is None
    assert choose(waiting, [8.0], slower=3.0) == Choice(0, 0, 1, MIDDLE)  # the other would end at 12
    assert choose(waiting, [8.0]) == Choice(0, 0, 1, PLANNED)


@given(st.lists(st.floats(0.0, 40.0), min_size=1, max_size=6).map(sorted), st.floats(1.0, 5.0), st.floats(0.0, 10.0))
def test_what_a_slower_worker_runs_is_in_time_on_it(slacks_s: list[float], slower: float, other_s: float) -> None:
    slacks_s = [slack_s + slower * NARROW.latency_s[0] for slack_s in slacks_s]
    choice = choose([Waiting(NARROWING, slacks_s)], [other_s], slower=slower)
    if choice is not None:
        assert slower * choice.candidate.latency_s[choice.size - 1] <= slacks_s[choice.start]
