"""The soak's verdict: a leak is found behind noise, and noise is not taken for one."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.soak_check import Sample, failures, slope_mb_per_min

IDLE = Sample(0.0, 700.0, 21, 9, 12)


def half_an_hour(rss_mb: Callable[[float], float], noise_mb: float = 1.0) -> list[Sample]:
    """Every 10 s; `rss_mb` of the minute."""
    draw = random.Random(1)
    times = [10.0 * number for number in range(181)]
    return [replace(IDLE, at_s=at_s, rss_mb=rss_mb(at_s / 60) + draw.gauss(0, noise_mb)) for at_s in times]


def test_a_process_that_stays_as_it_is_passes() -> None:
    assert failures(IDLE, half_an_hour(lambda minute: 700.0), IDLE) == []


def test_a_process_that_grows_at_first_and_then_no_more_passes() -> None:
    assert failures(IDLE, half_an_hour(lambda minute: 700.0 + 5 * min(minute, 8)), IDLE) == []


@pytest.mark.parametrize("mb_per_min", [0.2, 7.2])
def test_a_leak_is_found(mb_per_min: float) -> None:
    samples = half_an_hour(lambda minute: 700.0 + mb_per_min * minute)
    slope, most = slope_mb_per_min(samples)
    assert slope == pytest.approx(mb_per_min, abs=0.05)
    assert most > slope
    (found,) = failures(IDLE, samples, IDLE)
    assert "memory" in found


def test_what_cannot_be_told_from_a_leak_does_not_pass() -> None:
    (found,) = failures(IDLE, half_an_hour(lambda minute: 700.0, noise_mb=30.0), IDLE)
    assert "memory" in found


@pytest.mark.parametrize("name", ["descriptors", "threads", "tasks"])
def test_what_is_left_over_is_named(name: str) -> None:
    samples = half_an_hour(lambda minute: 700.0)
    (found,) = failures(IDLE, samples, replace(IDLE, **{name: getattr(IDLE, name) + 1}))
    assert found.startswith(name)
    assert failures(IDLE, samples, replace(IDLE, **{name: getattr(IDLE, name) - 1})) == []
