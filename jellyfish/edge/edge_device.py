"""The device: each frame is answered at once by the small network, fused with whatever the cloud has said by then.

Two coroutines: one captures whatever happens, one answers the newest frame. Neither ever waits for the cloud.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.frames import Encode, FrameSource, Offload, scaled_jpeg
from jellyfish.camera.stream_log import StreamLog
from jellyfish.clock import seconds_now
from jellyfish.core import Answer, LabelledObject, Reason, Task
from jellyfish.edge.account import FrameAccount, Served
from jellyfish.edge.cloud import Cloud, Listener
from jellyfish.edge.fusion.by_task import Fusion
from jellyfish.edge.fusion.filters import Filter
from jellyfish.edge.fusion.requests import Fate
from jellyfish.edge.score import FusionScore
from jellyfish.evaluation.judging import Judge
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire
from jellyfish.results.records import FrameRecord, Timeline

GOODBYE_S = 1.0
"""Longest wait for what is still due when a run ends."""
Image = NDArray[np.uint8]

logger = logging.getLogger(__name__)


class LocalNetwork(Protocol):
    """The small network, on the device."""

    name: str
    """Of its variant."""
    classes: tuple[str, ...]
    """What it finds: names by label."""
    task: Task
    device: str

    async def run(self, image: Image) -> Answer:
        """What is in an RGB image [height, width, 3] of any size: all that fusion can make use of."""
        ...

    def worth_telling(self, answer: Answer) -> Answer:
        """What of its answer it would give if it were alone."""
        ...


@dataclass(frozen=True, slots=True)
class EdgeParts:
    """What a device is made of."""

    source: FrameSource
    network: LocalNetwork
    fusion: Fusion
    filter: Filter
    uplink: Shaper
    downlink: Shaper
    offload: Offload
    encode: Encode = scaled_jpeg


@dataclass(frozen=True, slots=True)
class EdgeTerms:
    """How often a device captures, when an answer is due, and what it asks of the cloud."""

    name: str
    fps: float
    slo_s: float
    cloud_fps: float
    """Mean rate of the frames that go to the cloud."""
    cloud_patience_s: float
    """An answer of the cloud's that is older than this is of no use."""


@dataclass(frozen=True, slots=True)
class _CapturedFrame:
    frame: int
    captured_s: float
    image: Image
    objects: Sequence[LabelledObject] | None


class EdgeDevice:
    """One device. `run` once; afterwards `score` and `cloud` tell how it went."""

    def __init__(
        self,
        terms: EdgeTerms,
        parts: EdgeParts,
        timeline: Timeline,
        emit: Callable[[FrameRecord], None],
        log: StreamLog | None = None,
    ) -> None:
        """`log` is told of the cloud's plans, and when there was none."""
        self.terms, self._parts = terms, parts
        network = parts.network
        judge = Judge(parts.source.classes, network.classes, network.task)
        self.account = FrameAccount(terms.name, terms.slo_s, timeline, emit, judge, network.classes)
        self.score = FusionScore(judge)
        hello = wire.Hello(terms.name, terms.cloud_fps, terms.cloud_patience_s * 1000)
        listener = Listener(self._sent, self._heard, self._ended)
        self.cloud = Cloud(
            *(hello, network.task, network.classes, parts.uplink, parts.downlink),
            *(parts.offload, listener, parts.encode, log),
        )
        self._newest: _CapturedFrame | None = None
        self._frame = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._failing = False
        self._capturing: asyncio.Task[None] | None = None

    async def run(self, http: aiohttp.ClientSession, url: str, start_s: float, end_s: float) -> None:
        """Capture from `start_s` to `end_s` (loop time), answer each frame, then part from the cloud."""
        self.cloud.stream.log.wanted(start_s)
        try:
            async with asyncio.TaskGroup() as tasks:
                beside = [tasks.create_task(self.cloud.run(http, url)), tasks.create_task(self._answer())]
                self._capturing = tasks.create_task(self._capture(start_s, end_s))
                await asyncio.wait([self._capturing])
                await self._idle.wait()
                await self.cloud.finish(GOODBYE_S)
                for task in beside:
                    task.cancel()
        finally:
            self.cloud.give_up()
            self.account.finish()
            self.cloud.stream.end_log(min(end_s, seconds_now()))

    def stop(self) -> bool:
        """Capture nothing more: the end has come. Whether it had begun to run; else it need not any more."""
        if self._capturing is None:
            return False
        self._capturing.cancel()
        return True

    async def _capture(self, start_s: float, end_s: float) -> None:
        """One frame every 1/fps, decoded ahead of its time; the newest takes the place of one that still waits."""
        for number in itertools.count():
            captured_s = start_s + number / self.terms.fps
            if captured_s >= end_s:
                return
            index, image = await self._parts.offload(self._parts.source.frame_at, number / self.terms.fps)
            await asyncio.sleep(captured_s - seconds_now())
            labels = self._parts.source.labels
            objects = None if labels is None else labels[index]
            self.account.captured(number, captured_s, objects)
            if self._newest is not None:
                self.account.skipped(self._newest.frame, Reason.REPLACED)
            self._newest = _CapturedFrame(number, captured_s, image, objects)
            self._idle.clear()
            self._wake.set()

    async def _answer(self) -> None:
        while True:
            while (captured := self._newest) is not None:
                self._newest = None
                await self._answer_frame(captured)
            self._idle.set()
            self._wake.clear()
            await self._wake.wait()

    async def _answer_frame(self, captured: _CapturedFrame) -> None:
        """One frame from its capture to its answer. A network that fails costs its frame, never the loop."""
        parts = self._parts
        began_s, self._frame = seconds_now(), captured.frame
        try:
            local = await parts.network.run(captured.image)
            said = self.cloud.take(seconds_now())
            if said is not None:
                self.score.used(said[1])
            fused = await parts.offload(self._fuse, captured, local, said)
        except Exception:
            if not self._failing:
                logger.warning("%s failed on a frame", parts.network.device, exc_info=True)
            self._failing = True
            self.account.failed(captured.frame)
            return
        self._failing = False
        wanted = parts.filter.wants(captured.frame, parts.fusion.similarity, parts.fusion.gain)
        served = Served(began_s, seconds_now(), parts.network.name, parts.network.device, fused)
        self.account.answered(captured.frame, served, offered=wanted)
        self.score.answered(captured.objects, parts.network.worth_telling(local), fused)
        if wanted:
            self.score.asked(captured.frame, captured.objects)
            self.cloud.offer(captured.frame, captured.captured_s, captured.image)

    def _fuse(self, captured: _CapturedFrame, local: Answer, said: tuple[int, Answer] | None) -> Answer:
        if said is not None:
            self._parts.fusion.answer(*said)
        return self._parts.fusion.step(captured.frame, captured.image, local)

    # --- what the cloud tells ------------------------------------------------------------------------------

    def _sent(self, frame: int, resolution: int, size_bytes: int, plan: wire.PlanMessage) -> None:
        self._parts.filter.sent(frame)
        self.account.sent(frame, resolution, size_bytes, plan)

    def _heard(self, frame: int, answer: Answer, now: float) -> None:
        self.account.heard(frame, now)
        self.score.heard(frame, answer)

    def _ended(self, frame: int, fate: Fate) -> None:
        self.score.ended(frame)
        self.account.cloud_ended(frame, fate, self._frame - frame if fate is Fate.USED else None)
