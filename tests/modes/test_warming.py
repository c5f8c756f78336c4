"""What runs before a server is ready: everything, but on a processor the first shapes alone."""

from __future__ import annotations

from typing import Any

import pytest

from jellyfish.config import CLIENTS_CHOOSE, ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.executor import Shape
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.warmth import shapes_in_order
from jellyfish.models.slimmable.street import RESOLUTIONS
from jellyfish.modes.warming import LEAST_SHAPES, WARM_UP_S, warmed
from tests.models.descriptions import described

VARIANTS = tuple(Variant(resolution, "w025e1") for resolution in RESOLUTIONS)
TIMES = (0.01, 0.02)
MODEL = described(*VARIANTS)


class Slow:
    """An executor whose every batch takes a second of a clock of its own."""

    model = MODEL

    def __init__(self, batch_s: float, loading: bool = False) -> None:
        self.now, self._batch_s = 0.0, batch_s
        self.loading = [self] if loading else []
        self.ran: list[Shape] = []

    def clock(self) -> float:
        return self.now

    async def warm(self, shapes: list[Shape], progress: Any = None) -> None:
        self.ran += shapes
        self.now += self._batch_s * len(shapes)


def device(executor: Slow, name: str = "cpu", measured: bool = False) -> OpenDevice:
    entries = tuple(VariantLatency(variant, TIMES, TIMES) for variant in VARIANTS)
    return OpenDevice(name, LatencyProfile(name, "", "", entries), executor, measured)  # type: ignore[arg-type]


def nothing(words: str, done: int, total: int) -> None:
    """Progress that nobody sees."""


@pytest.mark.parametrize(("batch_s", "expected"), [(WARM_UP_S / 4, 4), (10.0, LEAST_SHAPES), (0.0, 6)])
async def test_a_processor_runs_what_there_is_time_for(batch_s: float, expected: int) -> None:
    executor = Slow(batch_s)
    found = await warmed([device(executor)], ServerConfig(), VARIANTS, nothing, executor.clock)
    order = shapes_in_order(VARIANTS, 2)
    assert executor.ran == order[:expected]
    run = {variant for variant, _ in executor.ran}
    assert [found["cpu"].depth(variant) for variant in VARIANTS] == [2 * (variant in run) for variant in VARIANTS]


async def test_where_clients_choose_each_variant_has_run() -> None:
    executor = Slow(10.0)
    config = ServerConfig(planner=CLIENTS_CHOOSE)
    found = await warmed([device(executor)], config, VARIANTS, nothing, executor.clock)
    assert all(found["cpu"].depth(variant) == 2 for variant in VARIANTS)


async def test_what_has_just_been_measured_is_not_run_again() -> None:
    executor = Slow(1.0)
    found = await warmed([device(executor, measured=True)], ServerConfig(), VARIANTS, nothing)
    assert executor.ran == []
    assert all(found["cpu"].depth(variant) == 2 for variant in VARIANTS)


async def test_on_a_gpu_and_of_networks_that_are_loaded_all_is_run_before_anybody_waits() -> None:
    gpu, processor = Slow(10.0), Slow(10.0, loading=True)
    assert await warmed([device(gpu, "cuda:0")], ServerConfig(), VARIANTS, nothing, gpu.clock) == {}
    assert await warmed([device(processor)], ServerConfig(), VARIANTS, nothing, processor.clock) == {}
    assert set(gpu.ran) == set(processor.ran) == set(shapes_in_order(VARIANTS, 2))
