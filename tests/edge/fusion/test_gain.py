"""The filter that asks where it is expected to help."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.edge.fusion.gain import ExpectedGain


def asked(gains, k):
    """Steps that are sent when every wish is granted at once."""
    wishes = ExpectedGain(k)
    steps = []
    for step, gain in enumerate(gains):
        if wishes.wants(step, 1.0, gain):
            wishes.sent(step)
            steps.append(step)
    return steps


def test_the_first_step_is_asked_about():
    assert asked([0.0], 5) == [0]


@pytest.mark.parametrize("gain", [0.0, 0.3, 7.0])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_even_gain_is_a_period(gain, k):
    steps = asked([gain] * 20 * k, k)
    assert len(steps) == pytest.approx(20, abs=2)
    assert max(after - before for before, after in itertools.pairwise(steps)) <= k + 1


def test_more_is_asked_where_more_comes_up():
    quiet, busy = [0.1] * 100, [2.0] * 100
    steps = asked((quiet + busy) * 4, 10)
    in_busy = sum(step % 200 >= 100 for step in steps)
    assert in_busy > 1.5 * (len(steps) - in_busy)


def test_a_wish_stays_until_it_is_granted():
    wishes = ExpectedGain(5)
    assert all(wishes.wants(step, 1.0, 0.5) for step in range(4))
    wishes.sent(3)
    assert not wishes.wants(4, 1.0, 0.5)


@given(st.lists(st.floats(0, 100, allow_subnormal=False), max_size=200), st.integers(1, 20))
def test_the_budget_is_kept_whatever_comes_up(gains, k):
    steps = asked(gains, k)
    for first in range(len(steps)):
        for last in range(first, len(steps)):
            assert last - first + 1 <= 4 + (steps[last] - steps[first]) / k + 1e-6
