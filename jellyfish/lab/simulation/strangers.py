"""Clients that misbehave: they send garbage, too much, or nothing; none of them may trouble the others."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import aiohttp

from jellyfish.lab.simulation.network import URL, MemoryConnector
from jellyfish.lab.simulation.scenario import AnyFault, Deaf, Flood, Garbage, Vanish
from jellyfish.protocol import wire

FRAME_BYTES = 10_000
FLOOD_FPS = 500.0
Stranger = Callable[[MemoryConnector, str, random.Random], Awaitable[None]]


async def misbehave(fault: AnyFault, name: str, start_s: float, seed: int) -> None:
    """Wait for the fault's time and misbehave until its end; nothing that happens to the stranger is an error here."""
    behaviour = _BEHAVIOURS.get(type(fault))
    if behaviour is None:
        return
    loop = asyncio.get_running_loop()
    await asyncio.sleep(start_s + fault.at_s - loop.time())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout_at(start_s + fault.end_s):
            while True:  # whoever is cut off comes back
                connector = MemoryConnector()
                with contextlib.suppress(aiohttp.ClientError, ConnectionError, AssertionError):
                    await behaviour(connector, name, random.Random(seed))
                await connector.close()
                await asyncio.sleep(0.1)


async def _garbage(connector: MemoryConnector, name: str, chance: random.Random) -> None:
    async with _connected(connector) as socket:
        for _ in range(20):
            await socket.send_bytes(chance.randbytes(chance.randrange(200)))
            await asyncio.sleep(0.01)


async def _flood(connector: MemoryConnector, name: str, chance: random.Random) -> None:
    async with _welcomed(connector, name) as socket:
        reading = asyncio.create_task(_read_all(socket))
        frame = 0
        try:
            while not socket.closed:
                await socket.send_bytes(_frame(frame))
                frame += 1
                await asyncio.sleep(1 / FLOOD_FPS)
        finally:
            reading.cancel()


async def _deaf(connector: MemoryConnector, name: str, chance: random.Random) -> None:
    async with _welcomed(connector, name) as socket:
        connector.stop_reading()
        for frame in range(1_000_000):
            async with asyncio.timeout(60.0):
                await socket.send_bytes(_frame(frame))
            await asyncio.sleep(1 / 15)


async def _vanish(connector: MemoryConnector, name: str, chance: random.Random) -> None:
    async with _welcomed(connector, name) as socket:
        await socket.send_bytes(_frame(0))
        connector.stop_reading()
        await asyncio.sleep(3600)


@contextlib.asynccontextmanager
async def _connected(connector: MemoryConnector):  # type: ignore[no-untyped-def]
    async with (
        aiohttp.ClientSession(connector=connector, connector_owner=False) as http,
        http.ws_connect(URL, autoclose=False) as socket,
    ):
        try:
            yield socket
        finally:
            connector.cut()


@contextlib.asynccontextmanager
async def _welcomed(connector: MemoryConnector, name: str):  # type: ignore[no-untyped-def]
    async with _connected(connector) as socket:
        await socket.send_bytes(wire.encode(wire.Hello(name, 15, 100)))
        while True:
            data = (await socket.receive()).data
            if not isinstance(data, bytes):
                raise ConnectionResetError("not let in")
            message = wire.decode(data)
            if isinstance(message, wire.Ping):
                await _pong(socket, message)
            if isinstance(message, wire.Welcome):
                break
        yield socket


async def _read_all(socket: aiohttp.ClientWebSocketResponse) -> None:
    async for received in socket:
        message = wire.decode(received.data)
        if isinstance(message, wire.Ping):
            await _pong(socket, message)


async def _pong(socket: aiohttp.ClientWebSocketResponse, ping: wire.Ping) -> None:
    now = asyncio.get_running_loop().time()
    await socket.send_bytes(wire.encode(wire.Pong(ping.server_s, now, now)))


def _frame(number: int) -> bytes:
    now = asyncio.get_running_loop().time()
    return wire.encode(wire.Frame(number, 128, now, now, bytes(FRAME_BYTES)))


_BEHAVIOURS: dict[type[AnyFault], Stranger] = {Garbage: _garbage, Flood: _flood, Deaf: _deaf, Vanish: _vanish}
