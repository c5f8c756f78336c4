"""The real server application without decoding and without a network, in a process of its own: answers at once.

For benchmarks of what is around the network: transport, and the emulation of cameras.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

import numpy as np
import uvloop
from numpy.typing import NDArray

from jellyfish.config import Limits
from jellyfish.control.problem import DevicePlan, Plan
from jellyfish.core import Answer, InputSize, Task, Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.media.decoding_cost import weightless
from jellyfish.models.model import Description, Size
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.server.app import listening
from jellyfish.server.metrics.meter import Meter
from jellyfish.server.metrics.page import metrics_route
from jellyfish.server.service import Service

IMAGE = np.zeros((1, 1, 3), np.uint8)


class NoDevice:
    """Answers at once that nothing was found."""

    def ready(self, variant: Variant) -> Variant:
        return variant

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        return [Answer()] * len(images)

    async def warm(self, shapes: object, progress: object = None) -> None:
        return

    def give_up(self, worker: int) -> None:
        return

    def close(self) -> None:
        return


async def no_decoding(jpeg: bytes, size: InputSize) -> NDArray[np.uint8]:
    return IMAGE


async def serve(pipe: Connection, resolution: int, cameras: int | None) -> None:
    """Serve until told to stop; then report processor time. `cameras`: see `NullServer`."""
    variant = Variant(resolution, "w025e1")
    profile = LatencyProfile("none", "none", "", (VariantLatency(variant, (1e-6,) * 8, (1e-6,) * 8),))
    dispatcher = Dispatcher(NoDevice(), profile, variant, 8)
    limits = Limits(clients=1024, joins_per_s=1000.0)
    size = Size(variant, input_size(resolution), 0.0)
    model = Description("none", "", Task.DETECTION, CLASSES, (size,), "")
    service = Service([dispatcher], model, no_decoding, limits, weigh=weightless)
    plan = {"none": DevicePlan(variant, 8)}
    service.on_change = lambda cause: service.apply(Plan(plan, dict.fromkeys(service.sessions, "none")))
    service.ready = True
    running = asyncio.create_task(dispatcher.run())
    meter = None if cameras is None else Meter(cameras)
    routes = [] if meter is None else [metrics_route(service, meter, ())]
    counting = contextlib.nullcontext() if meter is None else meter.watching(service)
    async with counting, listening(service, "127.0.0.1", 0, routes=routes) as server:
        gc.freeze()
        pipe.send(server.sockets[0].getsockname()[1])
        begin_s = time.process_time()
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        pipe.send(time.process_time() - begin_s)
    running.cancel()


def serve_process(pipe: Connection, resolution: int, cameras: int | None) -> None:
    uvloop.run(serve(pipe, resolution, cameras))


class NullServer:
    """Runs for the time of the context; everyone's frames are planned at `resolution`."""

    def __init__(self, resolution: int, cameras: int | None = None) -> None:
        """`cameras`: that its metrics tell apart by name; None for a server without metrics."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve_process, args=(theirs, resolution, cameras), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self.port: int = self._pipe.recv()
        return self

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/stream"

    def stop(self) -> float:
        """End it; the processor time that it took in seconds, start-up left out."""
        self._pipe.send("stop")
        processor_s: float = self._pipe.recv()
        self._process.join()
        return processor_s

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.is_alive():
            self._process.kill()
