"""A real camera of a server's: a live source whose newest frames are sent, answered and accounted for."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import aiohttp

from jellyfish.camera.ledger import Captured, Ledger
from jellyfish.camera.sender import FrameSender
from jellyfish.camera.sources.live.messages import FrameShown
from jellyfish.camera.sources.live.rate import RateMeter
from jellyfish.camera.sources.live.source import LiveSource, Start
from jellyfish.camera.sources.live.source_process import SourceProcess
from jellyfish.camera.stream_log import NO_RUN, StreamLog
from jellyfish.clock import seconds_now
from jellyfish.config import SourceConfig
from jellyfish.core import Answer, InputSize, Reason, SourceState
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.records import FrameRecord, Timeline

MAX_IN_FLIGHT = 3
OnState = Callable[[str, SourceState, str], None]
"""Told a camera's name, the state of its source, and that in words, without credentials."""


class CameraRecording(Protocol):
    """Where what becomes of a camera's frames is written down."""

    timeline: Timeline

    def frame(self, record: FrameRecord, answer: Answer) -> None:
        """A frame has its outcome."""
        ...

    def log(self, camera: str) -> StreamLog:
        """What writes down a camera's plans and outages."""
        ...


class NoRecording:
    """See `CameraRecording`: nothing is."""

    timeline = NO_RUN

    def frame(self, record: FrameRecord, answer: Answer) -> None:
        """Forget it."""

    def log(self, camera: str) -> StreamLog:
        """One that forgets."""
        return StreamLog(camera)


class LiveCamera:
    """`run` it once, and `stop` it. Until its source has shown how many frames a second it has, no server is asked."""

    def __init__(
        self,
        config: SourceConfig,
        http: aiohttp.ClientSession,
        url: str,
        on_state: OnState = lambda name, state, words: None,
        recording: CameraRecording | None = None,
        start: Start = SourceProcess.start,
    ) -> None:
        """`url`: of the server's stream. `start`: starts a reader of the source."""
        self.config = config
        self.sender: FrameSender | None = None
        """Its stream to the server; None before it is known how many frames come."""
        self.ledger: Ledger | None = None
        self._http, self._url, self._on_state = http, url, on_state
        self._recording = recording or NoRecording()
        self._source = LiveSource(config, self._shown, self._changed, start)
        self._numbers = itertools.count()
        self._meter = RateMeter()
        self._known = asyncio.Event()
        self.stopped = asyncio.Event()
        """Set when it is to end."""

    @property
    def state(self) -> SourceState:
        """Of its source."""
        return self._source.state

    @property
    def model(self) -> ServedModel | None:
        """What answers; None before any server has said."""
        return None if self.sender is None else self.sender.model

    async def run(self) -> None:
        """Read and send until it is stopped; then wait for what is open, and say goodbye."""
        reading = asyncio.create_task(self._source.run())
        stopped = asyncio.create_task(self.stopped.wait())
        sending = asyncio.create_task(self._send())
        try:
            await asyncio.wait((reading, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, stopped, sending):
                task.cancel()
            ended = await asyncio.gather(reading, stopped, sending, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def stop(self) -> None:
        """Send nothing more: `run` ends soon."""
        self.stopped.set()

    # --- the source ----------------------------------------------------------------------------------------

    def _changed(self, state: SourceState, words: str) -> None:
        if self.sender is not None and state is not SourceState.STOPPED:
            self.sender.source = state
        if state is not SourceState.LIVE:
            self._meter = RateMeter()  # what comes next may come at another rate
        self._on_state(self.config.name, state, words)

    def _shown(self, shown: FrameShown) -> None:
        """A frame is here: hand it to the stream, where there is one."""
        if self.sender is None:
            self._meter.frame(shown.captured_s)
            if self.config.fps is not None or self._meter.fps is not None:
                self._known.set()
            return
        if self.stopped.is_set():
            return
        number = next(self._numbers)
        if self.sender.wants(shown.captured_s):
            self.sender.captured(Captured(number, shown.captured_s, shown.frame))
        else:
            self.sender.left_out(Captured(number, shown.captured_s, None), Reason.THINNED)

    # --- the stream ----------------------------------------------------------------------------------------

    async def _send(self) -> None:
        await self._either(self._known)
        if self.stopped.is_set():
            return
        self.sender = self._new_sender(self.config.fps or self._meter.fps or 1.0)
        self.sender.source = self._source.state
        await self.sender.go(self._http, self._url, _until(self.stopped), seconds_now(), math.inf)

    async def _either(self, event: asyncio.Event) -> None:
        """Return when `event` is set, or the camera is stopped."""
        tasks = [asyncio.create_task(each.wait()) for each in (event, self.stopped)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _new_sender(self, fps: float) -> FrameSender:
        config, recording = self.config, self._recording
        hello = wire.Hello(config.name, round(fps, 3), config.slo_s * 1000, arrivals=True, target=config.target)
        self.ledger = Ledger(config.name, config.slo_s, MAX_IN_FLIGHT, recording.timeline, recording.frame, True)
        here = Shaper(None, 0.0)
        log = recording.log(config.name)
        return FrameSender(hello, _LiveFrames(self._source), self.ledger, here, Shaper(None, 0.0), log=log)


class _LiveFrames:
    """See `jellyfish.camera.frames.FrameEncoder`; pictures are numbers of frames that the source's reader has."""

    classes: Sequence[str] = ()

    def __init__(self, source: LiveSource) -> None:
        self._source = source

    async def encoded(self, picture: int, size: InputSize) -> bytes | None:
        """See `FrameEncoder.encoded`."""
        return await self._source.jpeg(picture, size)

    def expect(self, size: InputSize) -> None:
        """Of no concern: nothing is made ahead."""


async def _until(stopped: asyncio.Event) -> None:
    await stopped.wait()
