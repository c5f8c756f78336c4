"""A server in virtual time whose device sees something, and clients that ask for inference over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import aiohttp
import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.clock import seconds_now
from jellyfish.config import Limits
from jellyfish.core import Answer, Detection, InputSize, Variant
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.network import HOST, PORT, MemoryConnector, at_url
from jellyfish.lab.simulation.timed_executor import Disturbance, TimedExecutor
from jellyfish.media.decoding_still import decode_still
from jellyfish.media.still import Still
from jellyfish.modes.assembly import ServerParts, assembled, policy
from jellyfish.modes.window_log import OnWindow
from jellyfish.server.service import Service
from tests.server.peer import JPEG, MODEL, PROFILE, SMALL

BASE = f"http://{HOST}:{PORT}"
RISING = replace(MODEL, sizes=tuple(replace(size, accuracy=size.variant.resolution / 1000) for size in MODEL.sizes))
"""The model, whose larger sizes find more."""
INFER = f"{BASE}/v2/models/tested/infer"


class SeeingExecutor(TimedExecutor):
    """Finds one thing in each image, as sure as the image is bright."""

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        await super().run(variants, images, worker)
        return [Answer((Detection(2, float(image.mean()) / 255, 0.25, 0.25, 0.5, 1.0),)) for image in images]


async def decode(still: Still, size: InputSize) -> NDArray[np.uint8]:
    return decode_still(still, 4096)


@contextlib.asynccontextmanager
async def unplanned(limits: Limits | None = None, disturbance: Disturbance | None = None) -> AsyncIterator[Service]:
    """A service without a control loop: tests make the plans."""
    async with without_address(limits, disturbance) as service, at_url(service):
        yield service


@contextlib.asynccontextmanager
async def without_address(
    limits: Limits | None = None, disturbance: Disturbance | None = None
) -> AsyncIterator[Service]:
    """The same, ready and without an address."""
    dispatcher = Dispatcher(SeeingExecutor(PROFILE, disturbance), PROFILE, SMALL, 4)
    service = Service([dispatcher], MODEL, decode, limits or Limits())
    service.ready = True
    task = asyncio.create_task(dispatcher.run())
    try:
        yield service
    finally:
        task.cancel()


@contextlib.asynccontextmanager
async def planned(
    limits: Limits | None = None, fixed: Variant | None = None, on_window: OnWindow = lambda record, service: None
) -> AsyncIterator[Service]:
    """A whole server: what is planned for it is put into force."""
    parts = ServerParts(
        devices=[(SeeingExecutor(PROFILE), PROFILE)],
        model=RISING,
        max_batch=4,
        decode=decode,
        policy=policy("shared", fixed, 4, 0.5, seed=1, share=math.inf),
        limits=limits or Limits(),
    )
    async with assembled(parts, on_window) as service, at_url(service):
        yield service


@contextlib.asynccontextmanager
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client, as on the server's own machine."""
    async with aiohttp.ClientSession(connector=MemoryConnector(), headers={"Host": "localhost"}) as session:
        yield session


class Reply(NamedTuple):
    status: int
    told: Any
    """The JSON part."""
    seconds: float
    raw: bytes = b""

    @property
    def error(self) -> str:
        return str(self.told["error"])

    def output(self, name: str) -> Any:
        (found,) = (each["data"] for each in self.told["outputs"] if each["name"] == name)
        return found


async def ask(
    session: aiohttp.ClientSession, data: bytes = JPEG, url: str = INFER, timeout_ms: float | None = None, **told: Any
) -> Reply:
    """One image as binary data, the answer in JSON."""
    parameters = {} if timeout_ms is None else {"timeout": round(1000 * timeout_ms)}
    one = {"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(data) + 4}}
    head = msgspec.json.encode({"inputs": [one], "parameters": parameters | told})
    body = head + len(data).to_bytes(4, "little") + data
    return await post(session, body, url, {"Inference-Header-Content-Length": str(len(head))})


async def post(
    session: aiohttp.ClientSession, body: bytes, url: str = INFER, headers: dict[str, str] | None = None
) -> Reply:
    began_s = seconds_now()
    async with session.post(url, data=body, headers=headers) as answer:
        content = await answer.read()
        length = int(answer.headers.get("Inference-Header-Content-Length", len(content)))
        return Reply(answer.status, msgspec.json.decode(content[:length]), seconds_now() - began_s, content[length:])


async def get(session: aiohttp.ClientSession, path: str) -> Reply:
    began_s = seconds_now()
    async with session.get(BASE + path) as answer:
        return Reply(answer.status, msgspec.json.decode(await answer.read()), seconds_now() - began_s)
