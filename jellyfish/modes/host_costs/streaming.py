"""What the event loop does for a frame: a server and its cameras on loopback, each in a thread of its own.

All is real but the network behind it: in its place is an engine that has its answer ready.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import aiohttp
import uvloop

from jellyfish.camera.frames import Offload, scaled_jpeg
from jellyfish.config import DEFAULT_PLANNER, CameraConfig, Limits
from jellyfish.core import Answer, Detection, InputSize, LabelledObject, Variant
from jellyfish.devices.executor import EngineExecutor
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.models.model import Description, WholeBatches
from jellyfish.modes.assembly import ServerParts, assembled, policy
from jellyfish.modes.decoders import decode_frame
from jellyfish.modes.host_costs.codecs import CAMERA_SIZE, Image, Took
from jellyfish.modes.run import MeasuredRun, Setup, run_info
from jellyfish.modes.serving import listening_at
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.writer import ResultWriter

FEW, MANY, CAMERA_FPS, STREAM_S = 2, 20, 15.0, 3.0
"""Cameras. The more frames there are, the more of them share a turn of the loop, and the less it sleeps between them:
with few each message finds it asleep, with many hardly one does."""
DELAY_S, SLO_S, WINDOW_S = 0.005, 0.15, 0.5
OBJECTS = 6
"""In a frame, and found in it."""


def _ready(images: Sequence[Image], variant: Variant) -> list[Answer]:
    """Some objects in every image."""
    found = tuple(Detection(0, 0.9, *_place(number)) for number in range(OBJECTS))
    return [Answer(found)] * len(images)


class _ReadyFrames:
    """Frames that are encoded already, with objects in them; given out by threads, as in `OwnFrames`."""

    def __init__(self, jpeg: bytes, classes: Sequence[str], offload: Offload) -> None:
        self.classes, self._jpeg, self._offload = classes, jpeg, offload

    async def at(self, elapsed_s: float, captured_s: float) -> None:
        """Nothing has to be decoded."""
        await self._offload(_nothing)

    def objects_at(self, elapsed_s: float) -> Sequence[LabelledObject]:
        return [LabelledObject(number, 0, *_place(number)) for number in range(OBJECTS)]

    async def encoded(self, picture: None, size: InputSize) -> bytes:
        await self._offload(_nothing)
        return self._jpeg

    def expect(self, size: InputSize) -> None:
        """Nothing to prepare."""


def _nothing() -> None:
    """What the threads have to do."""


def _place(number: int) -> tuple[float, float, float, float]:
    return number / OBJECTS, 0.3, (number + 0.9) / OBJECTS, 0.6


def loops_took(profile: LatencyProfile, model: Description, picture: Image) -> tuple[Took, Took]:
    """Of a frame in the server's event loop, and in the cameras'."""
    few, many = (_loops_s(profile, model, picture, cameras) for cameras in (FEW, MANY))
    server, camera = (Took(rested_s, warm_s) for rested_s, warm_s in zip(few, many, strict=True))
    return server, camera


def _loops_s(profile: LatencyProfile, model: Description, picture: Image, cameras: int) -> tuple[float, float]:
    """Processor time of a frame in the server's event loop, and in the cameras' own, which runs in another thread."""
    largest = model.offering({profile.variants[-1]})
    shown: list[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = []
    served_s: list[float] = []
    ready = threading.Event()

    async def serve() -> None:
        stop = asyncio.Event()
        async with _ready_server(profile, largest) as url:
            shown.append((url, asyncio.get_running_loop(), stop))
            ready.set()
            began_s = time.thread_time()
            await stop.wait()
            served_s.append(time.thread_time() - began_s)

    server = threading.Thread(target=lambda: uvloop.run(serve()), name="server")
    server.start()
    ready.wait()
    url, loop, stop = shown[0]
    try:
        jpeg = scaled_jpeg(picture, largest.sizes[-1].input)
        frames, camera_s = uvloop.run(_stream(url, jpeg, model.classes, cameras))
    finally:
        loop.call_soon_threadsafe(stop.set)
        server.join()
    return served_s[0] / frames, camera_s / frames


@contextlib.asynccontextmanager
async def _ready_server(profile: LatencyProfile, model: Description) -> AsyncIterator[str]:
    """A server whose only variant costs nothing, on a port of its own."""
    (variant,) = model.variants
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 2)
    loop = asyncio.get_running_loop()
    executor = EngineExecutor([lambda: WholeBatches(_ready)] * profile.workers, "none", model)
    parts = ServerParts(
        devices=[(executor, profile)],
        model=model,
        max_batch=1,
        decode=lambda jpeg, size: loop.run_in_executor(pool, decode_frame, max(CAMERA_SIZE), jpeg, size),
        policy=policy(DEFAULT_PLANNER, variant, 1, WINDOW_S, seed=0),
        limits=Limits(),
    )
    async with assembled(parts, lambda record, service: None) as service:
        try:
            async with listening_at(service, "127.0.0.1", 0) as url:
                yield url
        finally:
            executor.close()
            pool.shutdown(wait=False)


async def _stream(url: str, jpeg: bytes, classes: Sequence[str], cameras: int) -> tuple[int, float]:
    """(frames of all cameras, processor time of this thread)."""
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 2)
    frames = _ReadyFrames(jpeg, classes, partial(asyncio.get_running_loop().run_in_executor, pool))
    setups = [
        Setup(CameraConfig(f"camera-{n}", Path(), CAMERA_FPS, SLO_S, "none", DELAY_S, n), frames, None)
        for n in range(cameras)
    ]
    info = run_info("profile", datetime.now().astimezone(), 0, setups[0].config, [], "")
    with pool, tempfile.TemporaryDirectory() as folder, ResultWriter(Path(folder) / "run", info) as writer:
        run = MeasuredRun(setups, STREAM_S, 0, writer, WindowLog("fixed"))
        began_s = time.thread_time()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            await run.go(lambda name: http, url)
        spent_s = time.thread_time() - began_s
        return run.finish(None).offered, spent_s
