"""More care never promises more; what it costs and buys is measured by benchmarks/care.py."""

from __future__ import annotations

import asyncio
import math
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.control import care
from jellyfish.control.estimator import ClientEstimator
from jellyfish.control.problem import DeviceOption, Problem
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.scenario import Clients, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from tests.control.problems import best_by_trying_all

CARES = st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0)).map(sorted)
VARIANTS = (Variant(128, "w100"), Variant(256, "w100"), Variant(448, "w100"))
PROFILE = LatencyProfile(
    "cpu",
    "test",
    "",
    tuple(
        VariantLatency(variant, (median_s, 1.5 * median_s), (1.2 * median_s, 1.8 * median_s))
        for variant, median_s in zip(VARIANTS, (0.004, 0.01, 0.025), strict=True)
    ),
)
ON_LTE = Scenario(
    "LTE-like uplinks",
    20.0,
    (SimulatedDevice("gpu-0"), SimulatedDevice("gpu-1")),
    (Clients("a", 4, 15.0, 100.0, "lte", 10.0), Clients("b", 4, 25.0, 150.0, "lte", 10.0)),
)


def known_client(seed: int) -> ClientEstimator:
    """A client on a link of 10 Mbit/s or so, whose frames and overheads differ as `seed` says."""
    chance, estimator, now = random.Random(seed), ClientEstimator(), 0.0
    estimator.exchange(0.0, 0.005, 0.005, 0.01)
    for step in range(chance.randint(0, 40)):
        size_bytes = round(10_000 * chance.lognormvariate(0.0, 0.2))
        sent_s = max(step / 15, now)
        now = sent_s + 0.005 + 8 * size_bytes / 1e7 * chance.lognormvariate(0.0, 0.3)
        estimator.frame_arrived(sent_s, now, size_bytes, 256)
        estimator.overhead_sample(chance.uniform(0.001, 0.01), 0.0)
    return estimator


def budgets(seed: int, taken: float) -> tuple[float, ...]:
    return known_client(seed).demand(3.0, "gate", 15.0, 0.1, VARIANTS, taken).budget_s


def latencies(taken: float, ratios: list[float]) -> tuple[tuple[float, ...], ...]:
    """What a device that was so much slower than its profile, batch by batch, is planned with."""

    async def table() -> tuple[tuple[float, ...], ...]:
        dispatcher = Dispatcher(TimedExecutor(PROFILE), PROFILE, VARIANTS[0], 2)
        for ratio in ratios:
            dispatcher._pace.observe(0, ratio, 1.0)
        return dispatcher.latency_table(VARIANTS, 0.0, taken)

    return asyncio.run(table())


def test_care_zero_is_what_is_usual_and_one_the_ninety_ninth_percentile() -> None:
    assert care.batch_s(0.0, 0.020, 0.024) == 0.020
    assert care.batch_s(1.0, 0.020, 0.024) == pytest.approx(0.024)
    assert care.batch_s(2.0, 0.020, 0.024) == pytest.approx(0.024 * 1.2)
    assert care.bandwidth_bps(0.0, 1e7, 4e6, 0.5) == 1e7
    assert care.bandwidth_bps(1.0, 1e7, 4e6, 0.5) == pytest.approx(4e6 * math.exp(-0.5))
    assert care.bandwidth_bps(2.0, 1e7, 3e7, 0.5) == pytest.approx(1e7 * math.exp(-1.0))
    assert care.overhead_s(0.0, 0.004, 0.001) == 0.004
    assert care.overhead_s(2.0, 0.004, 0.001) == pytest.approx(0.006)


def test_without_care_budgets_are_those_of_the_mean() -> None:
    estimator = known_client(3)
    bandwidth_bps = estimator.bandwidth_bps(3.0)
    expected = 0.1 - (estimator.sizes.bits(256) + 8000) / bandwidth_bps - 0.01 - estimator.overhead_s
    assert budgets(3, 0.0)[1] == pytest.approx(expected)


@given(CARES, st.integers(0, 1000))
def test_more_care_never_raises_a_budget(taken: list[float], seed: int) -> None:
    less, more = (budgets(seed, each) for each in taken)
    assert all(careful <= careless for careful, careless in zip(more, less, strict=True))


@given(st.floats(0.0, 3.0), st.integers(0, 1000))
def test_care_refuses_nobody_the_smallest_resolution(taken: float, seed: int) -> None:
    assert budgets(seed, taken)[0] == budgets(seed, 0.0)[0]


@given(CARES, st.lists(st.floats(0.5, 3.0), max_size=10))
def test_more_care_never_makes_a_device_quicker(taken: list[float], ratios: list[float]) -> None:
    less, more = (latencies(each, ratios) for each in taken)
    assert all(
        slow >= quick for one, other in zip(more, less, strict=True) for slow, quick in zip(one, other, strict=True)
    )


def test_at_care_one_a_device_is_planned_with_its_p99_times_its_slow_down() -> None:
    twice = [2.0] * 60
    assert latencies(1.0, twice)[1] == pytest.approx((2 * 1.2 * 0.01, 2 * 1.8 * 0.01), rel=0.02)
    assert latencies(0.0, twice)[1] == pytest.approx((2 * 0.01, 2 * 1.5 * 0.01), rel=0.02)


@given(CARES, st.lists(st.integers(0, 1000), min_size=1, max_size=4))
def test_more_care_never_raises_the_planned_load(taken: list[float], seeds: list[int]) -> None:
    def best(each: float) -> tuple[int, float]:
        clients = tuple(known_client(seed).demand(3.0, f"c{number}", 15.0, 0.1, VARIANTS, each)
                        for number, seed in enumerate(seeds))  # fmt: skip
        device = DeviceOption("gpu", latencies(each, []))
        return best_by_trying_all(Problem(clients, (device,), VARIANTS, (0.3, 0.5, 0.7)))

    assert best(taken[1]) <= best(taken[0])


def test_where_uplinks_change_quickly_care_keeps_frames_on_time(tmp_path: Path) -> None:
    missed, accuracy = [], []
    for taken in (0.0, 2.0):
        summary, _ = run_scenario(msgspec.structs.replace(ON_LTE, care=taken), tmp_path / f"care-{taken:g}")
        missed.append(summary.offered - summary.on_time)
        accuracy.append(summary.accuracy.expected_on_time or 0.0)
    assert missed[1] < 0.6 * missed[0]
    assert accuracy[1] < accuracy[0]
