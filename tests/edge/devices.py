"""A device at the test's command: a small network that takes a fixed time, and a cloud that sees what it is told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jellyfish.config import Limits
from jellyfish.core import Answer, Detection, LabelledObject, Outcome, Task, Variant
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.edge.edge_device import EdgeDevice, EdgeParts, EdgeTerms
from jellyfish.edge.fusion.by_task import FusedDetections, Fusion
from jellyfish.edge.fusion.detections import DetectionFusion
from jellyfish.edge.fusion.filters import Filter, Periodic
from jellyfish.lab.simulation.network import URL, MemoryConnector, at_url
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.link.shaper import Shaper
from jellyfish.link.trace import BandwidthTrace
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.results.records import FrameRecord, Timeline
from jellyfish.server.service import Service
from tests.camera.cameras import PlainSource, inline
from tests.server.peer import LARGE, MODEL, PROFILE, SMALL, decode, everyone_on, http

LOCAL_S = 0.010
"""What the small network takes for a frame."""
OBJECT = LabelledObject(1, 2, 0.2, 0.2, 0.4, 0.4)
ONLY_THE_CLOUD_SEES = Detection(2, 0.9, 0.2, 0.2, 0.4, 0.4)


class SmallNetwork:
    name, device, task, classes = "w025e1-192", "local", Task.DETECTION, CLASSES

    def __init__(self, found: Answer | None = None, fails_on: frozenset[int] = frozenset()) -> None:
        self._found, self._fails_on = found or Answer(), fails_on
        self.runs = 0

    async def run(self, image: NDArray[np.uint8]) -> Answer:
        await asyncio.sleep(LOCAL_S)
        self.runs += 1
        if self.runs - 1 in self._fails_on:
            raise RuntimeError("the accelerator is gone")
        return self._found

    def worth_telling(self, answer: Answer) -> Answer:
        return answer


class Seeing(TimedExecutor):
    """A large network that says the same of everything."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(PROFILE)
        self._answer = answer

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        await super().run(variants, images)
        return [self._answer for _ in images]


@contextlib.asynccontextmanager
async def cloud(
    answer: Answer = Answer((ONLY_THE_CLOUD_SEES,)),  # noqa: B008
    task: Task = Task.DETECTION,
    classes: tuple[str, ...] = MODEL.classes,
) -> AsyncIterator[Service]:
    """A server that serves the device with its large network."""
    dispatcher = Dispatcher(Seeing(answer), PROFILE, SMALL, 4)
    service = Service([dispatcher], replace(MODEL, task=task, classes=classes), decode, Limits())
    service.on_change = lambda cause: service.apply(everyone_on(LARGE, "robot"))
    task = asyncio.create_task(dispatcher.run())
    try:
        async with at_url(service):
            yield service
    finally:
        task.cancel()


class Robot:
    """A device, and what came of its frames."""

    def __init__(
        self,
        fps: float = 20.0,
        slo_ms: float = 50.0,
        trace: BandwidthTrace | None = None,
        delay_s: float = 0.005,
        network: SmallNetwork | None = None,
        filter: Filter | None = None,
        patience_s: float = 2.0,
        fusion: Fusion | None = None,
    ) -> None:
        self.records: list[FrameRecord] = []
        self.network = network or SmallNetwork()
        parts = EdgeParts(
            PlainSource([[OBJECT]]), self.network, fusion or FusedDetections(DetectionFusion(0.4, 0.4, len(CLASSES))),
            filter or Periodic(5),
            Shaper(trace, delay_s), Shaper(None, delay_s), inline,
        )  # fmt: skip
        self.device = EdgeDevice(
            EdgeTerms("robot", fps, slo_ms / 1000, fps / 5, patience_s), parts, Timeline(0.0), self.records.append
        )
        self.connector: MemoryConnector | None = None

    async def run(self, start_s: float, end_s: float) -> None:
        async with http() as session:
            assert isinstance(session.connector, MemoryConnector)
            self.connector = session.connector
            await self.device.run(session, URL, start_s, end_s)

    def complete(self, frames: int) -> bool:
        """Each captured frame has one record, and nothing is left open."""
        numbers = sorted(record.frame for record in self.records)
        return numbers == list(range(frames)) and self.device.account.frames == frames and not self.device.account.open

    @property
    def outcomes(self) -> Counter[Outcome]:
        return Counter(record.outcome for record in self.records)

    @property
    def fates(self) -> Counter[str | None]:
        return Counter(record.cloud for record in self.records)

    @property
    def slowest_ms(self) -> float:
        return max(record.e2e_ms or 0.0 for record in self.records)
