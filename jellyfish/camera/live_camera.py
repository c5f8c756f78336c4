"""A real camera of a server's: a live source whose newest frames are sent, answered and accounted for."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Protocol

import aiohttp

from jellyfish.camera.ledger import Captured, Ledger
from jellyfish.camera.sender import FrameSender
from jellyfish.camera.server_choice import ServerChoice
from jellyfish.camera.sources.live.messages import FrameShown
from jellyfish.camera.sources.live.rate import RateMeter
from jellyfish.camera.sources.live.source import LiveSource, Start
from jellyfish.camera.sources.live.source_process import SourceProcess
from jellyfish.camera.stream_log import NO_RUN, StreamLog
from jellyfish.clock import seconds_now
from jellyfish.config import SourceConfig
from jellyfish.core import Answer, InputSize, Reason, SourceState
from jellyfish.errors import RunError
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire
from jellyfish.results.records import FrameRecord, Timeline
from jellyfish.results.streams import StreamAccount

MAX_IN_FLIGHT = 3
FASTER = 1.2
"""A source that shows so many times the frames that the server was told of is told of anew."""
LOOK_S = 10.0
"""So long frames are counted for that."""
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
        """Its stream to the server; None while it is not known how many frames come."""
        self.ledger: Ledger | None = None
        """Of the newest stream."""
        self.frames = 0
        """Captured so far, over all streams."""
        self.stopped = asyncio.Event()
        """Set when it is to end."""
        self._http, self._url, self._on_state = http, url, on_state
        self._choice = ServerChoice(config.name)
        self._recording = recording or NoRecording()
        self._source = LiveSource(config, self._shown, self._changed, start)
        self._meter = RateMeter()
        self._known = asyncio.Event()
        """Set when it is known how many frames come."""
        self._over = asyncio.Event()
        """Set when the running stream is to end."""
        self._accounts, self._let_in = StreamAccount(config.name, 0, 0), False

    @property
    def state(self) -> SourceState:
        """Of its source."""
        return self._source.state

    @property
    def let_in(self) -> bool:
        """Whether a server has ever taken it in."""
        return self._let_in or (self.sender is not None and self.sender.let_in)

    @property
    def account(self) -> StreamAccount:
        """How much of what was sent over the streams that have ended the server's accounts tell of."""
        return self._accounts

    async def run(self) -> None:
        """Read and send until it is stopped; then wait for what is open, and say goodbye.

        RunError when the server refuses it for good.
        """
        tasks = [asyncio.create_task(self._source.run()), asyncio.create_task(self._send())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def stop(self) -> None:
        """Send nothing more: `run` ends soon."""
        for event in (self.stopped, self._known, self._over):
            event.set()

    # --- the source ----------------------------------------------------------------------------------------

    def _changed(self, state: SourceState, words: str) -> None:
        if self.sender is not None and state is not SourceState.STOPPED:
            self.sender.source = state
        if state is not SourceState.LIVE:
            self._meter = RateMeter()  # what comes next may come at another rate
        self._on_state(self.config.name, state, words)

    def _shown(self, shown: FrameShown) -> None:
        """A frame is here: hand it to the stream, where there is one."""
        self._meter.frame(shown.captured_s)
        if self.sender is None:
            if self.config.fps is not None or self._meter.fps is not None:
                self._known.set()
            return
        if self.stopped.is_set():
            return
        self._look_at_rate(self.sender.hello.fps)
        number, self.frames = self.frames, self.frames + 1
        if self.sender.wants(shown.captured_s):
            self.sender.captured(Captured(number, shown.captured_s, shown.frame, came_s=shown.came_s))
        else:
            self.sender.left_out(Captured(number, shown.captured_s, None), Reason.THINNED)

    def _look_at_rate(self, told_fps: float) -> None:
        """A server takes hardly more frames than it was told of: where more come, it is told anew, by another stream.

        That fewer come it sees itself.
        """
        if (fps := self._meter.fps) is None or self.config.fps is not None:
            return
        if fps > FASTER * told_fps:
            self._over.set()
        else:
            self._meter = RateMeter(LOOK_S)

    # --- the stream ----------------------------------------------------------------------------------------

    async def _send(self) -> None:
        """One stream after the other."""
        while True:
            await self._known.wait()
            if self.stopped.is_set():
                return
            await self._stream(self.config.fps or self._meter.fps or 1.0)

    async def _stream(self, fps: float) -> None:
        self._over.clear()
        self._meter = RateMeter(LOOK_S)
        self.ledger = ledger = self._new_ledger()
        self.sender = sender = self._new_sender(fps, ledger)
        sender.source = self._source.state
        sender.on_change = self._look_at_stream
        try:
            await sender.go(self._http, self._url, _until(self._over), seconds_now(), math.inf)
        finally:
            self.sender, self._let_in = None, self._let_in or sender.let_in
            account, so_far = ledger.account(sender.farewell), self._accounts
            self._accounts = StreamAccount(
                account.client, so_far.sent + account.sent, so_far.compared + account.compared
            )
        if sender.farewell is not None and not ledger.agrees(sender.farewell):
            raise RunError(f"{self.config.name}: the server's account {sender.farewell} is not the camera's")
        if sender.given_up and not self.stopped.is_set():
            raise RunError(f"{self.config.name}: {sender.refusal}")

    def _look_at_stream(self) -> None:
        if self.sender is not None and self.sender.given_up:
            self._over.set()

    def _new_ledger(self) -> Ledger:
        config, recording = self.config, self._recording
        return Ledger(config.name, config.slo_s, MAX_IN_FLIGHT, recording.timeline, recording.frame, True)

    def _new_sender(self, fps: float, ledger: Ledger) -> FrameSender:
        config = self.config
        hello = wire.Hello(config.name, round(fps, 3), config.slo_s * 1000, arrivals=True, target=config.target)
        up, down = Shaper(None, 0.0), Shaper(None, 0.0)
        log = self._recording.log(config.name)
        return FrameSender(hello, _LiveFrames(self._source), ledger, up, down, log=log, choice=self._choice)


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
