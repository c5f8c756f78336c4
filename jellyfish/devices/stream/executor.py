"""A device behind a stream as a dispatcher sees it: batches go out, and what came of them comes in.

When the stream breaks all batches on it fail at once. It is opened anew: a worker that was started again, or is reached
again, goes on.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from jellyfish.clock import seconds_now
from jellyfish.core import Answer, InputSize, Variant
from jellyfish.devices.executor import RECENT_LEADS, DeviceGrant, Progress, Ran, Shape, Undecoded, blank_frame
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.stream.link import LOADING_SILENT_S, Connect, WorkerGoneError, WorkerLink
from jellyfish.devices.stream.messages import (
    PROTOCOL,
    Done,
    Failed,
    GiveUp,
    ImageKind,
    OpenWorker,
    RunBatch,
    SentImage,
    ShareGranted,
    ShareWanted,
    WorkerHello,
    WorkerProgress,
)
from jellyfish.devices.stream.way import Way, WayMeter, seen_from
from jellyfish.errors import ImageError, InputError, RunError
from jellyfish.media.still import Png
from jellyfish.models.checking import checked
from jellyfish.models.model import Description, Image, LoadingEngine

TYPICAL_PIXELS = 320 * 180
"""Of a frame, by which a way is compared with what it was."""


@dataclass(slots=True)
class _SentBatch:
    """One that was sent."""

    done: asyncio.Future[Ran]
    sent_s: float
    size_bytes: int
    pixels: int
    images: int


class StreamExecutor:
    """See `jellyfish.devices.executor.Executor`, `PipelinedExecutor` and `DistantExecutor`."""

    def __init__(
        self,
        name: str,
        model: Description,
        opening: OpenWorker,
        connect: Connect,
        told: Callable[[WorkerProgress], None] = lambda said: None,
        closed: Callable[[], None] = lambda: None,
        silent_s: float = LOADING_SILENT_S,
    ) -> None:
        """`name`: what the device is called here. `told`: how far the worker is, until it serves; `silent_s`: for how
        long it may say nothing until then. `closed`: called when it is not needed any more.
        """
        self.model, self.memory_bytes, self.kind, self.in_flight = model, 0, "", 1
        self.loading: tuple[LoadingEngine, ...] = ()
        self.stated: list[str] = []
        self.grant, self._wanted = DeviceGrant(), ShareWanted(0.0, 0.0)
        self.on_grant: Callable[[], None] = lambda: None
        self.on_there: Callable[[bool], None] = lambda is_there: None
        self._name, self._identity, self._closed = name, opening.model, closed
        self._link = WorkerLink(name, opening, connect, self, told, silent_s)
        self._own: LatencyProfile | None = None
        self._meter, self._way = WayMeter(), Way()
        self._seen: LatencyProfile | None = None
        """What was made of both last."""
        self._leads_s: deque[float] = deque([0.0], maxlen=RECENT_LEADS)
        self._numbers = itertools.count()
        self._batches: dict[int, _SentBatch] = {}

    async def open(self) -> LatencyProfile:
        """Reach the worker, and keep in touch with it from then on: its own profile, called as the device is here.

        WorkerGoneError where it cannot be reached, InputError where it refuses.
        """
        await self._link.open()
        assert self._own is not None
        return self._own

    def show(self, token: str) -> None:
        """The worker asks for another token, from the next time on that the stream is opened."""
        self._link.opening = msgspec.structs.replace(self._link.opening, token=token)

    # --- what a link tells -------------------------------------------------------------------------------

    def take(self, hello: WorkerHello) -> None:
        """See `LinkUser.take`: it has to be what is served here, and what it was before."""
        if hello.protocol != PROTOCOL or hello.model != self._identity:
            raise InputError(f"the worker {self._name} serves another model, or speaks another version")
        try:
            profile = msgspec.msgpack.decode(hello.profile, type=LatencyProfile)
        except (msgspec.MsgspecError, InputError) as error:
            raise InputError(f"the profile of the worker {self._name} cannot be used: {error}") from error
        profile = msgspec.structs.replace(profile, device=self._name)
        if self._own is not None and (profile.workers, profile.variants) != (self._own.workers, self._own.variants):
            raise InputError(f"the worker {self._name} is another one than before: it has other sizes, or workers")
        self._own, self._seen = self._own or profile, None
        self.in_flight, self.memory_bytes = max(1, hello.in_flight), hello.memory_bytes
        self.kind, self.stated = hello.device, [*hello.stated]

    def exchanged(self, seconds: float) -> None:
        """See `LinkUser.exchanged`."""
        self._meter.exchanged(seconds)

    def answered(self, said: Done | Failed) -> None:
        """See `LinkUser.answered`."""
        batch = self._batches.get(said.batch)
        if batch is None:
            return
        if isinstance(said, Failed):
            self._settle(said.batch, RunError(said.words))
            return
        way_s = seconds_now() - batch.sent_s - said.decode_s - said.run_s
        self._meter.carried(batch.size_bytes, batch.pixels, way_s, said.decode_s, seconds_now())
        self._leads_s.append(max(0.0, way_s) + said.decode_s)
        try:
            found = checked(self.model, batch.images, said.found)
        except RunError as error:
            self._settle(said.batch, error)
            return
        refused = {index: ImageError(*why) for index, why in said.no_images.items()}
        told = [refused.get(index, answer) for index, answer in enumerate(found)]
        self._settle(said.batch, Ran(told, said.waited_s))

    def granted(self, said: ShareGranted) -> None:
        """See `LinkUser.granted`."""
        self.grant = DeviceGrant(said.share, said.waiting_s, said.fronts)
        self.on_grant()

    def there(self, is_there: bool, why: str) -> None:
        """See `LinkUser.there`."""
        if not is_there:
            for number in list(self._batches):
                self._settle(number, WorkerGoneError(f"it is not there: {why}"))
            self.grant = DeviceGrant()
        else:
            self._link.send(self._wanted)
        self.on_there(is_there)

    def _settle(self, number: int, outcome: Ran | Exception) -> None:
        batch = self._batches.pop(number)
        if batch.done.done():
            return
        if isinstance(outcome, Exception):
            batch.done.set_exception(outcome)
        else:
            batch.done.set_result(outcome)

    # --- what a dispatcher asks for ----------------------------------------------------------------------

    def want(self, wanted: float, weight: float) -> None:
        """See `DistantExecutor.want`."""
        asked = ShareWanted(wanted, weight)
        if asked != self._wanted:
            self._wanted = asked
            self._link.send(asked)

    def ready(self, variant: Variant) -> Variant:
        """See `Executor.ready`."""
        return variant

    def lead_s(self, worker: int) -> float:
        """See `PipelinedExecutor.lead_s`: what the slowest of the newest batches took before it could run."""
        return max(self._leads_s)

    def seen(self) -> LatencyProfile:
        """See `DistantExecutor.seen`."""
        assert self._own is not None
        self._meter.forget(seconds_now())
        way = self._meter.way
        if self._seen is None or not way.like(self._way, TYPICAL_PIXELS):
            self._way = way
            self._seen = seen_from(self._own, way, self.in_flight)
        return self._seen

    @property
    def exchange_s(self) -> float:
        """See `DistantExecutor.exchange_s`."""
        return self._meter.way.exchange_s

    async def run(self, variants: Sequence[Variant], images: Sequence[Image], worker: int = 0) -> list[Answer]:
        """See `Executor.run`. WorkerGoneError, at once, while the stream is broken or when it breaks."""
        ran = await self.run_undecoded(variants, images, worker)
        return [each for each in ran.found if isinstance(each, Answer)]  # all are: there was nothing to decode

    async def run_undecoded(
        self, variants: Sequence[Variant], images: Sequence[Image | Undecoded], worker: int = 0
    ) -> Ran:
        """See `DistantExecutor.run_undecoded`. WorkerGoneError as of `run`."""
        if not self._link.is_there:
            raise WorkerGoneError("it is not there; it is tried again")
        sent, parts = zip(*map(_sent, images), strict=True)
        compressed = all(each.kind is not ImageKind.RGB for each in sent)  # others are tests, and no frames
        number, size_bytes = next(self._numbers), sum(map(len, parts)) if compressed else 0
        pixels = sum(each.size.width * each.size.height for each in sent)
        batch = _SentBatch(asyncio.get_running_loop().create_future(), seconds_now(), size_bytes, pixels, len(images))
        self._batches[number] = batch
        try:
            self._link.send(RunBatch(number, worker, tuple(variants), tuple(sent)), parts)
            return await batch.done
        finally:
            self._batches.pop(number, None)

    async def warm(self, shapes: Sequence[Shape], progress: Progress | None = None) -> None:
        """See `Executor.warm`."""
        assert self._own is not None
        for done, (variant, batch) in enumerate(shapes, start=1):
            images = [blank_frame(self.model, variant)] * batch
            workers = range(self._own.workers)
            await asyncio.gather(*(self.run([variant] * batch, images, worker) for worker in workers))
            if progress is not None:
                progress(done, len(shapes))

    def give_up(self, worker: int) -> None:
        """See `Executor.give_up`: the worker kills what runs, itself if need be."""
        self._link.send(GiveUp(worker))

    def close(self) -> None:
        """See `Executor.close`."""
        self._link.close()
        self._closed()


def _sent(image: Image | Undecoded) -> tuple[SentImage, bytes | memoryview]:
    """How an image is told, and its bytes."""
    if not isinstance(image, Undecoded):
        height, width = image.shape[:2]
        data = np.ascontiguousarray(image).data.cast("B")
        return SentImage(ImageKind.RGB, len(data), InputSize(width, height)), data
    if isinstance(image.still, Png):
        return SentImage(ImageKind.PNG, len(image.still.data), image.size), image.still.data
    return SentImage(ImageKind.JPEG, len(image.still), image.size), image.still
