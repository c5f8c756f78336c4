"""Both ends of a worker's stream in one process and in virtual time, over a wire that can be cut and slowed down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from jellyfish.core import Answer, Detection, Variant
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.stream.executor import StreamExecutor
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.devices.stream.worker_end import ServingDevice, WorkerEnd
from jellyfish.errors import ImageError
from jellyfish.models.model import Description, Image
from tests.server.peer import MODEL, PROFILE

IDENTITY = MODEL.identity
RUN_S = 0.010


class Wire(asyncio.Transport):
    """One end of a wire: what is written comes out of the other end after its delay."""

    def __init__(self, protocol: Any, delay_s: float) -> None:
        super().__init__()
        self.protocol, self.delay_s, self.other, self.closed = protocol, delay_s, self, False
        self.deaf = False
        """What is written is lost."""

    def write(self, data: Any) -> None:
        if not self.closed and not self.deaf:
            asyncio.get_running_loop().call_later(self.delay_s, self.other.arrive, bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def arrive(self, data: bytes) -> None:
        while data and not self.closed:
            room = self.protocol.get_buffer(-1)
            count = min(len(room), len(data))
            room[:count] = data[:count]
            self.protocol.buffer_updated(count)
            data = data[count:]

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        """What was written arrives first."""
        asyncio.get_running_loop().call_later(self.delay_s, self.cut)

    def abort(self) -> None:
        self.cut()

    def cut(self) -> None:
        for end in (self, self.other):
            if not end.closed:
                end.closed = True
                asyncio.get_running_loop().call_soon(end.protocol.connection_lost, None)


class Wires:
    """Reaches a worker, as often as it is asked to."""

    def __init__(self, worker: WorkerEnd, delay_s: float = 0.0) -> None:
        self.worker, self.delay_s, self.times, self.reachable = worker, delay_s, 0, True
        self.near: Wire | None = None

    async def __call__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        if not self.reachable:
            raise OSError("nobody is there")
        self.times += 1
        near, far = Wire(protocol(), self.delay_s), Wire(self.worker.protocol(), self.delay_s)
        near.other, far.other = far, near
        self.near = near
        far.protocol.connection_made(far)
        near.protocol.connection_made(near)

    def cut(self) -> None:
        """The stream breaks."""
        assert self.near is not None
        self.near.cut()


class Working:
    """A device that takes its time, one batch after the other, and answers with what it was given."""

    model: Description = MODEL
    loading: Sequence[Any] = ()
    memory_bytes = 5
    stated: Sequence[str] = ("in words",)
    in_flight = 1

    def __init__(self, ends: bool = True) -> None:
        self.batches: list[int] = []
        self.given_up: list[int] = []
        self.error: Exception | None = None
        self.hangs = False
        self._ends, self._turn = ends, asyncio.Lock()

    async def run(self, variants: Sequence[Variant], images: Sequence[Image], worker: int = 0) -> list[Answer]:
        async with self._turn:
            self.batches.append(len(images))
            await asyncio.sleep(1e6 if self.hangs else RUN_S)
            if self.error is not None:
                raise self.error
            return [found(each) for each in images]

    def may_give_up(self, worker: int) -> bool:
        return self._ends

    def give_up(self, worker: int) -> None:
        self.given_up.append(worker)

    def ready(self, variant: Variant) -> Variant:
        return variant

    async def warm(self, shapes: Any, progress: Any = None) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def found(image: Image) -> Answer:
    """What is said of an image: its brightest pixel."""
    return Answer((Detection(0, int(image.max()) / 255, 0.0, 0.0, 1.0, 1.0),))


async def decode(still: Any, size: Any) -> Image:
    """A JPEG of this test is as many zeros as it is wide, or broken."""
    if isinstance(still, bytes):
        if still == b"broken":
            raise ImageError("bad_image", "it is broken")
        await asyncio.sleep(0.002)
        return np.full((9, 16, 3), len(still), np.uint8)
    return np.asarray(still.rgb)


def a_profile(workers: int = 1) -> LatencyProfile:
    """Of the device above."""
    return msgspec.structs.replace(PROFILE, workers=workers)


class Joined:
    """A worker, and what a front has of it."""

    def __init__(self, delay_s: float = 0.0, token: str | None = None, shown: str = "", ends: bool = True) -> None:
        self.device = Working(ends)
        self.ended: list[str] = []
        self.worker = WorkerEnd(IDENTITY, decode, token, self.ended.append)
        self.wires = Wires(self.worker, delay_s)
        self.progress: list[str] = []
        self.there: list[bool] = []
        opening = OpenWorker(token=shown, front="test", model=IDENTITY)
        self.front = StreamExecutor("far", MODEL, opening, self.wires, lambda said: self.progress.append(said.words))
        self.front.on_there = self.there.append

    def ready(self, workers: int = 1) -> None:
        """The worker has its device."""
        self.worker.ready(ServingDevice("cpu", self.device, a_profile(workers), IDENTITY, self.device.memory_bytes))

    async def open(self) -> LatencyProfile:
        """With its device."""
        self.ready()
        return await self.front.open()
