"""Batches run for the first time when nobody waits for them, and plans know of no others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.control.problem import OUT_OF_SERVICE_S, DevicePlan
from jellyfish.core import Answer, Variant
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.lanes import make_lanes
from jellyfish.dispatch.warmth import EXTRA_S, Warmth, shapes_in_order
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from tests.dispatch.requests import LARGE, SMALL, profile
from tests.dispatch.test_dispatcher import serving, submit
from tests.virtual import virtual

VARIANTS = (SMALL, LARGE)
ORDER = shapes_in_order(VARIANTS, 2)


def seconds(shape: tuple[Variant, int]) -> float:
    return 0.01 * shape[1]


def test_the_smallest_and_the_largest_come_first_and_each_shape_once() -> None:
    many = tuple(Variant(number, "w") for number in range(9))
    order = shapes_in_order(many, 2)
    assert [variant.resolution for variant, _ in order[:5]] == [0, 8, 4, 2, 6]
    assert len(set(order)) == len(order) == 18
    assert [batch for _, batch in order] == 9 * [1] + 9 * [2]


def test_what_every_worker_has_run_may_run() -> None:
    warmth = Warmth(ORDER, workers=2, begun=1)
    assert [warmth.depth(variant) for variant in VARIANTS] == [1, 0]
    shape = warmth.next(0, seconds, clients=False)
    assert shape == (LARGE, 1)
    warmth.ran(0, shape, 0.05, 0.01)
    assert warmth.depth(LARGE) == 0
    warmth.ran(1, shape, 0.05, 0.01)
    assert warmth.depth(LARGE) == 1
    assert not warmth.complete


@pytest.mark.parametrize(("spare_s", "expected"), [(0.0, None), (EXTRA_S, None), (EXTRA_S + 0.011, (LARGE, 1))])
def test_with_clients_a_shape_is_run_where_all_frames_had_so_much_to_spare(
    spare_s: float, expected: tuple[Variant, int] | None
) -> None:
    warmth = Warmth(ORDER, 1, begun=1)
    assert warmth.next(0, seconds, clients=True) is None  # nothing is known of their frames
    for number in range(10):
        warmth.spare(number / 10, 1.0)
    warmth.spare(1.0, spare_s)
    assert warmth.next(0, seconds, clients=True) == expected
    assert warmth.next(0, seconds, clients=False) == (LARGE, 1)


def test_a_frame_that_was_short_of_time_is_forgotten_and_first_times_are_learnt_from() -> None:
    many = shapes_in_order(VARIANTS, 8)
    warmth = Warmth(many, 1, begun=1)
    warmth.spare(0.0, 0.0)
    for number in range(20):
        warmth.spare(2.1 + number / 100, 0.1)
    assert warmth.next(0, seconds, clients=True) is None  # the first time is taken to add more than that
    for shape in many[1:5]:
        warmth.ran(0, shape, seconds(shape) + 0.02, seconds(shape))
    assert warmth.next(0, seconds, clients=True) == many[5]


def test_a_worker_that_fails_at_it_prepares_no_more_and_nothing_is_taken_for_run() -> None:
    warmth = Warmth(ORDER, 1, begun=1)
    warmth.failed(0)
    assert warmth.next(0, seconds, clients=False) is None
    assert warmth.idle(0)
    assert warmth.depth(LARGE) == 0


def test_lanes_know_no_batch_that_has_not_run() -> None:
    table, accuracy = profile(), {SMALL: 0.5, LARGE: 0.9}
    depth = {SMALL: 2, LARGE: 1}
    (lane,) = make_lanes(DevicePlan(LARGE, 4), {LARGE: 4}, table, accuracy, 4, depth.__getitem__)
    assert lane.batch == 1
    assert [value < OUT_OF_SERVICE_S for value in lane.planned.latency_s] == [True, False, False, False]
    assert [value < OUT_OF_SERVICE_S for value in lane.quickest.latency_s] == [True, True, False, False]
    (alone,) = make_lanes(DevicePlan(LARGE, 1), {}, table, accuracy, 4, {SMALL: 0, LARGE: 1}.__getitem__)
    assert alone.quicker == ()


class Recording(TimedExecutor):
    """Remembers what ran, and when it began."""

    def __init__(self) -> None:
        super().__init__(profile())
        self.ran: list[tuple[float, Variant, int]] = []

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        self.ran.append((asyncio.get_running_loop().time(), variants[0], len(images)))
        return await super().run(variants, images, worker)


@virtual
async def test_a_server_without_clients_prepares_everything_and_tells_plans_so() -> None:
    executor, order = Recording(), shapes_in_order(VARIANTS, 4)
    served = Dispatcher(executor, profile(), SMALL, 4, warmth=Warmth(order, 1, begun=1))
    small, large = served.latency_table(VARIANTS, 0.0, care=0.0)
    assert small[0] < OUT_OF_SERVICE_S
    assert {*small[1:], *large} == {OUT_OF_SERVICE_S}
    async with serving(served):
        await asyncio.sleep(100.0)
    assert [(variant, batch) for _, variant, batch in executor.ran] == order[1:]
    assert max(max(row) for row in served.latency_table(VARIANTS, 0.0, care=0.0)) < OUT_OF_SERVICE_S
    assert served.statistics().frames == served.statistics().batches == 0


@virtual
async def test_with_clients_nothing_is_prepared_until_frames_have_time_to_spare() -> None:
    executor, order = Recording(), shapes_in_order(VARIANTS, 4)
    served = Dispatcher(executor, profile(), SMALL, 4, warmth=Warmth(order, 1, begun=1))
    served.apply(DevicePlan(SMALL, 1), {SMALL: 1})
    async with serving(served):
        await asyncio.sleep(10.0)
        assert executor.ran == []
        await submit(served, 1.1)
        await asyncio.sleep(10.0)
        assert len(executor.ran) == 1  # a frame that had 0.1 s to spare is no leave for anything
        for _ in range(8):
            await submit(served, 60.0)
            await asyncio.sleep(0.1)
        await asyncio.sleep(100.0)
    assert {(variant, batch) for _, variant, batch in executor.ran} == set(order)
