"""Devices and their cloud in virtual time, on what the real networks really found in real frames.

Looking is done once per clip and kept; a run then takes seconds and is repeatable. What runs is the project's own
device, fusion, stream, server and planner; what stands in is the networks' computing, and JPEGs of the same weight.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.frames import scaled_jpeg
from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import Limits
from jellyfish.control.adaptation import EachAnew
from jellyfish.control.capacity import violations
from jellyfish.control.planners import make_planner
from jellyfish.control.solving import in_place
from jellyfish.core import Answer, Detection, InputSize, LabelledObject, Task, Variant
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.edge.edge_device import EdgeDevice, EdgeParts, EdgeTerms
from jellyfish.edge.fusion.by_task import FusedDetections, likely
from jellyfish.edge.fusion.detections import HISTORY_STEPS, LOCAL_SCORE_THRESHOLD, DetectionFusion
from jellyfish.edge.fusion.filters import Filter
from jellyfish.edge.score import FusionScore
from jellyfish.evaluation.judging import Judge
from jellyfish.evaluation.matching import Counts, match
from jellyfish.lab.simulation.model import load_model
from jellyfish.lab.simulation.network import URL, MemoryConnector, at_url
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from jellyfish.link.shaper import Shaper
from jellyfish.link.trace import BandwidthTrace
from jellyfish.media.decoding_cost import weightless
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.models.model import Engine, EngineOptions, answers
from jellyfish.models.opening import open_model
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.models.slimmable.weights import Weights
from jellyfish.modes.assembly import PlanningPolicy, ServerParts, assembled
from jellyfish.results.fusion import FusionFigures, FusionTally
from jellyfish.results.records import FrameRecord, Timeline

CLOUD_NETWORK = "w100e2"
RESOLUTIONS = (256, 320, 384, 448)
"""What the cloud may be asked for: its largest network at these."""
LOCAL_S = 0.010
"""The device's own time for a frame; nothing but the order of events depends on it."""
START_S = 2.0
REMEMBERED = 200
"""Frames; none waits longer to be sent."""


class Seen(msgspec.Struct, frozen=True):
    """One clip as the networks saw it: detections by frame, for the cloud by resolution, and the JPEGs' bytes."""

    fps: float
    local: list[list[Detection]]
    cloud: dict[int, list[list[Detection]]]
    jpeg_bytes: dict[int, list[int]]
    labels: list[list[LabelledObject]] | None


class Link(NamedTuple):
    """What lies between device and cloud. `trace`: None for no limit; `alive`: whether anybody is at the other end."""

    name: str
    delay_s: float
    trace: BandwidthTrace | None = None
    alive: bool = True


class Played(NamedTuple):
    """A run, and the F1 of the cloud on every frame as if its answers took no time."""

    figures: FusionFigures
    cloud_f1: float
    fusion_ms: tuple[float, float]
    """Processor time of fusion per frame: median, 99th percentile."""
    answers: list[tuple[list[Detection], list[Detection], list[Detection]]]
    """Per frame: local, the cloud's newest at hand, fused."""


def look(video: Path, local: Variant, weights: Weights, cache: Path, progress: Callable[[int, int], None]) -> Seen:
    """What the networks find in each frame; read from `cache` if it is known."""
    kept = cache / f"{video.stem}-{local.name}-{weights.card.sha256[:8]}.json"
    if kept.is_file():
        return msgspec.json.decode(kept.read_bytes(), type=Seen)
    model = open_model()
    engine = model.engine(EngineOptions())
    low = model.engine(EngineOptions(least_score=min(LOCAL_SCORE_THRESHOLD, weights.score_threshold(local))))
    with VideoSource(video) as source:
        seen = Seen(source.fps, [], {r: [] for r in RESOLUTIONS}, {r: [] for r in RESOLUTIONS}, source.labels)
        for frame in range(source.frames):
            image = source.frame(frame)
            seen.local.append(_found(low, local, image))
            for resolution in RESOLUTIONS:
                jpeg = scaled_jpeg(image, input_size(resolution))
                seen.jpeg_bytes[resolution].append(len(jpeg))
                received = decode_jpeg(jpeg, 4096, 4096)
                seen.cloud[resolution].append(_found(engine, Variant(resolution, CLOUD_NETWORK), received))
            progress(frame + 1, source.frames)
    cache.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(msgspec.json.encode(seen))
    return seen


def play(
    video: Path, seen: Seen, local: Variant, weights: Weights, link: Link, chosen: Filter, cloud_fps: float
) -> Played:
    """One run over the whole clip."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_Play(video, seen, local, weights, link, chosen, cloud_fps).run())


def reference(seen: Seen) -> list[list[LabelledObject]]:
    """What counts as true: the labels, or, where there are none, what the cloud finds in every frame."""
    if seen.labels is not None:
        return seen.labels
    found = seen.cloud[RESOLUTIONS[-1]]
    return [[LabelledObject(0, d.label, d.left, d.top, d.right, d.bottom) for d in each] for each in found]


def _found(engine: Engine, variant: Variant, image: NDArray[np.uint8]) -> list[Detection]:
    (answer,) = answers(engine, [image], [variant])
    return list(answer.detections)


class _Known:
    """The clip's frames, each marked with its number, so that stand-ins know which one they have."""

    def __init__(self, source: VideoSource, labels: list[list[LabelledObject]]) -> None:
        self.labels: Sequence[Sequence[LabelledObject]] | None = labels
        self.classes = CLASSES
        self._source = source
        self._known: OrderedDict[int, tuple[int, NDArray[np.uint8]]] = OrderedDict()

    def index_at(self, time_s: float) -> int:
        return self._source.index_at(time_s)

    def frame_at(self, time_s: float) -> tuple[int, NDArray[np.uint8]]:
        number, image = self._source.frame_at(time_s)
        self._known[id(image)] = number, image  # which keeps the image, and so its id is no other's
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return number, image

    def number(self, image: NDArray[np.uint8]) -> int:
        """Which frame of the clip this is."""
        return self._known[id(image)][0]


class _TimedFusion(DetectionFusion):
    """Counts the processor time that a frame takes, the cloud's answer included where there is one."""

    def __init__(self, local_threshold: float, cloud_threshold: float) -> None:
        super().__init__(local_threshold, cloud_threshold, len(CLASSES))
        self.seconds: list[float] = []
        self._answer_s = 0.0

    def answer(self, step: int, cloud: Sequence[Detection]) -> bool:
        began_s = time.process_time()
        used = super().answer(step, cloud)
        self._answer_s = time.process_time() - began_s
        return used

    def step(self, step: int, image: NDArray[np.uint8], local: Sequence[Detection]) -> list[Detection]:
        began_s = time.process_time()
        fused = super().step(step, image, local)
        self.seconds.append(time.process_time() - began_s + self._answer_s)
        self._answer_s = 0.0
        return fused


class _Local:
    device, task, classes = "local", Task.DETECTION, CLASSES

    def __init__(self, seen: Seen, variant: Variant, threshold: float, source: _Known) -> None:
        self.name, self._threshold = variant.name, threshold
        self._seen, self._source = seen, source

    async def run(self, image: NDArray[np.uint8]) -> Answer:
        number = self._source.number(image)
        await asyncio.sleep(LOCAL_S)
        return Answer(tuple(self._seen.local[number]))

    def worth_telling(self, answer: Answer) -> Answer:
        return likely(answer, self._threshold)


class _CloudExecutor(TimedExecutor):
    """Takes the profiled time and answers what the network found in that frame."""

    def __init__(self, profile: LatencyProfile, seen: Seen) -> None:
        super().__init__(profile)
        self._seen = seen

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        await super().run(variants, images)
        most = variants[0].resolution
        marks = (image.view(np.int32).ravel() for image in images)
        return [Answer(tuple(self._seen.cloud[min(int(sent), most)][int(frame)])) for frame, sent in marks]


class _Play:
    def __init__(
        self, video: Path, seen: Seen, local: Variant, weights: Weights, link: Link, chosen: Filter, cloud_fps: float
    ) -> None:
        self._video, self._seen, self._link, self._filter = video, seen, link, chosen
        self._cloud_fps, self._local, self._weights = cloud_fps, local, weights
        self._thresholds = weights.score_threshold(local), weights.score_threshold(weights.variants()[-1])
        self._fusion = _TimedFusion(*self._thresholds)

    async def run(self) -> Played:
        seconds = len(self._seen.local) / self._seen.fps
        tally, score = FusionTally(), _Recording()
        truth = reference(self._seen)
        with VideoSource(self._video) as source:
            device = self._device(_Known(source, truth), tally.add)
            device.score = score
            async with contextlib.AsyncExitStack() as stack:
                if self._link.alive:
                    service = await stack.enter_async_context(assembled(self._server(), lambda record, service: None))
                    await stack.enter_async_context(at_url(service))
                http = await stack.enter_async_context(aiohttp.ClientSession(connector=MemoryConnector()))
                await device.run(http, URL, START_S, START_S + seconds - 0.5 / self._seen.fps)
        counts = [match(found, objects) for found, objects in zip(self._seen.cloud[448], truth, strict=True)]
        cloud = Counts(*(sum(column) for column in zip(*counts, strict=True)))
        median_ms, slow_ms = (1000 * np.percentile(self._fusion.seconds, (50, 99))).tolist()
        return Played(tally.figures(seconds, device.score.f1()), cloud.f1, (median_ms, slow_ms), score.answers)

    def _device(self, source: _Known, emit: Callable[[FrameRecord], None]) -> EdgeDevice:
        fps = self._seen.fps
        local = _Local(self._seen, self._local, self._thresholds[0], source)
        trace = self._link.trace and self._link.trace.shifted(-START_S)
        parts = EdgeParts(
            source, local, FusedDetections(self._fusion), self._filter, Shaper(trace, self._link.delay_s),
            Shaper(None, self._link.delay_s), _inline, partial(self._encode, source),
        )  # fmt: skip
        terms = EdgeTerms("robot", fps, 1 / fps, self._cloud_fps, HISTORY_STEPS / fps)
        return EdgeDevice(terms, parts, Timeline(START_S), emit)

    def _encode(self, source: _Known, image: NDArray[np.uint8], size: InputSize) -> bytes:
        number, resolution = source.number(image), size.resolution
        mark = np.array([number, resolution], np.int32).tobytes()
        return mark + bytes(self._seen.jpeg_bytes[resolution][number] - len(mark))

    def _server(self) -> ServerParts:
        measured = load_model("cpu").profile
        entries = tuple(measured.of(Variant(resolution, CLOUD_NETWORK)) for resolution in RESOLUTIONS)
        profile = msgspec.structs.replace(measured, device="cloud", latencies=entries, mixes=())
        planner = make_planner("shared", 0, time_budget_s=math.inf)
        return ServerParts(
            devices=[(_CloudExecutor(profile, self._seen), profile)],
            model=open_model().description.offering({Variant(resolution, CLOUD_NETWORK) for resolution in RESOLUTIONS}),
            max_batch=1,
            decode=_decode,
            policy=PlanningPolicy(in_place(planner), EachAnew(), violations, 0.5),
            limits=Limits(),
            actuation=False,
            weigh=weightless,
        )


class _Recording(FusionScore):
    """Keeps the answers, to draw them."""

    def __init__(self) -> None:
        super().__init__(Judge(CLASSES))
        self.answers: list[tuple[list[Detection], list[Detection], list[Detection]]] = []

    def answered(
        self,
        objects: Sequence[LabelledObject] | None,
        local: Answer,
        fused: Answer,
    ) -> None:
        super().answered(objects, local, fused)
        self.answers.append((list(local.detections), list(self._newest.detections), list(fused.detections)))


async def _decode(jpeg: bytes, size: InputSize) -> NDArray[np.uint8]:
    return np.frombuffer(jpeg[:8], np.uint8).reshape(1, 8)


async def _inline(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)
