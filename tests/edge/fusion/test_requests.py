"""What goes to the cloud and what is under way: every step has one fate, at most two are outstanding."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jellyfish.edge.fusion.requests import Fate, Requests


def sent(requests: Requests[str], *steps: int) -> None:
    for step in steps:
        requests.offer(step)
        assert requests.send() == step


def test_at_most_two_are_outstanding_and_of_several_waiting_only_the_newest_is_sent() -> None:
    requests = Requests[str]()
    sent(requests, 0, 5)
    assert requests.offer(10) is None
    assert requests.send() is None
    assert requests.offer(11) == 10
    assert requests.offer(12) == 11
    assert requests.outstanding == (0, 5)
    assert requests.answered(0, "zero")
    assert requests.send() == 12
    assert requests.send() is None
    assert requests.outstanding == (5, 12)
    assert (requests.counts.offered, requests.counts.sent, requests.counts.replaced) == (5, 3, 2)


def test_of_several_waiting_answers_only_the_newest_is_used() -> None:
    requests = Requests[str]()
    sent(requests, 0, 5)
    requests.answered(0, "zero")
    requests.answered(5, "five")
    assert requests.take() == (5, "five")
    assert requests.take() is None
    assert (requests.counts.answered, requests.counts.used, requests.counts.passed_over) == (2, 1, 1)


def test_an_answer_older_than_one_that_waits_is_passed_over() -> None:
    requests = Requests[str]()
    sent(requests, 0, 5)
    requests.answered(5, "five")
    requests.answered(0, "zero")
    assert requests.take() == (5, "five")
    assert requests.counts.passed_over == 1


def test_an_answer_older_than_one_used_is_passed_over() -> None:
    requests = Requests[str]()
    sent(requests, 0, 5)
    requests.answered(5, "five")
    assert requests.take() == (5, "five")
    assert requests.answered(0, "zero")
    assert requests.take() is None
    assert (requests.counts.used, requests.counts.passed_over) == (1, 1)


def test_a_dropped_and_a_lost_step_free_their_places() -> None:
    requests = Requests[str]()
    sent(requests, 0, 5)
    assert requests.dropped(5)
    sent(requests, 10)
    assert requests.lost(0)
    sent(requests, 15)
    assert requests.outstanding == (10, 15)
    assert (requests.counts.dropped, requests.counts.lost) == (1, 1)


def test_a_step_that_is_not_on_its_way_has_no_second_end() -> None:
    requests = Requests[str]()
    sent(requests, 0)
    requests.lost(0)
    assert not requests.answered(0, "late")
    assert not requests.dropped(0)
    assert not requests.lost(0)
    assert not requests.answered(99, "never sent")
    assert requests.take() is None
    assert (requests.counts.answered, requests.counts.lost) == (0, 1)


@pytest.mark.parametrize("step", [3, 2])
def test_steps_are_offered_in_order(step: int) -> None:
    requests = Requests[str]()
    requests.offer(3)
    with pytest.raises(RuntimeError, match="after step 3"):
        requests.offer(step)


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Whatever happens in whatever order: every offered step has exactly one fate, and is counted once."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[int, Fate] = {}
        self.requests = Requests[int](on_end=self.hear)
        self.step = -1
        self.fates: dict[int, str] = {}
        self.ends: dict[int, str] = {}
        self.used: list[int] = []
        self.offered: list[int] = []

    def hear(self, step: int, fate: Fate) -> None:
        assert step not in self.told, "every end is told once"
        self.told[step] = fate

    def teardown(self) -> None:
        self.requests.finish()
        assert sorted(self.told) == self.offered
        assert sorted(step for step, fate in self.told.items() if fate is Fate.USED) == self.used
        counts = self.requests.counts
        assert counts.offered == counts.sent + counts.replaced
        assert counts.answered == counts.used + counts.passed_over
        assert not self.requests.outstanding

    @rule(skipped=st.integers(0, 3))
    def offer(self, skipped: int) -> None:
        self.step += 1 + skipped
        replaced = self.requests.offer(self.step)
        self.offered.append(self.step)
        if replaced is not None:
            assert replaced not in self.fates
            self.fates[replaced] = "replaced"

    @rule()
    def send(self) -> None:
        step = self.requests.send()
        if step is not None:
            assert step not in self.fates
            assert step == self.step, "only the newest is sent"
            self.fates[step] = "sent"

    @precondition(lambda self: self.requests.outstanding)
    @rule(end=st.sampled_from(["answered", "dropped", "lost"]), data=st.data())
    def end(self, end: str, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from(self.requests.outstanding))
        assert step not in self.ends
        ended = self.requests.answered(step, step) if end == "answered" else getattr(self.requests, end)(step)
        assert ended
        self.ends[step] = end

    @rule()
    def take(self) -> None:
        taken = self.requests.take()
        if taken is not None:
            step, answer = taken
            assert step == answer
            answered = [step for step, end in self.ends.items() if end == "answered"]
            assert step == max(answered), "only the newest is used"
            assert not self.used or step > self.used[-1]
            self.used.append(step)

    @invariant()
    def the_account_is_right(self) -> None:
        counts, fates = self.requests.counts, list(self.fates.values())
        assert len(self.requests.outstanding) <= 2
        assert (counts.sent, counts.replaced) == (fates.count("sent"), fates.count("replaced"))
        assert counts.offered == counts.sent + counts.replaced + (self.requests.waiting is not None)
        assert counts.sent == counts.answered + counts.dropped + counts.lost + len(self.requests.outstanding)
        assert counts.used == len(self.used)
        assert 0 <= counts.answered - counts.used - counts.passed_over <= 1


AnyOrderOfEvents.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
