"""The predictive controller's problem: its solution is that of trying everything."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.camera.controllers.horizon import Forecast, best_first
from jellyfish.camera.controllers.mpc import Mpc
from tests.camera.controllers.situations import RESOLUTIONS, answer, size, terms

TIMES_MS = st.integers(0, 60)


@st.composite
def forecasts(draw: st.DrawFn) -> Forecast:
    sizes = draw(st.integers(1, 5))
    columns = [draw(st.lists(TIMES_MS, min_size=sizes, max_size=sizes)) for _ in range(3)]
    network, device, accuracy = columns
    return Forecast(
        [ms / 1000 for ms in network],
        [ms / 1000 for ms in device],
        [float(value) for value in accuracy],
        draw(st.integers(1, 60)) / 1000,
        draw(st.integers(20, 120)) / 1000,
        draw(st.integers(0, 200)) / 1000,
        draw(st.integers(0, sizes - 1)),
    )


def worth(forecast: Forecast, sizes: tuple[int, ...], switch: float) -> float | None:
    """By the model's own words; None when a deadline is missed."""
    e2e_s, before, total = forecast.e2e_s, forecast.running, 0.0
    for m in sizes:
        network_s = forecast.network_s[m]
        e2e_s = network_s + forecast.device_s[m] + max(0.0, e2e_s - forecast.interval_s - network_s)
        if e2e_s > forecast.deadline_s + 1e-9:
            return None
        total += forecast.accuracy[m] - switch * abs(forecast.accuracy[m] - forecast.accuracy[before])
        before = m
    return total


@settings(max_examples=500)
@given(forecast=forecasts(), horizon=st.integers(1, 4), switch=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_the_best_sequence_is_found(forecast: Forecast, horizon: int, switch: float) -> None:
    off_the_edge = Forecast(
        forecast.network_s, forecast.device_s, forecast.accuracy, forecast.interval_s,
        forecast.deadline_s + 1e-5, forecast.e2e_s, forecast.running,
    )  # fmt: skip
    sequences = itertools.product(range(len(forecast.accuracy)), repeat=horizon)
    worths = {sizes: value for sizes in sequences if (value := worth(off_the_edge, sizes, switch)) is not None}
    found = best_first(off_the_edge, horizon, switch_weight=switch)
    if not worths:
        assert found is None
        return
    assert found is not None
    first, value = found
    assert value == pytest.approx(max(worths.values()))
    assert max(worths[sizes] for sizes in worths if sizes[0] == first) == pytest.approx(value)


def test_a_queue_is_let_run_dry_before_a_large_frame() -> None:
    """Sent at once, the large one would wait for the frame before it."""
    network_s, device_s, accuracy = (0.005, 0.03), (0.005, 0.04), (50.0, 100.0)
    late = best_first(Forecast(network_s, device_s, accuracy, 0.04, 0.09, e2e_s=0.12, running=0))
    early = best_first(Forecast(network_s, device_s, accuracy, 0.04, 0.09, e2e_s=0.05, running=0))
    assert late == (0, 400.0)
    assert early == (1, 450.0)


def test_one_that_cannot_be_in_time_falls_to_the_size_that_is_done_first() -> None:
    controller = Mpc(terms())
    for _ in range(50):
        answer(controller, 0.02, size(controller) or 0)
    assert size(controller) == RESOLUTIONS[-1]
    answer(controller, 5.0, RESOLUTIONS[-1])
    assert size(controller) == RESOLUTIONS[0]
