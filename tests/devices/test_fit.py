"""What comes on top of every batch is told from what all batches take longer by."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from jellyfish.devices.fit import TimeFit
from jellyfish.devices.slowdown import Pace

LEAST_S = 0.005


def fitted(truth: Callable[[float], float], profiled: Sequence[float], batches: int = 200) -> TimeFit:
    draw, fit = random.Random(3), TimeFit(LEAST_S)
    for _ in range(batches):
        profiled_s = draw.choice(profiled)
        fit.observe(truth(profiled_s) * draw.gauss(1.0, 0.1), profiled_s)
    return fit


def waits(profiled_s: float) -> float:
    """Beside a process that has a part of the core: a turn is waited for, then the batch runs as ever."""
    return profiled_s + 0.007


def twice(profiled_s: float) -> float:
    return 2 * profiled_s


def test_before_anything_is_known_the_profile_holds() -> None:
    assert TimeFit(LEAST_S).expected_s(0.03) == pytest.approx(0.03)


@pytest.mark.parametrize("truth", [waits, twice, lambda profiled_s: profiled_s])
def test_two_sizes_tell_the_parts_apart(truth: Callable[[float], float]) -> None:
    fit = fitted(truth, [0.006, 0.015])
    for profiled_s in (0.006, 0.015, 0.045):
        assert fit.expected_s(profiled_s) == pytest.approx(truth(profiled_s), rel=0.15)


def test_small_batches_alone_do_not_make_large_ones_twice_as_slow() -> None:
    """One factor would say 60 ms of the latter, of which a plan of small networks never learns better."""
    fit = fitted(lambda profiled_s: waits(profiled_s), [0.007])
    assert fit.expected_s(0.007) == pytest.approx(0.014, rel=0.1)
    assert fit.expected_s(0.03) < 0.045


def test_what_was_learnt_fades() -> None:
    fit = fitted(twice, [0.006, 0.015])
    for _ in range(600):
        fit.observe(0.01, 0.01)
    assert fit.expected_s(0.03) == pytest.approx(0.03, rel=0.15)


def test_one_stall_moves_little() -> None:
    fit = fitted(lambda profiled_s: profiled_s, [0.006, 0.015])
    fit.observe(5.0, 0.01)
    assert fit.expected_s(0.02) == pytest.approx(0.02, rel=0.1)


def test_plans_count_with_the_fit_and_with_what_lies_beyond_it_at_once() -> None:
    pace = Pace(1, least_s=LEAST_S)
    for _ in range(100):
        for profiled_s in (0.006, 0.015):
            pace.observe(0, waits(profiled_s), profiled_s)
    assert pace.beyond(0.0) * pace.fitted_s(0.03) == pytest.approx(waits(0.03), rel=0.05)
    for _ in range(40):
        pace.observe(0, 2 * waits(0.015), 0.015)
    assert pace.beyond(0.0) * pace.fitted_s(0.015) == pytest.approx(2 * waits(0.015), rel=0.1)
