"""A device behind a stream as a dispatcher sees it: a front's end of the conversation.

When the stream breaks all batches on it fail at once, and it is opened anew, again and again: a worker that was started
anew, or is reached again, goes on.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from jellyfish.clock import seconds_now
from jellyfish.core import Answer, InputSize, Variant
from jellyfish.devices.executor import Progress as Steps
from jellyfish.devices.executor import Shape, Undecoded, blank_frame
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.stream.connection import StreamEnd
from jellyfish.devices.stream.framing import Message, StreamError, front_framing
from jellyfish.devices.stream.messages import (
    PROTOCOL,
    Done,
    Failed,
    FromWorker,
    GiveUp,
    ImageKind,
    OpenWorker,
    RunBatch,
    SentImage,
    WorkerHello,
    WorkerPing,
    WorkerPong,
    WorkerProgress,
    WorkerRefused,
)
from jellyfish.devices.stream.way import Way, WayMeter, seen_from
from jellyfish.errors import ImageError, InputError, RunError
from jellyfish.media.still import Png
from jellyfish.models.checking import checked
from jellyfish.models.model import Description, Image, LoadingEngine

_log = logging.getLogger(__name__)
PING_S = 0.25
"""Between two signs of life that are asked for."""
SILENT_S = 1.5
"""A worker that says nothing for so long, and is asked four times a second, is not there."""
FIRST_PAUSE_S, LAST_PAUSE_S = 0.05, 2.0
"""Before a stream that has broken is opened anew: twice as long each time it cannot be, to the last."""
RECENT_LEADS = 16
TYPICAL_PIXELS = 320 * 180
"""Of a frame, by which a way is compared with what it was."""

Connect = Callable[[Callable[[], asyncio.BaseProtocol]], Awaitable[object]]
"""Opens a stream to the worker with such an end here; starts it, where it is ours. OSError where that cannot be."""


class WorkerGoneError(RunError):
    """A worker is not there, in words."""


@dataclass(slots=True)
class _Batch:
    """One that was sent."""

    done: asyncio.Future[list[Answer | ImageError]]
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
        told: Callable[[WorkerProgress], None],
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        """`name`: what the device is called here. `told`: how far the worker is, until it serves. `closed`: called when
        it is not needed any more.
        """
        self.model, self.memory_bytes, self.kind = model, 0, ""
        self.loading: tuple[LoadingEngine, ...] = ()
        self.stated: list[str] = []
        self.in_flight = 2
        self.share = 1.0
        """Of the device, that this front has."""
        self.on_there: Callable[[bool], None] = lambda is_there: None
        self._name, self._opening, self._connect, self._told, self._closed = name, opening, connect, told, closed
        self._own: LatencyProfile | None = None
        self._meter, self._way = WayMeter(), Way()
        self._leads_s: deque[float] = deque([0.0], maxlen=RECENT_LEADS)
        self._numbers = itertools.count()
        self._batches: dict[int, _Batch] = {}
        self._pings: dict[int, float] = {}
        self._end: StreamEnd[FromWorker] | None = None
        """The stream, once the worker has said hello."""
        self._hello: asyncio.Future[WorkerHello] | None = None
        self._keeping: asyncio.Task[None] | None = None

    # --- the stream --------------------------------------------------------------------------------------

    async def open(self) -> LatencyProfile:
        """Reach the worker, and keep in touch with it from then on: its own profile, called as the device is here.

        InputError where it cannot be reached or refuses.
        """
        try:
            lost = await self._reach()
        except (OSError, StreamError, WorkerGoneError) as error:
            raise InputError(f"the worker {self._name} cannot be used: {error}") from error
        assert self._own is not None
        self._keeping = asyncio.create_task(self._keep(lost))
        return self._own

    async def _reach(self) -> asyncio.Future[str]:
        """OpenWorker a stream and wait for the worker to be ready; a future of why the stream has ended."""
        loop = asyncio.get_running_loop()
        hello: asyncio.Future[WorkerHello] = loop.create_future()
        lost: asyncio.Future[str] = loop.create_future()

        def ended(end: StreamEnd[FromWorker], why: str) -> None:
            self._lost(end, why)
            if not hello.done():
                hello.set_exception(WorkerGoneError(why))
                hello.exception()  # somebody need not wait for it
            if not lost.done():
                lost.set_result(why)

        self._hello = hello
        end = StreamEnd(front_framing(), self._heard, ended)
        try:
            await self._connect(lambda: end)
            end.send(self._opening)
            self._take(await hello)
        except BaseException:
            end.end("it is of no use")
            raise
        self._end = end
        return lost

    def _take(self, hello: WorkerHello) -> None:
        """The worker is ready. InputError where it is not what is served here, or not what it was before."""
        if hello.protocol != PROTOCOL or hello.model != self._opening.model:
            raise InputError(f"the worker {self._name} serves another model, or speaks another version")
        try:
            profile = msgspec.msgpack.decode(hello.profile, type=LatencyProfile)
        except (msgspec.MsgspecError, InputError) as error:
            raise InputError(f"the profile of the worker {self._name} cannot be used: {error}") from error
        profile = msgspec.structs.replace(profile, device=self._name)
        if self._own is not None and (profile.workers, profile.variants) != (self._own.workers, self._own.variants):
            raise InputError(f"the worker {self._name} is another one than before: it has other sizes, or workers")
        self._own = self._own or profile
        self.in_flight, self.memory_bytes = max(1, hello.in_flight), hello.memory_bytes
        self.kind, self.stated = hello.device, [*hello.stated]

    async def _keep(self, lost: asyncio.Future[str]) -> None:
        """Look whether the worker is there, and open the stream anew when it has ended, for ever."""
        told, pause_s = False, FIRST_PAUSE_S
        while True:
            if not lost.done():
                await self._watch(lost)
            if not told:
                _log.warning("the worker %s is not there: %s; it is tried again", self._name, lost.result())
                told = True
            await asyncio.sleep(pause_s)
            try:
                lost = await self._reach()
            except (OSError, StreamError, WorkerGoneError, InputError) as error:
                lost = asyncio.get_running_loop().create_future()
                lost.set_result(str(error))
                pause_s = min(2 * pause_s, LAST_PAUSE_S)
                continue
            _log.warning("the worker %s is there again", self._name)
            told, pause_s = False, FIRST_PAUSE_S
            self.on_there(True)

    async def _watch(self, lost: asyncio.Future[str]) -> None:
        """Ask for signs of life until the stream ends; end it where there are none."""
        while not lost.done():
            if self._end is not None:
                number = next(self._numbers)
                self._pings = {number: seconds_now()}
                self._end.send(WorkerPing(number))
                if seconds_now() - self._end.heard_s > SILENT_S:
                    self._end.end(f"nothing was heard of it for {SILENT_S:g} s")
            await asyncio.wait([lost], timeout=PING_S)

    def _heard(self, end: StreamEnd[FromWorker], message: Message[FromWorker]) -> None:
        match message.said:
            case Done() as said:
                self._done(said)
            case Failed(batch, words):
                self._settle(batch, RunError(words))
            case WorkerPing(number):
                end.send(WorkerPong(number))
            case WorkerPong(number):
                asked_s = self._pings.pop(number, None)
                if asked_s is not None:
                    self._meter.exchanged(seconds_now() - asked_s)
            case WorkerProgress() as said:
                self._told(said)
            case WorkerHello() as said if self._hello is not None and not self._hello.done():
                self._hello.set_result(said)
            case WorkerRefused(words) if self._hello is not None and not self._hello.done():
                self._hello.set_exception(InputError(f"the worker {self._name} refuses: {words}"))

    def _lost(self, end: StreamEnd[FromWorker], why: str) -> None:
        """The stream has ended: what was sent over it is not answered any more."""
        if self._end is not end:
            return
        self._end = None
        self._pings.clear()
        for number in list(self._batches):
            self._settle(number, WorkerGoneError(f"it is not there: {why}"))
        self.on_there(False)

    def _settle(self, number: int, outcome: list[Answer | ImageError] | Exception) -> None:
        batch = self._batches.pop(number, None)
        if batch is None or batch.done.done():
            return
        if isinstance(outcome, Exception):
            batch.done.set_exception(outcome)
        else:
            batch.done.set_result(outcome)

    def _done(self, said: Done) -> None:
        batch = self._batches.get(said.batch)
        if batch is None:
            return
        way_s = seconds_now() - batch.sent_s - said.decode_s - said.run_s
        self._meter.carried(batch.size_bytes, batch.pixels, way_s, said.decode_s)
        self._leads_s.append(max(0.0, way_s) + said.decode_s)
        try:
            found = checked(self.model, batch.images, list(said.found))
        except RunError as error:
            self._settle(said.batch, error)
            return
        refused = {index: ImageError(*why) for index, why in said.no_images.items()}
        self._settle(said.batch, [refused.get(index, answer) for index, answer in enumerate(found)])

    # --- what a dispatcher asks for ----------------------------------------------------------------------

    def ready(self, variant: Variant) -> Variant:
        """See `Executor.ready`."""
        return variant

    def lead_s(self, worker: int) -> float:
        """See `PipelinedExecutor.lead_s`: what the slowest of the newest batches took before it could run."""
        return max(self._leads_s)

    def seen(self) -> LatencyProfile:
        """See `DistantExecutor.seen`."""
        assert self._own is not None
        way = self._meter.way
        if not way.like(self._way, TYPICAL_PIXELS):
            self._way = way
        return seen_from(self._own, self._way, self.in_flight, self.share)

    @property
    def way(self) -> Way:
        """What lies between here and the worker, as plans count with it."""
        return self._way

    async def run(self, variants: Sequence[Variant], images: Sequence[Image], worker: int = 0) -> list[Answer]:
        """See `Executor.run`. WorkerGoneError, at once, while the stream is broken or when it breaks."""
        found = await self.run_undecoded(variants, images, worker)
        return [each for each in found if isinstance(each, Answer)]  # all are: there was nothing to decode

    async def run_undecoded(
        self, variants: Sequence[Variant], images: Sequence[Image | Undecoded], worker: int = 0
    ) -> list[Answer | ImageError]:
        """See `DistantExecutor.run_undecoded`. WorkerGoneError as of `run`."""
        end = self._end
        if end is None:
            raise WorkerGoneError("it is not there; it is tried again")
        sent, parts = zip(*map(_sent, images), strict=True)
        number, size_bytes = next(self._numbers), sum(map(len, parts))
        pixels = sum(each.size.width * each.size.height for each in sent)
        batch = _Batch(asyncio.get_running_loop().create_future(), seconds_now(), size_bytes, pixels, len(images))
        self._batches[number] = batch
        try:
            end.send(RunBatch(number, worker, tuple(variants), tuple(sent)), parts)
            return await batch.done
        finally:
            self._batches.pop(number, None)

    async def warm(self, shapes: Sequence[Shape], progress: Steps | None = None) -> None:
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
        if self._end is not None:
            self._end.send(GiveUp(worker))

    def close(self) -> None:
        """See `Executor.close`."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._end is not None:
            self._end.close()
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
