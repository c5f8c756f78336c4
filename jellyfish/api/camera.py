"""A camera of one's own: frames in, what became of each out. They go the way of the emulated cameras' frames."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.credentials import TOKEN_VARIABLE, http_session
from jellyfish.camera.frames import PictureEncoder
from jellyfish.camera.ledger import Captured, Ledger
from jellyfish.camera.reaching import require_ready
from jellyfish.camera.sender import FrameSender
from jellyfish.camera.stream_log import NO_RUN
from jellyfish.clock import seconds_now
from jellyfish.config import ReachConfig
from jellyfish.core import Answer, ClassScore, Detection, Outcome, Reason
from jellyfish.errors import InputError, RunError
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.records import FrameRecord

OPENING_S = 10.0
"""Longest wait for a server that is ready to take the camera in."""
MAX_IN_FLIGHT = 3


@dataclass(frozen=True, slots=True)
class FrameAnswer:
    """What became of one frame: exactly one of these for each."""

    outcome: Outcome
    reason: Reason | None
    """Why it was not answered in time; None where it was."""
    detections: tuple[Detection, ...] = ()
    """Of a detector, best first. Also of an answer that is late."""
    scores: tuple[ClassScore, ...] = ()
    """Of a classifier: the likeliest classes, best first."""
    variant: str | None = None
    """What answered it, e.g. `w075e2-320`; None without an answer."""
    resolution: int | None = None
    """The longest side that it was sent at, in pixels; None where it was not sent."""
    latency_ms: float | None = None
    """From `infer` to the answer; None without one."""

    @property
    def on_time(self) -> bool:
        """Whether it was answered by its deadline."""
        return self.outcome is Outcome.ON_TIME


class Camera:
    """One camera of a server's, for the time of an `async with`.

    Frames are scaled to the planned size and sent as JPEGs; a newer one takes the place of one that still waits; a lost
    connection is made anew, and frames until then are `skipped`, `disconnected`.
    """

    def __init__(
        self,
        url: str,
        *,
        fps: float,
        slo_ms: float,
        name: str = "camera",
        model: str | None = None,
        token: str | None = None,
        ca_file: str | Path | None = None,
        traceparent: str = "",
    ) -> None:
        """`url`: ws://HOST:PORT/v1/stream. `fps`: as many frames a second as will come at most. `slo_ms`: from capture
        to answer. `model`: the name of the one wanted; None takes what is served. `token`: of a server that asks for
        one; None takes JELLYFISH_TOKEN, if that is set. `ca_file`: PEM, whose certificates are trusted where the URL
        is a wss://; None those of the system. `traceparent`: what of one's own the traces of its frames link to (W3C
        Trace Context). InputError for what cannot be.
        """
        hello = wire.Hello(name, fps, slo_ms, arrivals=True, model=model, traceparent=traceparent)
        try:
            self._hello = msgspec.convert(msgspec.to_builtins(hello), wire.Hello)
        except msgspec.ValidationError as error:
            raise InputError(f"a camera cannot ask for that: {error}") from error
        self._url = url
        self._reach = ReachConfig(ca_file=None if ca_file is None else Path(ca_file))
        self._environment = os.environ if token is None else {TOKEN_VARIABLE: token}
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[FrameAnswer]] = {}
        self._sender: FrameSender | None = None
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect. InputError where nobody is ready at the URL, RunError where the camera is not taken in, or open."""
        if self._is_open:
            raise RunError("this camera is open already: one `async with` at a time")
        async with contextlib.AsyncExitStack() as stack:
            http = await stack.enter_async_context(http_session(self._reach, self._url, self._environment))
            await require_ready(http, self._url)
            pool = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="camera"))
            self._sender = sender = self._new_sender(pool)
            self._closing, self._changed = asyncio.Event(), asyncio.Event()
            sender.on_change = self._changed.set
            going = sender.go(http, self._url, _until(self._closing), seconds_now(), math.inf)
            self._running = asyncio.create_task(going)
            stack.push_async_callback(self._leave)
            await self._taken_in(sender)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for what is open, say goodbye and disconnect. Nothing is left running."""
        await self._stack.aclose()

    @property
    def model(self) -> ServedModel:
        """What answers: its name, version, task and classes by label. RunError before the camera is open."""
        found = None if self._sender is None else self._sender.model
        if found is None:
            raise RunError(_NOT_OPEN)
        return found

    async def infer(self, frame: NDArray[np.uint8]) -> FrameAnswer:
        """What becomes of `frame`, RGB [height, width, 3], captured now; it must not be changed until then.

        A miss is an outcome and no exception. RunError when the camera is not open, or the server wants it no more.
        Calls may overlap: as many frames may be on their way as the server allows.
        """
        sender = self._open_sender()
        _check_frame(frame)
        number, now = next(self._numbers), seconds_now()
        ended: asyncio.Future[FrameAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = ended
        if sender.wants(now):
            sender.captured(Captured(number, now, frame))
        else:
            sender.left_out(Captured(number, now, None), Reason.THINNED)
        await asyncio.sleep(0)  # some frames end at once; whoever asks again and again is not to stop the world
        return await ended

    def _new_sender(self, pool: ThreadPoolExecutor) -> FrameSender:
        loop = asyncio.get_running_loop()

        def offload(function: Any, *arguments: Any) -> asyncio.Future[Any]:
            return loop.run_in_executor(pool, function, *arguments)

        slo_s = self._hello.slo_ms / 1000
        ledger = Ledger(self._hello.client, slo_s, MAX_IN_FLIGHT, NO_RUN, self._ended, hears_arrivals=True)
        return FrameSender(self._hello, PictureEncoder(offload), ledger, Shaper(None, 0.0), Shaper(None, 0.0))

    def _ended(self, record: FrameRecord, answer: Answer) -> None:
        """A frame has its outcome. Whoever asked may be gone."""
        ended = self._waiting.pop(record.frame)
        if not ended.done():
            ended.set_result(
                FrameAnswer(
                    record.outcome, record.reason, answer.detections, answer.scores, record.variant, record.resolution,
                    record.e2e_ms,
                )
            )  # fmt: skip

    async def _taken_in(self, sender: FrameSender) -> None:
        """Return when the server has taken the camera in; RunError if it will not, or does not soon."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPENING_S):
                while sender.plan is None and not sender.given_up:
                    await self._changed.wait()
                    self._changed.clear()
        if sender.plan is None:
            raise RunError(f"{self._url} took no camera in: {sender.refusal or 'no connection was held'}")

    @property
    def _is_open(self) -> bool:
        return self._sender is not None and not self._closing.is_set()

    def _open_sender(self) -> FrameSender:
        if self._sender is None or not self._is_open:
            raise RunError(_NOT_OPEN)
        if self._running.done() or self._sender.given_up:
            raise RunError(f"{self._url} wants no more of this camera: {self._sender.refusal or 'it is lost'}")
        return self._sender

    async def _leave(self) -> None:
        self._closing.set()
        await self._running


MOST_SIDE = 16_384
"""Pixels of a frame: scaling a larger one takes longer than anybody waits."""
_NOT_OPEN = "the camera is not open: use it within `async with Camera(...) as camera:`"


async def _until(closing: asyncio.Event) -> None:
    await closing.wait()


def _check_frame(frame: NDArray[np.uint8]) -> None:
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        what = f"{frame.dtype} {list(frame.shape)}" if isinstance(frame, np.ndarray) else type(frame).__name__
        raise InputError(f"a frame is an array of uint8 [height, width, 3], red first; this one is {what}")
    if not frame.size:
        raise InputError("a frame without pixels: check what captured it")
    if max(frame.shape) > MOST_SIDE:
        raise InputError(f"a frame of {frame.shape[1]} x {frame.shape[0]} pixels: sides of up to {MOST_SIDE} are taken")
