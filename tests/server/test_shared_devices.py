"""A server plans within its share of devices that other servers use, too, and names these to its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from jellyfish.config import Limits
from jellyfish.core import Variant
from jellyfish.devices.executor import DeviceGrant, Ran, Undecoded
from jellyfish.devices.health import DeviceState
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.lab.simulation.network import URL, at_url
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.models.model import Image
from jellyfish.protocol import wire
from jellyfish.server.service import Service
from tests.server.peer import LARGE, MODEL, PROFILE, SMALL, Peer, decode, http
from tests.virtual import virtual


class Shared(TimedExecutor):
    """A device that others use, too."""

    exchange_s = 0.0
    kind = "cpu"

    def __init__(self) -> None:
        super().__init__(PROFILE)
        self.grant = DeviceGrant()
        self.wanted: list[tuple[float, float]] = []
        self.on_there: Callable[[bool], None] = lambda is_there: None
        self.on_grant: Callable[[], None] = lambda: None

    def want(self, wanted: float, weight: float) -> None:
        self.wanted.append((wanted, weight))

    def give(self, grant: DeviceGrant) -> None:
        self.grant = grant
        self.on_grant()

    def seen(self) -> LatencyProfile:
        return PROFILE

    async def run_undecoded(
        self, variants: Sequence[Variant], images: Sequence[Image | Undecoded], worker: int = 0
    ) -> Ran:
        pictures = [each for each in images if not isinstance(each, Undecoded)]
        return Ran([*await self.run(variants, pictures, worker)], 0.5)


@virtual
async def test_plans_are_made_within_the_share_that_is_granted_and_what_could_be_used_is_said() -> None:
    device = Shared()
    service = Service([Dispatcher(device, PROFILE, SMALL, 4)], MODEL, decode, Limits())
    causes: list[str] = []
    service.on_change = causes.append
    async with at_url(service), http() as session, session.ws_connect(URL) as socket:
        peer = Peer(socket, asyncio.get_running_loop().time)
        await peer.send(wire.Hello("camera", 15, 100))
        assert (await peer.until(wire.Welcome)).alternatives == ()
        whole = service.observe(asyncio.get_running_loop().time())
        assert device.wanted == [], "nobody else is there"
        causes.clear()
        device.give(DeviceGrant(0.5, 0.02, ("ws://b/v1/stream", "ws://c/v1/stream")))
        assert causes == ["device"], "it is planned anew at once"
        shared = service.observe(asyncio.get_running_loop().time())
        (all_of_it,), (half,) = whole.devices, shared.devices
        assert half.keeps_s[0][0] == pytest.approx(2 * all_of_it.keeps_s[0][0])
        assert half.latency_s[0][0] == pytest.approx(all_of_it.latency_s[0][0] + 0.02)
        [(wanted, weight)] = device.wanted
        assert 0.0 < wanted < 1.0
        assert weight == pytest.approx(15.0)
        service.alternatives = ("ws://a/v1/stream", "ws://c/v1/stream")
        async with session.ws_connect(URL) as another:
            second = Peer(another, asyncio.get_running_loop().time)
            await second.send(wire.Hello("another", 15, 100))
            told = (await second.until(wire.Welcome)).alternatives
        assert told == ("ws://a/v1/stream", "ws://c/v1/stream", "ws://b/v1/stream")
        device.give(DeviceGrant())
        alone = service.observe(asyncio.get_running_loop().time())
        assert alone.devices[0].keeps_s == all_of_it.keeps_s


class Waiting(Shared):
    """A device on which each batch waits for those of other servers first."""

    def __init__(self, wait_s: float, grant: DeviceGrant) -> None:
        super().__init__()
        self.grant, self._wait_s = grant, wait_s

    async def run_undecoded(
        self, variants: Sequence[Variant], images: Sequence[Image | Undecoded], worker: int = 0
    ) -> Ran:
        await asyncio.sleep(self._wait_s)
        ran = await super().run_undecoded(variants, images, worker)
        return Ran(ran.found, self._wait_s)


@virtual
async def test_a_device_is_taken_neither_for_slow_nor_for_hanging_because_batches_wait_for_those_of_others() -> None:
    """With a fiftieth of it one has to wait long, as everybody knows."""
    loop = asyncio.get_running_loop()
    wait_s = 50 * PROFILE.of(SMALL).p50_s[0] + 1.0
    dispatcher = Dispatcher(Waiting(wait_s, DeviceGrant(0.02, 1.0)), PROFILE, SMALL, 4)
    running = asyncio.create_task(dispatcher.run())
    tables = [dispatcher.latency_table((SMALL, LARGE), loop.time(), care=0.0)]
    for number in range(20):
        done: asyncio.Future[Answered | Dropped] = loop.create_future()
        image = np.zeros((72, 128, 3), np.uint8)
        dispatcher.submit(Request("camera", number, loop.time() + 9.0, loop.time(), image, done))
        await asyncio.sleep(0.9 * wait_s)
        tables.append(dispatcher.latency_table((SMALL, LARGE), loop.time(), care=0.0))
        assert isinstance(await done, Answered)
        assert dispatcher.state is DeviceState.WORKING
    for table in tables:
        assert table[0][0] == pytest.approx(tables[0][0][0], rel=0.01)
    running.cancel()
