"""One live source, for as long as somebody wants it: opened, watched by its frames, and opened anew, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from jellyfish.camera.retries import RetryPace
from jellyfish.camera.sources.live.messages import FrameShown, OpenSource, SourceFailed, SourceOpened
from jellyfish.camera.sources.live.source_process import SourceProcess, SourceReading, Told
from jellyfish.camera.sources.live.watch import SourceWatch
from jellyfish.clock import seconds_now, timeout_at
from jellyfish.config import SourceConfig
from jellyfish.core import InputSize, SourceState

Start = Callable[[], Awaitable[SourceReading]]
OnSourceState = Callable[[SourceState, str], None]
"""Told each new state, in words without credentials."""


def _asked(config: SourceConfig) -> OpenSource:
    folders = None if config.allowance is None else tuple(map(str, config.allowance.folders))
    return OpenSource(config.url, config.rtsp_transport, config.rotate, config.fps, folders)


class LiveSource:
    """`run` it; frames and states are told as they come."""

    def __init__(
        self,
        config: SourceConfig,
        on_frame: Callable[[FrameShown], None],
        on_state: OnSourceState = lambda state, words: None,
        start: Start = SourceProcess.start,
    ) -> None:
        """`start`: starts a reader."""
        self._asked = _asked(config)
        self._on_frame, self._on_state, self._start = on_frame, on_state, start
        self._watch, self._pace = SourceWatch(), RetryPace(config.name)
        self._reading: SourceReading | None = None
        self._told: tuple[SourceState, str] | None = None

    @property
    def state(self) -> SourceState:
        """What state it is in."""
        return self._watch.state

    async def run(self) -> None:
        """Open it, and again when that fails or it ends, until cancelled. Its reader's process is gone then."""
        self._tell()
        try:
            while True:
                await self._once()
                self._tell()
                await asyncio.sleep(self._pace.pause_s(self._watch.lived_s()))
        finally:
            self._watch.stopped()
            await self._end_reading()
            self._tell()

    async def jpeg(self, frame: int, size: InputSize) -> bytes | None:
        """The JPEG of a frame that was told, for a network that takes `size`; None where it is not kept any more."""
        return None if self._reading is None else await self._reading.jpeg(frame, size)

    async def _once(self) -> None:
        """One opening, to its end."""
        self._watch.begin(seconds_now())
        try:
            if self._reading is None:
                self._reading = await self._start()
            await self._reading.open(self._asked)
            while not self._take(await self._heard(self._reading)):
                self._tell()
        except EOFError:
            self._watch.failed("its reader has ended")
            await self._end_reading()
        except OSError as error:
            self._watch.failed(f"no reader can be started: {error.strerror}")
            await self._end_reading()

    async def _heard(self, reading: SourceReading) -> Told | None:
        """What the reader says next; None where it was due."""
        try:
            async with timeout_at(self._watch.due_s):
                return await reading.hear()
        except TimeoutError:
            if self._watch.late(seconds_now()):
                await self._end_reading()
            return None

    def _take(self, told: Told | None) -> bool:
        """Whether this opening is over."""
        match told:
            case SourceOpened():
                self._watch.opened(seconds_now())
            case FrameShown():
                self._watch.frame(seconds_now())
                self._tell()
                self._on_frame(told)
            case SourceFailed(words):
                self._watch.failed(words)
                return True
        return self._reading is None

    async def _end_reading(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            await reading.close()

    def _tell(self) -> None:
        now = self._watch.state, self._watch.words
        if now != self._told:
            self._told = now
            self._on_state(*now)
