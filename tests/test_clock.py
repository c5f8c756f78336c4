"""The clock: finer than the event loop's own, which counts whole milliseconds under uvloop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import pytest
import uvloop
from numpy.typing import NDArray

from jellyfish.clock import call_at, seconds_now, timeout_at
from jellyfish.control.clock_offset import ClockOffset
from jellyfish.core import Answer, Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered, Request
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from jellyfish.waiting import sleep_until

SMALL = Variant(128, "w025e1")
IMAGE = np.zeros((1, 1, 3), np.uint8)


class CoarseLoop(VirtualLoop):
    """Virtual time whose `time()` is cut to whole milliseconds; `passes` lets time go by while a callback runs."""

    def time(self) -> float:
        return math.floor(self._now * 1000 + 1e-9) / 1000

    def passes(self, seconds: float) -> None:
        self._now += seconds


def coarsely(test: Callable[[CoarseLoop], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=CoarseLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, CoarseLoop)
        runner.run(_awaited(test(loop)))


async def _awaited(test: Awaitable[None]) -> None:
    await test


class ExactDevice:
    """Takes the same time for every batch, which is no timer's business."""

    def __init__(self, loop: CoarseLoop, seconds: float) -> None:
        self._loop, self._seconds = loop, seconds

    def ready(self, variant: Variant) -> Variant:
        return variant

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        self._loop.passes(self._seconds)
        return [Answer()] * len(images)

    async def warm(self, shapes: Any, progress: Any = None) -> None:
        return

    def give_up(self, worker: int) -> None:
        return

    def close(self) -> None:
        return


@pytest.mark.parametrize("device_s", [0.0007, 0.0013])
def test_an_exact_device_is_as_fast_as_its_profile_however_quick_it_is(device_s: float) -> None:
    async def serve(loop: CoarseLoop) -> None:
        profile = LatencyProfile("cpu", "none", "", (VariantLatency(SMALL, (device_s,), (device_s,)),))
        dispatcher = Dispatcher(ExactDevice(loop, device_s), profile, SMALL, 1)
        running = asyncio.create_task(dispatcher.run())
        by_the_loop = set()
        for number in range(300):
            done: asyncio.Future[Any] = loop.create_future()
            began_s = loop.time()
            dispatcher.submit(Request("camera", number, seconds_now() + 1.0, seconds_now(), IMAGE, done))
            answer = await done
            assert isinstance(answer, Answered)
            assert answer.execute_s == pytest.approx(device_s)
            by_the_loop.add(round(loop.time() - began_s, 6))
            loop.passes(0.00033)
            assert dispatcher.statistics().slow_down == pytest.approx(1.0, rel=0.02)
            assert dispatcher.quickest_s(SMALL) == pytest.approx(device_s, rel=0.02)
        assert len(by_the_loop) > 1  # the loop's own clock would have told now one time, now another
        running.cancel()

    coarsely(serve)


def refused_exchanges(loop: CoarseLoop, clock: Callable[[], float]) -> int:
    """Of 300 exchanges with an exact client next door, 0.15 ms there and back, by this clock."""
    offset, refused = ClockOffset(), 0
    for _ in range(300):
        asked_s = clock()
        loop.passes(0.00015)
        received_s = 5.0 + loop.now()
        loop.passes(0.00011)
        sent_s = 5.0 + loop.now()
        loop.passes(0.00015)
        refused += not offset.exchange(asked_s, received_s, sent_s, clock())
        loop.passes(0.00737)
    assert clock != seconds_now or offset.offset_s == pytest.approx(5.0, abs=1e-6)
    return refused


def test_no_exchange_with_a_client_next_door_is_refused() -> None:
    async def exchange(loop: CoarseLoop) -> None:
        assert refused_exchanges(loop, seconds_now) == 0
        assert refused_exchanges(loop, loop.time) > 100  # what it was like by the loop's own clock

    coarsely(exchange)


def on_uvloop(test: Awaitable[None]) -> None:
    uvloop.run(_awaited(test))


def test_under_uvloop_the_clock_is_finer_than_the_loops() -> None:
    async def read() -> None:
        readings = {seconds_now() for _ in range(200)}
        assert len(readings) > 100
        loops = {asyncio.get_running_loop().time() for _ in range(200)}
        assert all(reading == round(reading, 3) for reading in loops)  # the loop's own counts whole milliseconds

    on_uvloop(read())


def test_under_uvloop_nobody_wakes_before_the_time_and_timers_are_right_to_a_millisecond() -> None:
    async def wait() -> None:
        loop = asyncio.get_running_loop()
        awake, called = list[float](), list[float]()
        for step in range(60):
            time_s = seconds_now() + 0.0003 + step * 0.00017
            await sleep_until(loop, time_s)
            awake.append(seconds_now() - time_s)
            fired: asyncio.Future[float] = loop.create_future()
            time_s = seconds_now() + 0.001 + step * 0.00007
            call_at(loop, time_s, lambda fired=fired: fired.set_result(seconds_now()))
            called.append(await fired - time_s)
        assert min(awake) >= 0.0
        assert min(called) >= -0.0011

    on_uvloop(wait())


def test_a_timeout_is_told_by_the_clock() -> None:
    async def wait() -> None:
        due_s = seconds_now() + 0.02
        with pytest.raises(TimeoutError):
            async with timeout_at(due_s):
                await asyncio.Event().wait()
        assert seconds_now() > due_s - 0.002

    on_uvloop(wait())
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(_awaited(wait()))
