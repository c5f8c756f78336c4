"""A worker's end of the conversation: fronts come and go, their batches are decoded and run.

Several fronts may be there at once. One that breaks the protocol, or is not who it should be, is told why and its
stream ended; the others notice nothing.
"""

from __future__ import annotations

import asyncio
import hmac
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from jellyfish.clock import seconds_now
from jellyfish.core import Answer, InputSize, Variant
from jellyfish.devices.executor import ServingExecutor
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.stream.connection import StreamEnd
from jellyfish.devices.stream.framing import MOST_BYTES, Message, StreamError, images_of, worker_framing
from jellyfish.devices.stream.messages import (
    PROTOCOL,
    Done,
    Failed,
    FromFront,
    GiveUp,
    ImageKind,
    OpenWorker,
    RunBatch,
    SentImage,
    ShareGranted,
    ShareWanted,
    WorkerHello,
    WorkerPing,
    WorkerPong,
    WorkerProgress,
    WorkerRefused,
)
from jellyfish.devices.stream.sharing import AskedShare, DeviceSharing, ShareOut, equally
from jellyfish.devices.stream.turn_queue import TurnQueue
from jellyfish.errors import DeviceLostError, ImageError, JellyfishError, RunError
from jellyfish.media.still import Pixels, Png, Still
from jellyfish.models.model import Image, in_words

OPEN_S = 5.0
"""Who has connected has so long to say who he is."""
MOST_STRANGERS, MOST_FRONTS = 16, 64
"""Connections of whom that is not known yet, and of whom it is."""
IN_FLIGHT = 2
"""Batches that each worker of the device may have at least: the next one is decoded while one runs."""
UNANSWERED = 4
"""So many times as many batches of one front may be unanswered, before it is taken to be out of its mind."""

LOOK_S = 0.5
"""How often it is looked who is there, and what for they may have to wait: as often as they plan."""

Decode = Callable[[Still, InputSize], Awaitable[Image]]
_NOTHING = Answer()


class ServingDevice(msgspec.Struct, frozen=True):
    """What is behind a worker's end, once it is ready."""

    device: str
    executor: ServingExecutor
    profile: LatencyProfile
    identity: str
    """Of the model."""
    memory_bytes: int = 0
    """Of its engines, asked for while none is at work: one in a process of its own is waited for."""

    @property
    def in_flight(self) -> int:
        """Batches of one front that each of its workers may have."""
        return max(IN_FLIGHT, self.executor.in_flight)

    @property
    def hello(self) -> WorkerHello:
        """What fronts are told."""
        return WorkerHello(
            self.device, self.identity, msgspec.Raw(msgspec.msgpack.encode(self.profile)),
            self.in_flight, self.memory_bytes, tuple(self.executor.stated),
        )  # fmt: skip


@dataclass(eq=False, slots=True)
class _Front:
    """Who is connected."""

    name: str
    """Nobody else's."""
    opened: OpenWorker | None = None
    gone: bool = False
    unanswered: int = 0
    running: set[asyncio.Task[None]] = field(default_factory=set)
    newest: dict[int, asyncio.Event] = field(default_factory=dict)
    """Of each of the device's workers: `queued` of the newest batch for it."""


@dataclass(frozen=True, slots=True)
class _BatchCame:
    """One that has come."""

    said: RunBatch
    stills: Sequence[Still]
    before: asyncio.Event | None
    """`queued` of the one of its front that is to run before it, on the same of the device's workers."""
    queued: asyncio.Event
    """Set when it waits for its turn, or will not."""


class WorkerEnd:
    """One device's. Fronts may come before it is ready: they wait for that, and are told how far it is."""

    def __init__(
        self,
        identity: str,
        decode: Decode,
        token: str | None,
        ended: Callable[[str], None],
        share_out: ShareOut = equally,
    ) -> None:
        """`identity`: of the model. `token`: what fronts have to show; None: nothing, for whoever can connect may.

        `ended`: told why, when this process is of no use any more and is to be started anew. `share_out`: which part of
        the device each of several fronts has.
        """
        self._identity, self._decode, self._token, self._ended = identity, decode, token, ended
        self.left: Callable[[], object] = lambda: None
        """Called when a front has gone."""
        self._fronts: dict[StreamEnd[FromFront], _Front] = {}
        self._device: ServingDevice | None = None
        self._names = itertools.count()
        self._sharing, self._look_s = DeviceSharing(share_out), 0.0
        self._turns: list[TurnQueue] = []
        """Of each of the device's workers."""

    def protocol(self) -> StreamEnd[FromFront]:
        """An end for one more connection."""
        return StreamEnd(worker_framing(), self._heard, self._gone, self._came)

    @property
    def fronts(self) -> int:
        """Those that are connected and known."""
        return sum(front.opened is not None for front in self._fronts.values())

    def tell(self, words: str, done: int, total: int) -> None:
        """How far the device is, for those who wait."""
        self._tell_known(WorkerProgress(words, done, total))

    def ready(self, device: ServingDevice) -> None:
        """Batches are run from now on."""
        self._device = device
        self._turns = [TurnQueue(device.executor.in_flight) for _ in range(device.profile.workers)]
        self._tell_known(device.hello)
        self._share()

    def refuse(self, why: str) -> None:
        """The device cannot be opened: those who wait for it are told so."""
        self._tell_known(WorkerRefused(why))
        for end in list(self._fronts):
            end.close()

    def close(self) -> None:
        """End all streams."""
        for end in list(self._fronts):
            end.end("the worker stops")

    def _tell_known(self, said: WorkerProgress | WorkerHello | WorkerRefused) -> None:
        for end, front in self._fronts.items():
            if front.opened is not None:
                end.send(said)

    # --- fronts ------------------------------------------------------------------------------------------

    def _came(self, end: StreamEnd[FromFront]) -> None:
        strangers = [each for each, front in self._fronts.items() if front.opened is None]
        if len(strangers) >= MOST_STRANGERS:
            strangers[0].end("too many have connected and said nothing")
        self._fronts[end] = _Front(str(next(self._names)))
        asyncio.get_running_loop().call_later(OPEN_S, self._expect_opened, end)

    def _expect_opened(self, end: StreamEnd[FromFront]) -> None:
        front = self._fronts.get(end)
        if front is not None and front.opened is None:
            end.end("it has not said who it is")

    def _gone(self, end: StreamEnd[FromFront], why: str) -> None:
        """What it had running is run to its end, and nobody told; what waited is not, and its share is the others'."""
        front = self._fronts.pop(end, None)
        if front is not None and front.opened is not None:
            front.gone = True
            self._sharing.leave(front.name)
            for turns in self._turns:
                turns.forget(front.name)
            self._share()
        self.left()

    def _heard(self, end: StreamEnd[FromFront], message: Message[FromFront]) -> None:
        front = self._fronts.get(end)
        if front is None:
            return
        if front.opened is None:
            if not isinstance(message.said, OpenWorker):
                raise StreamError("the first that a front says is who it is")
            self._open(end, front, message.said)
            return
        self._sharing.heard(front.name, end.heard_s)
        if end.heard_s >= self._look_s:
            self._share()
        match message.said:
            case RunBatch() as said:
                self._begin(end, front, said, message.images)
            case WorkerPing(number):
                end.send(WorkerPong(number))
            case GiveUp(worker):
                self._give_up(worker)
            case ShareWanted(wanted, weight):
                self._sharing.ask(front.name, AskedShare(wanted, weight))
                self._share()
            case OpenWorker():
                raise StreamError("it has said already who it is")

    def _open(self, end: StreamEnd[FromFront], front: _Front, said: OpenWorker) -> None:
        why = self._why_not(said)
        if why:
            end.send(WorkerRefused(why))
            end.close()
            return
        end.framing.most_bytes = MOST_BYTES
        front.opened = said
        self._sharing.come(front.name, said.url, end.heard_s)
        if self._device is not None:
            end.send(self._device.hello)
            self._share()

    def _why_not(self, said: OpenWorker) -> str:
        if self._token is not None and not hmac.compare_digest(said.token.encode(), self._token.encode()):
            if not said.token:
                return "it asks for a token: give the server --worker-token-file"
            return "the token of the server's --worker-token-file is not that of the worker's --token-file"
        if said.protocol != PROTOCOL:
            return f"it speaks version {PROTOCOL} of the workers' protocol, not {said.protocol}: install one version"
        if said.model not in ("", self._identity):
            return "it runs another model, or other weights: start it with those of the server"
        return "" if self.fronts < MOST_FRONTS else f"it has its {MOST_FRONTS} fronts"

    def _share(self) -> None:
        """Share the device out anew among those who are there, and tell them, once it is ready."""
        if not self._turns:
            return
        now = seconds_now()
        self._look_s = now + LOOK_S
        for turns in self._turns:
            turns.fair.shares = self._sharing.shares(now)
        changed = self._sharing.changed(now)
        for end, front in self._fronts.items():
            if front.name in changed:
                end.send(ShareGranted(*changed[front.name]))

    # --- batches -----------------------------------------------------------------------------------------

    def _begin(self, end: StreamEnd[FromFront], front: _Front, said: RunBatch, images: memoryview) -> None:
        device = self._device
        if device is None or not said.images or len(said.variants) != len(said.images):
            raise StreamError("a batch has a variant for each image, and comes when the worker is ready")
        if not 0 <= said.worker < device.profile.workers or set(said.variants) - set(device.profile.variants):
            raise StreamError("a batch for a worker, or of a size, that there is not")
        front.unanswered += 1
        if front.unanswered > UNANSWERED * device.in_flight * device.profile.workers:
            raise StreamError(f"{front.unanswered - 1} batches are unanswered")
        stills = [_still(*pair) for pair in zip(said.images, images_of(said.images, images), strict=True)]
        batch = _BatchCame(said, stills, front.newest.get(said.worker), asyncio.Event())
        front.newest[said.worker] = batch.queued
        task = asyncio.ensure_future(self._answer(end, front, device, batch))
        front.running.add(task)
        task.add_done_callback(front.running.discard)

    async def _answer(self, end: StreamEnd[FromFront], front: _Front, device: ServingDevice, batch: _BatchCame) -> None:
        """Decode and run one batch, and say what came of it."""
        number = batch.said.batch
        try:
            end.send(await self._run(front, device, batch))
        except DeviceLostError as error:
            end.send(Failed(number, str(error), lost=True))
            self._ended(str(error))
        except JellyfishError as error:
            end.send(Failed(number, str(error)))
        except Exception as error:
            end.send(Failed(number, in_words(error)))
        finally:
            batch.queued.set()
            front.unanswered -= 1

    async def _run(self, front: _Front, device: ServingDevice, batch: _BatchCame) -> Done:
        said, began_s = batch.said, seconds_now()
        turns, cost_s = self._turns[said.worker], _cost_s(device.profile, said.variants)
        images, variants, refused = await self._decoded(said, batch.stills)
        decoded_s = seconds_now()
        if batch.before is not None:
            await batch.before.wait()
        if front.gone:
            raise RunError("nobody waits for it any more")
        turn = turns.come(front.name, cost_s)
        batch.queued.set()
        if front.name in turns.fair.shares:
            self._sharing.ran(front.name, cost_s, decoded_s)
        async with turns.turn(turn, decoded_s) as waited_s:
            found = iter(await device.executor.run(variants, images, said.worker) if images else ())
        return Done(
            said.batch,
            tuple(_NOTHING if index in refused else next(found) for index in range(len(said.images))),
            decoded_s - began_s,
            seconds_now() - decoded_s,
            {index: (error.reason, str(error)) for index, error in refused.items()},
            waited_s,
        )

    async def _decoded(
        self, said: RunBatch, stills: Sequence[Still]
    ) -> tuple[list[Image], list[Variant], dict[int, ImageError]]:
        """The images, with what each is to be run with; of those that are none, why."""
        decoding = (self._decode(still, each.size) for still, each in zip(stills, said.images, strict=True))
        decoded = await asyncio.gather(*decoding, return_exceptions=True)
        refused: dict[int, ImageError] = {}
        images: list[Image] = []
        variants: list[Variant] = []
        for index, (each, variant) in enumerate(zip(decoded, said.variants, strict=True)):
            if isinstance(each, ImageError):
                refused[index] = each
            elif isinstance(each, BaseException):
                raise each
            else:
                images.append(each)
                variants.append(variant)
        return images, variants, refused

    def _give_up(self, worker: int) -> None:
        """Kill what that worker runs; where it is in a thread of this process, this process."""
        device = self._device
        if device is None or not 0 <= worker < device.profile.workers:
            return
        if device.executor.may_give_up(worker):
            device.executor.give_up(worker)
        else:
            self._ended("a batch hangs")


def _cost_s(profile: LatencyProfile, variants: Sequence[Variant]) -> float:
    """For how long a batch keeps its worker."""
    groups = Counter(variants).items()
    return sum(profile.of(variant).keeps_s[min(size, profile.max_batch) - 1] for variant, size in groups)


def _still(sent: SentImage, data: memoryview) -> Still:
    if sent.kind is ImageKind.RGB:
        if sent.size.width * sent.size.height * 3 != len(data):
            raise StreamError("an image has three bytes for each pixel")
        return Pixels(np.frombuffer(data, np.uint8).reshape(sent.size.height, sent.size.width, 3))
    return Png(bytes(data)) if sent.kind is ImageKind.PNG else bytes(data)
