"""The published filters, step by step."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.edge.fusion.filters import Filter, Periodic, Transition


def steps_sent(chosen: Filter, similarities: Sequence[float], blocked: range = range(0)) -> list[int]:
    """The steps that go out when every wish is granted but those of `blocked` steps."""
    sent = []
    for step, similarity in enumerate(similarities):
        if chosen.wants(step, similarity, 0.0) and step not in blocked:
            chosen.sent(step)
            sent.append(step)
    return sent


def test_periodic_sends_the_first_step_and_every_fifth_after() -> None:
    assert steps_sent(Periodic(), [0.0] * 17) == [0, 5, 10, 15]
    assert steps_sent(Periodic(k=3), [0.0] * 8) == [0, 3, 6]


def test_the_period_begins_with_what_was_sent_not_with_what_was_wanted() -> None:
    assert steps_sent(Periodic(), [0.0] * 18, blocked=range(5, 8)) == [0, 8, 13]


def test_transition_sends_when_similarity_rises_by_a_half_and_begins_the_period_anew() -> None:
    #                      step:  0    1    2     3     4    5    6    7    8
    assert steps_sent(Transition(), [1.0, 0.9, 0.25, 0.75, 0.9, 0.9, 0.9, 0.9, 0.9]) == [0, 3, 8]


def test_a_smaller_rise_and_a_fall_are_no_transitions() -> None:
    assert steps_sent(Transition(), [1.0, 0.9, 0.25, 0.74, 0.9, 0.9, 0.2]) == [0, 5]


def test_rises_are_from_step_to_step_also_while_nothing_is_sent() -> None:
    assert steps_sent(Transition(k=100), [1.0, 0.1, 0.4, 0.8, 0.2, 0.8]) == [0, 5]


@pytest.mark.parametrize("similarity", [0.0, 0.5, 1.0])
def test_the_first_step_is_no_transition(similarity: float) -> None:
    chosen = Transition()
    chosen.sent(-1)
    assert not chosen.wants(0, similarity, 0.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 7))
def test_periods_are_never_longer_with_transitions(similarities: list[float], k: int) -> None:
    sent = steps_sent(Transition(k), similarities)
    assert sent[0] == 0
    gaps = [after - before for before, after in zip(sent, [*sent[1:], len(similarities)], strict=True)]
    assert max(gaps) <= k
    for before, after in itertools.pairwise(sent):
        assert after - before == k or similarities[after] - similarities[after - 1] >= 0.5


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(-1e9, 1e9))
def test_the_expected_gain_is_ignored(similarities: list[float], gain: float) -> None:
    for one, other in ((Periodic(), Periodic()), (Transition(), Transition())):
        for step, similarity in enumerate(similarities):
            assert one.wants(step, similarity, gain) == other.wants(step, similarity, 0.0)
