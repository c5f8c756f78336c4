"""Whose batch runs next on a worker that several fronts share."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from jellyfish.devices.stream.fair_turns import FairTurns, Turn

costs = st.floats(0.001, 0.1)
shares = st.lists(st.floats(0.05, 1.0), min_size=2, max_size=5).map(lambda each: [one / sum(each) for one in each])


class OneAfterTheOther:
    """A worker that runs one batch at a time, and how much of its time each front has had."""

    def __init__(self, parts: list[float]) -> None:
        self.turns = FairTurns[int](1)
        self.turns.shares = dict(enumerate(parts))
        self.cost_s: dict[Turn[int], float] = {}
        self.had_s = Counter[int]()
        self.order: list[Turn[int]] = []

    def come(self, front: int, cost_s: float) -> None:
        self.cost_s[self.turns.come(front, cost_s)] = cost_s

    def run_next(self) -> int | None:
        turn = self.turns.next()
        if turn is None:
            return None
        assert self.turns.next() is None, "one at a time"
        self.order.append(turn)
        self.had_s[turn.front] += self.cost_s[turn]
        self.turns.over(turn)
        return turn.front


@given(parts=shares, lengths=st.lists(st.lists(costs, min_size=30, max_size=30), min_size=5, max_size=5))
def test_who_always_has_something_to_run_gets_its_share(parts: list[float], lengths: list[list[float]]) -> None:
    worker = OneAfterTheOther(parts)
    left = {front: lengths[front] for front in range(len(parts))}
    for front, each in left.items():
        for cost_s in each:
            worker.come(front, cost_s)
    served = Counter[int]()
    while all(served[front] < len(each) for front, each in left.items()):
        front = worker.run_next()
        assert front is not None
        served[front] += 1
        for one, other in ((0, 1), (front, (front + 1) % len(parts))):
            apart_s = abs(worker.had_s[one] / parts[one] - worker.had_s[other] / parts[other])
            assert apart_s <= max(left[one]) / parts[one] + max(left[other]) / parts[other] + 1e-9


@given(parts=shares, early=st.integers(1, 50), cost_s=costs)
def test_who_was_silent_has_saved_up_nothing(parts: list[float], early: int, cost_s: float) -> None:
    worker = OneAfterTheOther(parts)
    for _ in range(early):
        worker.come(0, cost_s)
        assert worker.run_next() == 0
    before_s = worker.had_s[0]
    for _ in range(20):
        worker.come(0, cost_s)
        worker.come(1, cost_s)
    for _ in range(20):
        worker.run_next()
    ours_s, theirs_s = worker.had_s[0] - before_s, worker.had_s[1]
    assert abs(ours_s / parts[0] - theirs_s / parts[1]) <= cost_s / parts[0] + cost_s / parts[1] + 1e-9


@given(st.lists(st.tuples(st.integers(0, 3), costs, st.booleans()), max_size=60))
def test_each_fronts_order_is_kept_nothing_is_lost_and_the_worker_never_idles(
    steps: list[tuple[int, float, bool]],
) -> None:
    worker = OneAfterTheOther([0.4, 0.3, 0.2, 0.1])
    waiting = 0
    for front, cost_s, runs in steps:
        worker.come(front, cost_s)
        waiting += 1
        if runs:
            assert worker.run_next() is not None
            waiting -= 1
    for _ in range(waiting):
        assert worker.run_next() is not None
    assert worker.run_next() is None
    for front in range(4):
        numbers = [turn.number for turn in worker.order if turn.front == front]
        assert numbers == sorted(numbers)


def test_a_front_within_its_share_waits_for_one_batch_of_one_that_floods() -> None:
    worker = OneAfterTheOther([0.5, 0.5])
    for _ in range(100):
        worker.come(0, 0.01)
    worker.run_next()
    for _ in range(20):
        worker.come(1, 0.01)
        assert 1 in (worker.run_next(), worker.run_next())


def test_what_nobody_else_uses_is_there_for_all_and_a_front_alone_is_handed_the_next_one_early() -> None:
    turns = FairTurns[str](1)
    turns.shares = {"small": 0.1, "silent": 0.9}
    first, second = turns.come("small", 0.01), turns.come("small", 0.01)
    assert (turns.next(), turns.next()) == (first, None)
    turns.over(first)
    assert turns.next() is second
    turns.shares = {"small": 1.0}
    third = turns.come("small", 0.01)
    assert turns.next() is third


def test_of_a_front_that_has_gone_nothing_is_run() -> None:
    turns = FairTurns[str](1)
    turns.shares = {"gone": 0.5, "here": 0.5}
    begun = turns.come("gone", 0.01)
    assert turns.next() is begun
    turns.come("gone", 0.01)
    mine = turns.come("here", 0.01)
    turns.forget("gone")
    assert turns.next() is None, "what has begun keeps the worker"
    turns.over(begun)
    assert turns.next() is mine
