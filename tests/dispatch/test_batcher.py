"""The batcher's promises, and its goodput in overload."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.overload_batcher import CPU, GPU, Device, equal_shares, lane, lookahead, plain_edf, share_of_ideal
from jellyfish.core import Reason
from jellyfish.dispatch.batcher import Batcher
from jellyfish.dispatch.queue import Decision
from tests.dispatch.requests import request

# Whole numbers of seconds keep the arithmetic of the reference and of the batcher exact.
LATENCIES = st.lists(st.integers(1, 12), min_size=1, max_size=6).map(lambda steps: sorted(map(float, steps)))
DEADLINES = st.lists(st.integers(-2, 60).map(float), max_size=14)


def filled(deadlines: Sequence[float], capacity: int = 64) -> Batcher:
    batcher = Batcher(capacity)
    for deadline in deadlines:
        assert batcher.push(request(deadline), now=-10.0) == []
    return batcher


def take(batcher: Batcher, now: float, latency_s: Sequence[float], max_batch: int) -> Decision:
    return batcher.take(now, [lane(latency_s[:max_batch])], lambda request: 0)


def all_servable(now: float, deadlines: tuple[float, ...], latency_s: tuple[float, ...]) -> bool:
    """Whether some split into consecutive batches has every frame on time, by trying them all."""

    @functools.cache
    def servable(first: int, start: float) -> bool:
        return first == len(deadlines) or any(
            start + latency_s[size - 1] <= deadlines[first] and servable(first + size, start + latency_s[size - 1])
            for size in range(1, min(len(latency_s), len(deadlines) - first) + 1)
        )

    return servable(0, now)


@given(DEADLINES, LATENCIES, st.integers(1, 8))
def test_a_batch_is_predicted_to_finish_before_all_its_deadlines(
    deadlines: list[float], latency_s: list[float], max_batch: int
) -> None:
    decision = take(filled(deadlines), 0.0, latency_s, max_batch)
    assert len(decision.run) <= min(max_batch, len(latency_s))
    assert all(latency_s[len(decision.run) - 1] <= each.deadline_s for each in decision.run)


@given(DEADLINES, LATENCIES)
def test_nothing_is_given_up_when_all_that_is_feasible_can_be_served(
    deadlines: list[float], latency_s: list[float]
) -> None:
    decision = take(filled(deadlines), 0.0, latency_s, len(latency_s))
    feasible = tuple(sorted(each for each in deadlines if latency_s[0] <= each))
    hopeless = sorted(each for each in deadlines if latency_s[0] > each)
    assert [each.deadline_s for each, reason in decision.drop if reason == Reason.EXPIRED] == hopeless
    lossless = len(decision.drop) == len(hopeless)
    if all_servable(0.0, feasible, tuple(latency_s)):
        assert lossless


@given(DEADLINES, LATENCIES)
def test_frames_given_up_in_overload_could_not_be_served_after_the_batch(
    deadlines: list[float], latency_s: list[float]
) -> None:
    decision = take(filled(deadlines), 0.0, latency_s, len(latency_s))
    spoilers = [each for each, reason in decision.drop if reason == Reason.OVERLOAD]
    assert all(each.deadline_s < latency_s[len(decision.run) - 1] for each in spoilers)


@given(DEADLINES, LATENCIES)
def test_something_runs_whenever_a_frame_can_be_on_time(deadlines: list[float], latency_s: list[float]) -> None:
    decision = take(filled(deadlines), 0.0, latency_s, len(latency_s))
    assert bool(decision.run) == any(latency_s[0] <= each for each in deadlines)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60), LATENCIES, st.integers(1, 9))
def test_every_request_leaves_exactly_once(
    steps: list[tuple[int, bool]], latency_s: list[float], capacity: int
) -> None:
    batcher, now, pushed, left = Batcher(capacity), 0.0, [], []
    for time_left, device_is_free in steps:
        pushed.append(request(now + time_left))
        left += [gone for gone, _ in batcher.push(pushed[-1], now)]
        assert len(batcher) <= capacity
        if device_is_free:
            decision = take(batcher, now, latency_s, 4)
            left += decision.run + [gone for gone, _ in decision.drop]
            now += latency_s[len(decision.run) - 1] if decision.run else 1.0
    left += batcher.clear()
    assert sorted(map(id, left)) == sorted(map(id, pushed))


def test_frames_run_in_order_of_deadline() -> None:
    decision = take(filled([30.0, 10.0, 20.0]), 0.0, [1.0, 2.0], 2)
    assert [each.deadline_s for each in decision.run] == [10.0, 20.0]


def test_one_urgent_frame_is_given_up_for_a_large_batch() -> None:
    decision = take(filled([1.2, 3.0, 3.0, 3.0, 3.0]), 0.0, [1.0, 1.5, 2.0, 2.5], 4)
    assert len(decision.run) == 4
    assert [(each.deadline_s, reason) for each, reason in decision.drop] == [(1.2, Reason.OVERLOAD)]


def test_an_urgent_frame_goes_first_alone_when_the_others_can_wait() -> None:
    decision = take(filled([1.2, 3.5, 3.5, 3.5, 3.5]), 0.0, [1.0, 1.5, 2.0, 2.5], 4)
    assert [each.deadline_s for each in decision.run] == [1.2]
    assert decision.drop == []


def test_a_batch_that_gains_nothing_is_not_paid_for_with_frames() -> None:
    decision = take(filled([1.0, 4.0, 4.0, 4.0, 4.0]), 0.0, [1.0, 2.0, 3.0, 4.0], 4)
    assert [each.deadline_s for each in decision.run] == [1.0]


def test_a_small_gain_is_paid_for_with_frames_only_in_overload_that_lasts() -> None:
    batcher, given_up = Batcher(), []
    for round_s in range(0, 80, 10):
        for deadline_s in (1.2, 1.95, 1.95):
            batcher.push(request(round_s + deadline_s), float(round_s))
        decision = batcher.take(float(round_s), [lane([1.0, 1.9])], lambda request: 0)
        given_up.append([reason for _, reason in decision.drop])
        batcher.clear()
    assert given_up[0] == []  # what one batch that took long has left behind
    assert given_up[-1] == [Reason.OVERLOAD]


def test_a_full_queue_gives_up_its_most_urgent_frame() -> None:
    batcher = filled([5.0, 9.0], capacity=2)
    assert [(each.deadline_s, why) for each, why in batcher.push(request(7.0), 0.0)] == [(5.0, Reason.QUEUE_FULL)]
    assert [(each.deadline_s, why) for each, why in batcher.push(request(6.0), 0.0)] == [(6.0, Reason.QUEUE_FULL)]
    assert [each.deadline_s for each in batcher.clear()] == [7.0, 9.0]


def test_a_frame_whose_deadline_has_passed_leaves_at_the_next_push() -> None:
    batcher = filled([5.0, 9.0])
    assert [(each.deadline_s, why) for each, why in batcher.push(request(7.0), 6.0)] == [(5.0, Reason.EXPIRED)]


def test_frames_of_clients_that_have_gone_take_no_place() -> None:
    gone, waiting = request(5.0), request(9.0)
    batcher = Batcher(capacity=2)
    batcher.push(gone, 0.0)
    batcher.push(waiting, 0.0)
    gone.done.cancel()
    assert batcher.push(request(10.0), 0.0) == []
    decision = take(batcher, 0.0, [1.0, 1.0, 1.0], 3)
    assert waiting in decision.run and gone not in decision.run
    assert decision.drop == []


@pytest.mark.parametrize("device", [GPU, CPU], ids=["gpu", "cpu"])
@pytest.mark.parametrize("load", [1.2, 2.0, 4.0])
def test_goodput_holds_up_in_overload_where_plain_edf_loses(device: Device, load: float) -> None:
    planned = device.planned_batch()
    goodput, _ = share_of_ideal(lookahead, device, planned, load, seconds=5.0, seed=0)
    plain, _ = share_of_ideal(plain_edf, device, planned, load, seconds=5.0, seed=0)
    assert goodput >= 0.95
    assert goodput > plain


def test_below_the_ideal_throughput_next_to_nothing_is_lost() -> None:
    goodput, _ = share_of_ideal(lookahead, GPU, GPU.planned_batch(), 0.9, seconds=5.0, seed=0)
    assert goodput >= 0.995


def test_clients_with_equal_budgets_share_an_overloaded_device() -> None:
    shares = equal_shares(GPU, GPU.planned_batch(), 2.0, seconds=20.0, seed=0)
    assert min(shares) >= 0.6 * max(shares)


def test_what_only_a_quicker_worker_could_serve_is_left_to_it() -> None:
    batcher = filled([5.0, 9.0])
    slow = batcher.take(0.0, [lane([3.0])], lambda request: 0, others_s=[2.0], slower=2.0)
    assert [each.deadline_s for each in slow.run] == [9.0]  # 2 x 3 is too long for the first
    again = batcher.take(0.0, [lane([3.0])], lambda request: 0, others_s=[2.0], slower=2.0)
    assert (again.run, again.drop, again.resume_s) == ([], [], 2.0)
    assert [each.deadline_s for each in take(batcher, 2.0, [3.0], 1).run] == [5.0]


def test_what_no_worker_could_serve_is_given_up_by_a_slower_one_too() -> None:
    batcher = filled([2.0, 20.0])
    decision = batcher.take(0.0, [lane([3.0])], lambda request: 0, others_s=[2.0], slower=2.0)
    assert [(each.deadline_s, reason) for each, reason in decision.drop] == [(2.0, Reason.EXPIRED)]
    assert [each.deadline_s for each in decision.run] == [20.0]
