"""A server of whatever model a test thinks up: it says its welcome, and answers every frame at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import msgspec
from aiohttp import WSMsgType, web

from jellyfish.core import Answer, InputSize, Task
from jellyfish.lab.simulation.network import HOST, PORT
from jellyfish.media.jpeg_header import read_header
from jellyfish.protocol import wire


class Came(NamedTuple):
    """A frame as the server got it."""

    resolution: int
    size: tuple[int, int]
    """(width, height) of its picture."""


def welcome(
    *inputs: InputSize, classes: tuple[str, ...] = ("person",), task: Task = Task.DETECTION, name: str = "any"
) -> wire.Welcome:
    """Of a server that has all frames sent at the largest of `inputs`."""
    plan = wire.PlanMessage(inputs[-1].resolution, f"net-{inputs[-1].resolution}", mapped=True, probe_interval_ms=250)
    resolutions = tuple(size.resolution for size in inputs)
    return wire.Welcome(classes, resolutions, 4, 10**6, plan, model=name, version="1", task=task, inputs=inputs)


@contextlib.asynccontextmanager
async def serving(
    said: wire.Welcome, answer: Callable[[int], Answer] = lambda frame: Answer()
) -> AsyncIterator[list[Came]]:
    """At the usual address, for the time of the context; what came there."""
    came: list[Came] = []

    async def stream(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        received = 0
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            match wire.decode(message.data):
                case wire.Hello():
                    await socket.send_bytes(wire.encode(said))
                case wire.Frame(frame, resolution, jpeg=jpeg):
                    header = read_header(jpeg)
                    came.append(Came(resolution, (header.width, header.height)))
                    received += 1
                    told = answer(frame)
                    result = wire.Result(frame, None, "", said.plan.variant, "cpu", 1, bandwidth_kbps=1e5)
                    result = msgspec.structs.replace(result, detections=told.detections, scores=told.scores)
                    await socket.send_bytes(wire.encode(result))
                case wire.Bye():
                    await socket.send_bytes(wire.encode(wire.Farewell(received, received, {})))
        return socket

    app = web.Application()
    app.router.add_get("/v1/stream", stream)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    assert runner.server is not None
    listener = await asyncio.get_running_loop().create_server(runner.server, HOST, PORT)
    try:
        yield came
    finally:
        listener.close()
        await runner.cleanup()
