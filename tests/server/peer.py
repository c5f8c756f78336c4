"""A server on a virtual-time loop with in-memory sockets, a timed device, and a hand-driven client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import aiohttp
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from jellyfish.config import Limits
from jellyfish.control.problem import DevicePlan, Plan
from jellyfish.core import Answer, InputSize, Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.network import URL, MemoryConnector, at_url
from jellyfish.lab.simulation.timed_executor import Disturbance, TimedExecutor
from jellyfish.media.jpeg import decode_jpeg, encode_jpeg
from jellyfish.protocol import wire
from jellyfish.server.access import Access
from jellyfish.server.administration import Administration
from jellyfish.server.service import Service
from tests.models.descriptions import described

SMALL, LARGE = Variant(128, "w025"), Variant(448, "w100")
PROFILE = LatencyProfile(
    "cpu",
    "a processor",
    "abc",
    (
        VariantLatency(SMALL, (0.002, 0.003, 0.004, 0.005), (0.002, 0.003, 0.004, 0.005)),
        VariantLatency(LARGE, (0.020, 0.030, 0.040, 0.050), (0.020, 0.030, 0.040, 0.050)),
    ),
)
JPEG = encode_jpeg(np.zeros((72, 128, 3), np.uint8))
MessageT = TypeVar("MessageT", bound=wire.Message)


MODEL = described(SMALL, LARGE)


class Finding(TimedExecutor):
    """A device that finds the same in every frame."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(PROFILE)
        self._answer = answer

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        return [self._answer] * len(await super().run(variants, images, worker))


async def decode(jpeg: bytes, size: InputSize) -> NDArray[np.uint8]:
    return decode_jpeg(jpeg, 4096, 4096)


@contextlib.asynccontextmanager
async def running(
    limits: Limits | None = None,
    disturbance: Disturbance | None = None,
    access: Access | None = None,
    administration: Administration | None = None,
    finds: Answer | None = None,
    routes: Callable[[Service], Iterable[web.RouteDef]] = lambda service: (),
) -> AsyncIterator[Service]:
    """A service behind its HTTP application on the in-memory host `server`, port 80. `finds`: in every frame."""
    executor = TimedExecutor(PROFILE, disturbance) if finds is None else Finding(finds)
    dispatcher = Dispatcher(executor, PROFILE, SMALL, 4)
    service = Service([dispatcher], MODEL, decode, limits or Limits())
    task = asyncio.create_task(dispatcher.run())
    try:
        async with at_url(service, access, administration, routes(service)):
            yield service
    finally:
        task.cancel()


@contextlib.asynccontextmanager
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=MemoryConnector()) as session:
        yield session


class Peer:
    """A client whose every message the test chooses; pings are answered by `until`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, clock: Callable[[], float]) -> None:
        self.socket, self.clock = socket, clock

    async def send(self, message: wire.Message) -> None:
        await self.socket.send_bytes(wire.encode(message))

    async def send_frame(self, number: int, jpeg: bytes = JPEG, captured_s: float | None = None) -> None:
        now = self.clock()
        await self.send(wire.Frame(number, 128, now if captured_s is None else captured_s, now, jpeg))

    async def until(self, kind: type[MessageT]) -> MessageT:
        """The next message of `kind`; others are passed over, pings answered."""
        while True:
            received = await self.socket.receive()
            assert received.type is aiohttp.WSMsgType.BINARY, f"closed instead of a {kind.__name__}: {received}"
            message = wire.decode(received.data)
            if isinstance(message, kind):
                return message
            if isinstance(message, wire.Ping):
                now = self.clock()
                await self.send(wire.Pong(message.server_s, now, now))


@contextlib.asynccontextmanager
async def connected(clock_ahead_s: float = 0.0) -> AsyncIterator[Peer]:
    """A peer that has not said hello yet."""
    loop = asyncio.get_running_loop()
    async with http() as session, session.ws_connect(URL) as socket:
        yield Peer(socket, lambda: loop.time() + clock_ahead_s)


@contextlib.asynccontextmanager
async def welcomed(name: str = "camera", slo_ms: float = 100.0, clock_ahead_s: float = 0.0) -> AsyncIterator[Peer]:
    """A peer whose stream is open."""
    async with connected(clock_ahead_s) as peer:
        await peer.send(wire.Hello(name, 15, slo_ms))
        await peer.until(wire.Welcome)
        yield peer


def everyone_on(variant: Variant, *clients: str) -> Plan:
    return Plan({"cpu": DevicePlan(variant, 4)}, dict.fromkeys(clients, "cpu"))


async def refused(peer: Peer, cause: Awaitable[None]) -> wire.ErrorMessage:
    """The error message that `cause` brings, after which the connection is closed."""
    await cause
    error = await peer.until(wire.ErrorMessage)
    assert (await peer.socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    return error
