"""Times about their median: what is kept of them, and draws that are like them."""

from __future__ import annotations

import numpy as np
import pytest

from jellyfish.devices.profile.persistence import persistence_of
from jellyfish.devices.profile.variation import (
    LEVELS,
    USUAL,
    Ratios,
    Variation,
    usual_variation,
    variation_of,
)


def draws(variation: Variation, count: int = 20_000, seed: str = "a") -> list[float]:
    ratios = Ratios(seed)
    return [ratios.next(variation) for _ in range(count)]


def test_draws_have_the_measured_quantiles_up_to_the_tail() -> None:
    measured = np.random.default_rng(0).gamma(2.0, 0.2, 50_000) + 0.6
    drawn = draws(variation_of(measured, 0.0), 50_000)
    for level in (0.1, 0.5, 0.9, 0.99, 0.998):
        assert np.quantile(drawn, level) == pytest.approx(np.quantile(measured, level), rel=0.02)
    assert min(measured) - 1e-3 <= min(drawn)
    assert max(drawn) <= max(measured) + 1e-3


@pytest.mark.parametrize("persistence", [0.0, 0.3, 0.8])
def test_neighbouring_draws_are_as_alike_as_was_measured(persistence: float) -> None:
    assert persistence_of(draws(Variation(USUAL, persistence))) == pytest.approx(persistence, abs=0.03)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    usual = Variation(USUAL, 0.3)
    assert draws(usual, 50) == draws(usual, 50) != draws(usual, 50, seed="b")


def test_few_samples_make_the_usual_tail_wider_or_narrower() -> None:
    seen = USUAL[LEVELS.index(0.9)]
    assert usual_variation(np.array([1.0] * 8 + [seen] * 3), 0.0).quantiles == pytest.approx(USUAL)
    wide = usual_variation(np.array([1.0] * 8 + [seen**2] * 3), 0.0)
    assert wide.quantiles[-1] == pytest.approx(USUAL[-1] ** 2, rel=1e-3)
    calm = usual_variation(np.ones(10), 0.0)
    assert 1.0 < calm.quantiles[-1] < USUAL[-1]


def test_times_that_never_vary_tell_nothing_of_the_next() -> None:
    assert persistence_of([1.0, 1.0, 1.0, 1.0]) == 0.0
