"""Cameras that send frames to a real dispatcher in this process: when each frame comes, and what became of them.

Frames are decoded beforehand and there are no sockets: what is tested is queue, batches and device.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial

from jellyfish.clock import seconds_now
from jellyfish.core import Variant
from jellyfish.devices.executor import Executor
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.models.model import Image

JITTER = 0.3
"""Of the time between two frames: how much later one may come."""
TOGETHER_S = 0.0005
"""A frame that would come within so much is handed in with the one before: no timer is so exact."""


@dataclass(frozen=True, slots=True)
class Cameras:
    """So many of one kind."""

    count: int
    fps: float
    budget_s: float
    """What is left of a frame's time when it comes."""
    seconds: float

    def arrivals(self, rng: random.Random) -> list[tuple[float, int]]:
        """(seconds from the start, camera) of every frame, in order. Each camera has a phase of its own."""
        phases = [rng.random() / self.fps for _ in range(self.count)]
        return sorted(
            (phase + (frame + JITTER * rng.random()) / self.fps, camera)
            for camera, phase in enumerate(phases)
            for frame in range(max(1, int(self.seconds * self.fps)))
        )


@dataclass
class Fared:
    """What became of the frames."""

    cameras: Cameras
    frames: int = 0
    on_time: int = 0
    batches: int = 0
    served: int = 0
    loop_share: float = 0.0
    """Of the time, what the event loop's thread ran for: near 1 it is the bottleneck, and not the device."""

    @property
    def share(self) -> float:
        """Of the frames, those in time."""
        return self.on_time / self.frames if self.frames else 1.0

    @property
    def goodput_fps(self) -> float:
        """Answers in time per second."""
        return self.on_time / self.cameras.seconds

    @property
    def mean_batch(self) -> float:
        """Frames in a batch."""
        return self.served / self.batches if self.batches else 0.0

    def ended(self, deadline_s: float, done: asyncio.Future[Answered | Dropped]) -> None:
        """A frame has its outcome."""
        self.frames += 1
        self.on_time += isinstance(done.result(), Answered) and seconds_now() <= deadline_s


async def offer(
    executor: Executor,
    profile: LatencyProfile,
    variant: Variant,
    cameras: Cameras,
    images: Sequence[Image],
    max_batch: int,
    seed: int = 0,
) -> Fared:
    """Serve these cameras with one size, as a server does whose plan says so."""
    dispatcher, fared = Dispatcher(executor, profile, variant, max_batch), Fared(cameras)
    serving = asyncio.create_task(dispatcher.run())
    try:
        began_s, busy_s = seconds_now(), time.thread_time()
        waiting = [done async for done in _sent(dispatcher, cameras, images, fared, seed)]
        await asyncio.wait(waiting)
        fared.loop_share = (time.thread_time() - busy_s) / (seconds_now() - began_s)
        statistics = dispatcher.statistics()
        fared.batches, fared.served = statistics.batches, statistics.frames
    finally:
        await dispatcher.drain()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    return fared


async def _sent(
    dispatcher: Dispatcher, cameras: Cameras, images: Sequence[Image], fared: Fared, seed: int
) -> AsyncIterator[asyncio.Future[Answered | Dropped]]:
    """Hand each frame in when it comes; what it waits for."""
    loop, began_s = asyncio.get_running_loop(), seconds_now()
    for number, (after_s, camera) in enumerate(cameras.arrivals(random.Random(seed))):
        comes_s = began_s + after_s
        if comes_s > seconds_now() + TOGETHER_S:
            await asyncio.sleep(comes_s - seconds_now())
        done: asyncio.Future[Answered | Dropped] = loop.create_future()
        deadline_s = comes_s + cameras.budget_s
        done.add_done_callback(partial(fared.ended, deadline_s))
        image = images[number % len(images)]
        dispatcher.submit(Request(f"camera-{camera}", number, deadline_s, seconds_now(), image, done))
        yield done
