"""A worker with two batches at a time, in virtual time: when the second is given to it, and what becomes of both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.core import Answer, Reason, Variant
from jellyfish.devices.health import DeviceState
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.errors import DeviceLostError
from jellyfish.lab.simulation.timed_executor import Disturbance, TimedExecutor
from tests.dispatch.requests import IMAGE, SMALL
from tests.virtual import virtual

LEAD_S = 0.25
ALONE_S = (1.0, 1.5, 2.0, 2.5)
"""Batches of 1 to 4 frames, of which the device is busy with all but the lead."""
ENTRY = VariantLatency(SMALL, ALONE_S, ALONE_S, occupancy_s=tuple(each - LEAD_S for each in ALONE_S))
PROFILE = LatencyProfile("cpu", "a processor", "abc", (ENTRY,))


class Pipelined(TimedExecutor):
    """A device that runs one batch after the other, and is told of the next one while one runs."""

    in_flight = 2

    def __init__(self, disturbance: Disturbance | None = None) -> None:
        super().__init__(PROFILE, disturbance)
        self._device = asyncio.Lock()
        self.given: list[tuple[float, int]] = []
        """(when, how many frames) of each batch."""
        self.most = self._now = 0

    def lead_s(self, worker: int) -> float:
        return LEAD_S

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        self.given.append((asyncio.get_running_loop().time(), len(images)))
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await asyncio.sleep(LEAD_S)
            async with self._device:
                await asyncio.sleep(self._seconds(variants[0], len(images)) - LEAD_S)
        finally:
            self._now -= 1
        return [Answer()] * len(images)


@asynccontextmanager
async def serving(executor: Pipelined, batch: int = 4) -> AsyncIterator[Dispatcher]:
    served = Dispatcher(executor, PROFILE, SMALL, batch)
    task = asyncio.create_task(served.run())
    try:
        yield served
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def submit(served: Dispatcher, budget_s: float = 50.0) -> asyncio.Future[Answered | Dropped]:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Answered | Dropped] = loop.create_future()
    served.submit(Request("camera", 0, loop.time() + budget_s, loop.time(), IMAGE, done))
    return done


@virtual
async def test_the_next_batch_is_given_shortly_before_the_device_is_free_with_all_that_has_come_by_then() -> None:
    executor = Pipelined()
    async with serving(executor) as served:
        first = submit(served)
        await asyncio.sleep(0.2)
        second = submit(served)
        await asyncio.sleep(0.2)
        third = submit(served)
        assert await first == Answered(Answer(), SMALL, "cpu", 1, queue_s=0.0, execute_s=1.0)
        assert await second == Answered(Answer(), SMALL, "cpu", 2, queue_s=pytest.approx(0.8), execute_s=1.25)
        assert await third == Answered(Answer(), SMALL, "cpu", 2, queue_s=pytest.approx(0.6), execute_s=1.25)
    assert executor.given == [(0.0, 1), (0.5, 2)]


@virtual
async def test_a_device_that_is_idle_begins_at_once_and_one_batch_at_a_time_is_all_it_needs() -> None:
    executor = Pipelined()
    async with serving(executor) as served:
        for _ in range(3):
            assert await submit(served) == Answered(Answer(), SMALL, "cpu", 1, 0.0, execute_s=pytest.approx(1.0))
            await asyncio.sleep(0.5)
    assert executor.most == 1


@virtual
async def test_under_load_the_device_never_waits_for_the_host_and_no_more_than_two_are_in_flight() -> None:
    executor = Pipelined()
    async with serving(executor, batch=1) as served:
        waiting = [submit(served) for _ in range(9)]
        assert all(isinstance(each, Answered) for each in await asyncio.gather(*waiting))
        assert asyncio.get_running_loop().time() == pytest.approx(1.0 + 8 * 0.75)
        assert served.statistics().busy_s == pytest.approx(1.0 + 8 * 0.75)
        assert (served.statistics().batches, served.statistics().frames) == (9, 9)
        assert served.statistics().slow_down == pytest.approx(1.0)
    assert executor.most == 2


@virtual
async def test_what_cannot_be_on_time_behind_the_batch_that_runs_is_given_up_before_it_is_prepared() -> None:
    executor = Pipelined()
    async with serving(executor) as served:
        first = submit(served)
        await asyncio.sleep(0.1)
        hopeless, in_time = submit(served, budget_s=1.8), submit(served, budget_s=2.0)
        assert await hopeless == Dropped(Reason.EXPIRED)
        assert isinstance(await in_time, Answered) and isinstance(await first, Answered)
    assert executor.given == [(0.0, 1), (0.5, 1)]


def failing(*numbers: int, error: Exception | None = None) -> Disturbance:
    """These batches fail, by number from 0."""
    count = iter(range(10**9))

    def disturbance(variant: Variant, batch: int) -> float:
        if next(count) in numbers:
            raise error or RuntimeError("a kernel failed")
        return 1.0

    return disturbance


def test_the_batch_behind_one_that_fails_is_its_workers_test(caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def scenario() -> None:
        executor = Pipelined()
        fails = iter([True])

        async def run(
            variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
        ) -> list[Answer]:
            answer = await Pipelined.run(executor, variants, images, worker)
            if next(fails, False):
                raise RuntimeError("a kernel failed")
            return answer

        executor.run = run  # type: ignore[method-assign]
        async with serving(executor, batch=1) as served:
            first, second, third = (submit(served) for _ in range(3))
            assert await first == Dropped(Reason.DEVICE_ERROR)
            assert served.state is DeviceState.WORKING
            assert isinstance(await second, Answered) and isinstance(await third, Answered)
            assert len(executor.given) == 3

    with caplog.at_level(logging.WARNING):
        scenario()
    assert [record.message.partition(" on ")[0] for record in caplog.records] == ["cpu failed", "cpu works again"]


@virtual
async def test_two_batches_that_fail_put_the_worker_out_and_a_test_brings_it_back() -> None:
    executor = Pipelined(failing(0, 1))
    async with serving(executor, batch=1) as served:
        first, second = submit(served), submit(served)
        assert await first == await second == Dropped(Reason.DEVICE_ERROR)
        await asyncio.sleep(0.3)
        assert served.state is DeviceState.FAILING
        assert submit(served).result() == Dropped(Reason.DEVICE_ERROR)
        await asyncio.sleep(2.0)
        assert served.state is DeviceState.WORKING
        assert isinstance(await submit(served), Answered)
        assert served.statistics().dropped == {Reason.DEVICE_ERROR: 3}


@virtual
async def test_a_hang_costs_both_batches_and_nothing_is_given_to_it_until_they_have_ended() -> None:
    hangs = iter([100.0])
    executor = Pipelined(lambda variant, batch: next(hangs, 1.0))
    async with serving(executor, batch=1) as served:
        first, second, third = (submit(served, 1000.0) for _ in range(3))
        await asyncio.sleep(19.9)
        assert not any(each.done() for each in (first, second, third))
        await asyncio.sleep(0.2)
        assert first.result() == second.result() == third.result() == Dropped(Reason.DEVICE_ERROR)
        assert served.state is DeviceState.HANGING
        await asyncio.sleep(75.0)
        assert len(executor.given) == 2
        await asyncio.sleep(6.0)
        assert served.state is DeviceState.WORKING
        assert isinstance(await submit(served), Answered)


@virtual
async def test_the_second_batch_is_not_taken_to_hang_for_the_time_that_it_waits() -> None:
    times = iter([15.0, 15.0])
    executor = Pipelined(lambda variant, batch: next(times, 1.0))
    async with serving(executor, batch=1) as served:
        first, second = submit(served, 1000.0), submit(served, 1000.0)
        assert isinstance(await first, Answered) and isinstance(await second, Answered)
    assert executor.given[:2] == [(0.0, 1), (0.5, 1)]


@virtual
async def test_draining_answers_both_and_ends_all_loops() -> None:
    served = Dispatcher(Pipelined(), PROFILE, SMALL, 1)
    task = asyncio.create_task(served.run())
    running = [submit(served) for _ in range(3)]
    await asyncio.sleep(0.8)
    await served.drain()
    results = [each.result() for each in running]
    assert [isinstance(each, Answered) for each in results] == [True, True, False]
    assert results[2] == Dropped(Reason.SHUTDOWN)
    await task


@virtual
async def test_cancelling_the_loops_answers_both_batches() -> None:
    async with serving(Pipelined(), batch=1) as served:
        running = [submit(served) for _ in range(2)]
        await asyncio.sleep(0.8)
    assert [each.result() for each in running] == [Dropped(Reason.SHUTDOWN)] * 2


@virtual
async def test_in_overload_every_frame_has_one_outcome_and_more_are_in_time_than_one_by_one() -> None:
    class OneByOne(Pipelined):
        in_flight = 1

    in_time = {}
    for executor in (Pipelined(), OneByOne()):
        async with serving(executor) as served:
            outcomes = []
            for frame in range(300):
                outcomes.append(submit(served, 4.0 + frame % 3))
                await asyncio.sleep(0.3)
            results = await asyncio.gather(*outcomes)
        in_time[executor.in_flight] = sum(isinstance(result, Answered) for result in results)
        dropped = sum(served.statistics().dropped.values())
        assert (served.statistics().frames, dropped) == (in_time[executor.in_flight], 300 - in_time[executor.in_flight])
        late = [each for each in results if isinstance(each, Answered) and each.queue_s + each.execute_s > 6.0]
        assert not late
    assert in_time[2] > 1.05 * in_time[1]


def test_a_device_that_is_lost_is_not_tried_again_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    lost = DeviceLostError("the model failed with AcceleratorError: CUDA error: device-side assert triggered")

    @virtual
    async def an_hour(in_flight: int) -> None:
        executor = Pipelined(failing(*range(100), error=lost))
        executor.in_flight = in_flight
        async with serving(executor, batch=1) as served:
            first, second = submit(served), submit(served)
            assert await first == await second == Dropped(Reason.DEVICE_ERROR)
            for _ in range(3600):
                await asyncio.sleep(1.0)
                assert submit(served).result() == Dropped(Reason.DEVICE_ERROR)
            assert (served.state, served.takes_frames) == (DeviceState.FAILING, False)
            assert len(executor.given) == 1
            await served.drain()

    for in_flight in (1, 2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            an_hour(in_flight)
        (record,) = caplog.records
        assert record.getMessage() == f"cpu is lost until this server is started again: {lost}"
