"""Stands between the clients' frames and the decoders: whose turn it is, how many at once, and until when.

Decoders are handed a frame when they can begin it, and not before: there is no queue behind this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.clock import call_at, seconds_now
from jellyfish.config import Limits
from jellyfish.control.host import HostLoad
from jellyfish.core import InputSize, Reason
from jellyfish.devices.executor import Undecoded
from jellyfish.errors import ImageError
from jellyfish.media.decoding_cost import DecodingCost
from jellyfish.media.still import Pixels, Png, Still
from jellyfish.server.decoding_budget import DecodingBudget
from jellyfish.server.decoding_queue import DecodingQueue, WaitingFrame
from jellyfish.server.host_meter import Decode, HostMeter

MOST_PASSED_BYTES = 1_000_000
"""Of a file that is handed to a device that decodes itself."""
Image = NDArray[np.uint8]
Weigh = Callable[[Still, InputSize], DecodingCost]
"""What it takes to decode for a size, by its header. ImageError for one that is not decoded."""


class _Order(NamedTuple):
    """What is to be decoded, and who waits for it."""

    still: Still
    size: InputSize
    done: asyncio.Future[Image]


_Frame = WaitingFrame[_Order]


class Decoding:
    """The decoders, shared out between clients."""

    def __init__(
        self,
        decode: Decode,
        weigh: Weigh,
        workers: int,
        limits: Limits,
        load: HostLoad,
        meter: HostMeter | None,
        decode_large: Decode | None = None,
    ) -> None:
        """`workers`: frames that are decoded at once. `load` and `meter` are of the host, which may be unknown.

        `decode_large`: of large pictures; None for `decode`.
        """
        self._decode, self._decode_large = decode, decode_large or decode
        self._weigh, self._workers = weigh, workers
        self._limits, self._load, self._meter = limits, load, meter
        self._queue: DecodingQueue[_Order] = DecodingQueue(limits.clients * limits.in_flight)
        self._running: dict[asyncio.Future[Image], _Frame] = {}
        self._closed = False

    def for_client(self, client: str, fps: float, largest: InputSize) -> ClientImages:
        """What decodes the frames of one client, within a budget of its own. `largest`: what they are fitted into."""
        return self.within(DecodingBudget(self._limits, fps, largest), client)

    def within(self, budget: DecodingBudget, client: str) -> ClientImages:
        """What decodes the images of one client, within its budget."""
        return ClientImages(self, budget, client)

    def spend(self, still: Still, size: InputSize, budget: DecodingBudget) -> DecodingCost:
        """Look at the header of a frame, and take what it costs from a budget. ImageError where it is not decoded."""
        cost = self._weigh(still, size)
        budget.spend(cost, self._load.room, seconds_now())
        return cost

    async def decode(self, still: Still, size: InputSize, until_s: float, client: str, cost: DecodingCost) -> Image:
        """The image of a frame, when it is its turn. ImageError says why there is none."""
        order = _Order(still, size, asyncio.get_running_loop().create_future())
        return await self._in_turn(WaitingFrame(client, cost.megapixels, until_s, order))

    def passes(self, size: InputSize) -> None:
        """A frame goes by that is decoded elsewhere: the host carries it all the same. ImageError when it stops."""
        if self._closed:
            raise ImageError(Reason.SHUTDOWN.value, "")
        if self._meter is not None:
            self._meter.came()
            self._meter.went()
            self._meter.made(size)

    def close(self) -> None:
        """End all that waits; nothing is begun any more."""
        self._closed = True
        for frame in self._queue.clear():
            self._end(frame, Reason.SHUTDOWN)

    async def _in_turn(self, frame: _Frame) -> Image:
        """Wait for a decoder, and for what it makes of a frame; not beyond the frame's deadline."""
        if self._closed:
            raise ImageError(Reason.SHUTDOWN.value, "")
        if not self._queue.put(frame):
            raise ImageError(Reason.QUEUE_FULL.value, "too many frames wait for a decoder")
        if self._meter is not None:
            self._meter.came()
        self._go_on()
        overdue = call_at(asyncio.get_running_loop(), frame.deadline_s, _expire, frame.owner.done)
        try:
            return await frame.owner.done
        finally:
            overdue.cancel()
            if self._queue.remove(frame):
                self._went()

    def _go_on(self) -> None:
        """Give what waits to decoders that are free. Large pictures leave one of them for all others."""
        for late in self._queue.expired(seconds_now()):
            self._end(late, Reason.EXPIRED)
        while len(self._running) < self._workers:
            large = sum(frame.large for frame in self._running.values())
            frame = self._queue.take(large=large < max(1, self._workers - 1))
            if frame is None:
                return
            order, decode = frame.owner, self._decode_large if frame.large else self._decode
            job = asyncio.ensure_future(decode(order.still, order.size))
            self._running[job] = frame
            job.add_done_callback(self._ended)

    def _ended(self, job: asyncio.Future[Image]) -> None:
        """A decoder is free, whether or not somebody still waits for what it has made."""
        frame = self._running.pop(job)
        self._went()
        if self._meter is not None and not job.cancelled() and job.exception() is None:
            self._meter.made(frame.owner.size)
        _hand_over(job, frame.owner.done)
        self._go_on()

    def _end(self, frame: _Frame, reason: Reason) -> None:
        """A frame that has been taken out of the queue is not decoded."""
        self._went()
        if not frame.owner.done.done():
            frame.owner.done.set_exception(ImageError(reason.value, ""))

    def _went(self) -> None:
        if self._meter is not None:
            self._meter.went()


class ClientImages:
    """Makes images of one client's frames, within a budget."""

    def __init__(self, decoding: Decoding, budget: DecodingBudget, client: str) -> None:
        self._decoding, self._budget, self._client = decoding, budget, client

    async def __call__(self, still: Still, size: InputSize, until_s: float) -> Image:
        """The image of a still, fitted into a size, that is of use until a time; ImageError says why there is none."""
        cost = self._decoding.spend(still, size, self._budget)
        return await self._decoding.decode(still, size, until_s, self._client, cost)

    async def as_taken(self, still: Still, size: InputSize, until_s: float, decodes: bool) -> Image | Undecoded:
        """The same for a device that `decodes` itself: a file as it came, within the budget all the same. What is large
        is decoded here: it would hold up the stream to the device, and all the others' frames behind it."""
        if not decodes or isinstance(still, Pixels) or _size_bytes(still) > MOST_PASSED_BYTES:
            return await self(still, size, until_s)
        self._decoding.spend(still, size, self._budget)
        self._decoding.passes(size)
        return Undecoded(still, size)


def _size_bytes(still: bytes | Png) -> int:
    return len(still) if isinstance(still, bytes) else len(still.data)


def _expire(done: asyncio.Future[Image]) -> None:
    """Nobody need wait for `done` any more. A timer says so: a timeout around the waiting costs three times as much."""
    if not done.done():
        done.set_exception(ImageError(Reason.EXPIRED.value, ""))


def _hand_over(job: asyncio.Future[Image], done: asyncio.Future[Image]) -> None:
    """Pass on what came of `job` to whoever waits for `done`, if anybody still does."""
    if job.cancelled():
        done.cancel()
        return
    error = job.exception()
    if done.done():
        return
    if error is None:
        done.set_result(job.result())
    else:
        done.set_exception(error)
