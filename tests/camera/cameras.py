"""A camera at the test's command: plain images, nothing on threads, a shaped link to the in-memory server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.emulated import emulate
from jellyfish.camera.frames import OwnFrames
from jellyfish.camera.ledger import Ledger
from jellyfish.camera.sender import FrameSender
from jellyfish.camera.sizing import FrameSizer
from jellyfish.camera.steering import Steering
from jellyfish.camera.stream_log import StreamLog
from jellyfish.core import Answer, LabelledObject, Outcome, Reason
from jellyfish.errors import InputError
from jellyfish.lab.simulation.network import MemoryConnector
from jellyfish.link.shaper import Shaper
from jellyfish.link.trace import BandwidthTrace
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.protocol import wire
from jellyfish.results.records import FrameRecord, OutageRecord, PlanRecord, Timeline
from tests.server.peer import http

URL = "ws://server/v1/stream"


class PlainSource:
    """One image of grey noise for ever; `fails_at_s` makes it break there."""

    def __init__(
        self, labels: Sequence[Sequence[LabelledObject]] | None = None, fails_at_s: float | None = None
    ) -> None:
        self._labels, self._fails_at_s = labels, fails_at_s
        noise = np.random.default_rng(0).integers(0, 40, (252, 448, 3))
        self._image = (100 + noise).astype(np.uint8)

    @property
    def classes(self) -> Sequence[str]:
        return CLASSES

    @property
    def labels(self) -> Sequence[Sequence[LabelledObject]] | None:
        return self._labels

    def index_at(self, time_s: float) -> int:
        return 0

    def frame_at(self, time_s: float) -> tuple[int, NDArray[np.uint8]]:
        if self._fails_at_s is not None and time_s >= self._fails_at_s:
            raise InputError("the video is damaged")
        return 0, self._image


def inline(function: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
    """Runs `function` in place: in virtual time it takes none."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    try:
        done.set_result(function(*arguments))
    except Exception as error:
        done.set_exception(error)
    return done


class Setup:
    """A camera, its ledger, and what came of its frames."""

    def __init__(
        self,
        name: str = "camera",
        fps: float = 20.0,
        slo_ms: float = 100.0,
        trace: BandwidthTrace | None = None,
        delay_s: float = 0.005,
        source: PlainSource | None = None,
        steering: Steering | None = None,
        sizer: FrameSizer | None = None,
        arrivals: bool = False,
        offload: Callable[..., Awaitable[Any]] = inline,
        traceparent: str = "",
    ) -> None:
        self.records: list[FrameRecord] = []
        self.ended_s: dict[int, float] = {}
        self.ledger = Ledger(name, slo_ms / 1000, 3, Timeline(0.0), self.emit, arrivals, CLASSES)
        hello = wire.Hello(name, fps, slo_ms, arrivals, traceparent=traceparent)
        shapers = Shaper(trace, delay_s), Shaper(None, delay_s)
        self.frames = OwnFrames(source or PlainSource(), offload)
        self.outages: list[OutageRecord] = []
        self.plans: list[PlanRecord] = []
        log = StreamLog(name, told=self.plans.append, out=self.outages.append)
        self.camera = FrameSender(hello, self.frames, self.ledger, *shapers, steering=steering, sizer=sizer, log=log)

    def emit(self, record: FrameRecord, answer: Answer) -> None:
        self.records.append(record)
        self.ended_s[record.frame] = asyncio.get_running_loop().time()

    async def run(self, start_s: float, end_s: float, url: str = URL) -> None:
        async with http() as session:
            assert isinstance(session.connector, MemoryConnector)
            self.connector = session.connector
            await emulate(self.camera, self.frames, session, url, start_s, end_s)

    @property
    def outcomes(self) -> Counter[tuple[Outcome, Reason | None]]:
        """How many frames ended how."""
        return Counter((record.outcome, record.reason) for record in self.records)

    def complete(self, frames: int) -> bool:
        """Each of the `frames` captured has one record."""
        return sorted(record.frame for record in self.records) == list(range(frames)) and self.ledger.frames == frames
