"""A frame has its outcome when its client wants the answer, at the latest, whatever holds it up; and who is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.config import Limits
from jellyfish.core import InputSize, Reason, Variant
from jellyfish.devices.health import HANGING_S
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Request
from jellyfish.lab.simulation.network import at_url
from jellyfish.lab.simulation.timed_executor import Disturbance, TimedExecutor
from jellyfish.protocol import wire
from jellyfish.server.service import Service
from tests.server.peer import MODEL, PROFILE, SMALL, decode, http, running, welcomed
from tests.virtual import virtual


def hanging_once(for_s: float) -> Disturbance:
    hangs = iter([for_s / 0.002])
    return lambda variant, batch: next(hangs, 1.0)


@virtual
async def test_frames_on_a_device_that_hangs_expire_when_they_are_due_and_late_answers_count_for_nothing() -> None:
    async with running(disturbance=hanging_once(0.3)) as service, welcomed(slo_ms=100.0) as peer:
        account = service.sessions["camera"].account
        for number in range(4):
            await peer.send_frame(number)
            await asyncio.sleep(0.001 if number == 0 else 0.0)  # the others find the device busy
        began_s = peer.clock()
        results = [await peer.until(wire.Result) for _ in range(4)]
        assert sorted((each.frame, each.reason) for each in results) == [
            (number, Reason.EXPIRED) for number in range(4)
        ]
        assert peer.clock() - began_s == pytest.approx(0.1, abs=2e-3)
        assert (account.open, account.dropped) == (0, {"expired": 4})
        await asyncio.sleep(1.0)  # the batch ends meanwhile
        await peer.send_frame(4)
        assert (await peer.until(wire.Result)).frame == 4
        assert (account.received, account.answered, account.dropped) == (5, 1, {"expired": 4})
        assert service.dispatchers["cpu"].statistics().frames == 2  # those that waited were never run


@virtual
async def test_a_frame_whose_decoder_hangs_expires_too() -> None:
    async def never(jpeg: bytes, size: InputSize, until_s: float, decodes: bool) -> NDArray[np.uint8]:
        await asyncio.sleep(1e6)
        raise AssertionError

    async with running() as service, welcomed(slo_ms=100.0) as peer:
        service.sessions["camera"]._images.as_taken = never
        await peer.send_frame(0)
        began_s = peer.clock()
        assert (await peer.until(wire.Result)).reason is Reason.EXPIRED
        assert peer.clock() - began_s == pytest.approx(0.1, abs=1e-3)


@virtual
async def test_an_answer_later_than_the_devices_deadline_is_sent_as_long_as_it_may_be_in_time() -> None:
    """The clocks agree and the network takes no time, so that deadline is only the margin earlier."""
    async with running(disturbance=hanging_once(0.0999)), welcomed(slo_ms=100.0) as peer:
        await peer.send_frame(0)
        assert (await peer.until(wire.Result)).reason is None


@virtual
async def test_clients_of_the_only_device_hear_at_once_that_it_hangs_even_with_time_to_spare() -> None:
    async with running(disturbance=hanging_once(5.0)), welcomed(slo_ms=60_000.0) as peer:
        await peer.send_frame(0)
        began_s = peer.clock()
        assert (await peer.until(wire.Result)).reason is Reason.DEVICE_ERROR
        assert peer.clock() - began_s == pytest.approx(HANGING_S, abs=0.01)
        await peer.send_frame(1)
        assert (await peer.until(wire.Result)).reason is Reason.DEVICE_ERROR
        assert peer.clock() - began_s == pytest.approx(HANGING_S, abs=0.01)
        await asyncio.sleep(5.0)
        await peer.send_frame(2)
        assert (await peer.until(wire.Result)).reason is None


@contextlib.asynccontextmanager
async def two_devices(first: Disturbance) -> AsyncIterator[Service]:
    profiles = [msgspec.structs.replace(PROFILE, device=name) for name in ("gpu-0", "gpu-1")]
    dispatchers = [
        Dispatcher(TimedExecutor(profiles[0], first), profiles[0], SMALL, 4),
        Dispatcher(TimedExecutor(profiles[1]), profiles[1], SMALL, 4),
    ]
    service = Service(dispatchers, MODEL, decode, Limits())
    service.ready = True
    tasks = [asyncio.create_task(each.run()) for each in dispatchers]
    try:
        async with at_url(service):
            yield service
    finally:
        for task in tasks:
            task.cancel()


@virtual
async def test_readiness_names_each_device_and_tells_degraded_from_ready() -> None:
    def broken(variant: Variant, batch: int) -> float:
        raise RuntimeError("out of memory")

    async with two_devices(broken) as service, welcomed() as peer, http() as session:
        before = await session.get("http://server/readyz")
        assert (await before.json())["status"] == "ready"
        await peer.send_frame(0)
        await peer.until(wire.Result)
        await asyncio.sleep(0.01)
        after = await session.get("http://server/readyz")
        devices = {"gpu-0": "failing", "gpu-1": "working"}
        assert (after.status, await after.json()) == (
            200,
            {"status": "degraded", "model": "tested", "clients": 1, "devices": devices},
        )
        late = service.join(wire.Hello("late", 15, 100), peer.send)
        assert late._dispatcher.device == "gpu-1"


@virtual
async def test_a_device_that_comes_and_goes_is_planned_with_only_where_there_is_no_other() -> None:
    loop = asyncio.get_running_loop()

    def flapping(variant: Variant, batch: int) -> float:
        if loop.time() % 0.2 < 0.1:
            raise RuntimeError("out of memory")
        return 1.0

    async def frames(dispatcher: Dispatcher) -> None:
        for _ in range(20):
            done = loop.create_future()
            dispatcher.submit(Request("", 0, loop.time() + 1, loop.time(), np.zeros((9, 16, 3), np.uint8), done))
            await asyncio.sleep(0.03)

    async with two_devices(flapping) as service:
        first, second = service.dispatchers.values()
        await frames(first)
        await asyncio.sleep(0.395 - loop.time() % 0.2)  # late in a half in which it works
        assert first.takes_frames
        assert [each.serves for each in service.observe(loop.time()).devices] == [False, True]
        second._executor = first._executor
        await frames(second)
        await asyncio.sleep(0.395 - loop.time() % 0.2)
        assert first.takes_frames and second.takes_frames
        assert [each.serves for each in service.observe(loop.time()).devices] == [True, True]
