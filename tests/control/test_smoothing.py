from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.control.smoothing import ErrorBasedFilter, Ewma, HarmonicWindow, Spread

POSITIVE = st.floats(0.01, 1000.0)


def test_ewma_starts_at_its_first_sample_and_then_moves_by_the_rest() -> None:
    average = Ewma(keep=0.75)
    assert average.value is None
    assert average.add(4.0) == 4.0
    assert average.add(8.0) == 5.0


def test_error_based_filter_follows_growing_errors_and_holds_on_shrinking_ones() -> None:
    follower = ErrorBasedFilter()
    follower.add(1.0)
    assert follower.add(5.0) == 5.0
    held = follower.add(5.5)
    assert 5.0 < held < 5.5
    errors = (1.6, 0.6 * 1.6 + 0.4 * 0.5)
    assert held == pytest.approx(5.0 + 0.5 * errors[1] / errors[0])


@given(st.lists(POSITIVE, min_size=1))
def test_estimates_stay_between_the_extremes(samples: list[float]) -> None:
    for estimator in (Ewma(0.5), ErrorBasedFilter()):
        estimates = [estimator.add(sample) for sample in samples]
        assert min(samples) * 0.999999 <= min(estimates)
        assert max(estimates) <= max(samples) * 1.000001


def test_spread_begins_in_doubt_and_finds_the_standard_deviation_of_normal_errors() -> None:
    chance, spread = random.Random(1), Spread(0.5, keep=0.999)
    assert spread.deviation == pytest.approx(0.5)
    for _ in range(20_000):
        spread.add(chance.gauss(0.0, 0.1))
    assert spread.deviation == pytest.approx(0.1, rel=0.1)


def test_one_outlier_does_not_rule_the_spread() -> None:
    spread = Spread(0.1)
    spread.add(5.0)
    for _ in range(100):
        spread.add(0.0)
    assert spread.deviation < 0.02


def test_harmonic_window_means_the_last_second_only() -> None:
    window = HarmonicWindow(1.0)
    assert window.mean(0.0) is None
    for now, value in ((0.0, 100.0), (0.9, 2.0), (1.5, 6.0)):
        window.add(now, value)
    assert window.mean(1.5) == pytest.approx(3.0)


def test_harmonic_window_holds_the_last_value_when_nothing_is_recent() -> None:
    window = HarmonicWindow(1.0)
    window.add(0.0, 5.0)
    window.add(0.5, 7.0)
    assert window.mean(60.0) == 7.0
