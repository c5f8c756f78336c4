"""A source's reader at the test's command, for virtual time: it says what it was told to say, when it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np

from jellyfish.camera.sources.live.messages import FrameShown, OpenSource, SourceFailed, SourceOpened
from jellyfish.camera.sources.live.source_process import SourceReading, Told
from jellyfish.clock import seconds_now
from jellyfish.core import InputSize
from jellyfish.media.jpeg import encode_jpeg

SIZE = (64, 48)
Play = Callable[["ScriptedReading"], Awaitable[None]]
"""What one opening brings: it calls the reading's methods."""


class ScriptedReading:
    """See `SourceReading`. Each opening plays the next of the source's plays, and the last one again and again."""

    def __init__(self, source: Scripted) -> None:
        self._source = source
        self._said: asyncio.Queue[Told | None] = asyncio.Queue()
        self._playing: asyncio.Task[None] | None = None
        self.closed = False

    async def open(self, asked: OpenSource) -> None:
        self._source.opened_s.append(seconds_now())
        self._source.asked.append(asked)
        play = self._source.plays.pop(0) if len(self._source.plays) > 1 else self._source.plays[0]
        self._playing = asyncio.create_task(self._play(play))

    async def _play(self, play: Play) -> None:
        await play(self)

    async def hear(self) -> Told:
        told = await self._said.get()
        if told is None:
            raise EOFError
        return told

    async def jpeg(self, frame: int, size: InputSize) -> bytes | None:
        self._source.made.append(frame)
        if frame in self._source.gone:
            return None
        return encode_jpeg(np.full((SIZE[1], SIZE[0], 3), 100, np.uint8))

    async def close(self) -> None:
        self.closed = True
        if self._playing is not None:
            self._playing.cancel()

    # --- what plays do -----------------------------------------------------------------------------------

    def opens(self) -> None:
        self._said.put_nowait(SourceOpened("h264 64x48"))

    def fails(self, words: str = "Connection refused") -> None:
        self._said.put_nowait(SourceFailed(words))

    def dies(self) -> None:
        self._said.put_nowait(None)

    async def shows(self, seconds: float = 1e9, fps: float = 20.0, late_s: float = 0.0) -> None:
        """Frames that were captured `late_s` before they are here."""
        for _ in range(round(seconds * fps)):
            self._source.frames += 1
            self._said.put_nowait(FrameShown(self._source.frames, seconds_now() - late_s, seconds_now(), *SIZE))
            await asyncio.sleep(1 / fps)


class Scripted:
    """A source of `plays`, one for each opening; and what was asked of its readers."""

    def __init__(self, *plays: Play) -> None:
        self.plays = list(plays)
        self.readings: list[ScriptedReading] = []
        self.opened_s: list[float] = []
        self.asked: list[OpenSource] = []
        self.made: list[int] = []
        self.gone: set[int] = set()
        self.frames = 0

    async def start(self) -> SourceReading:
        self.readings.append(ScriptedReading(self))
        return self.readings[-1]


async def lives(reading: ScriptedReading) -> None:
    """Frames for ever."""
    reading.opens()
    await reading.shows()


async def refuses(reading: ScriptedReading) -> None:
    """Nobody is there."""
    reading.fails()


async def hangs(reading: ScriptedReading) -> None:
    """Nothing at all."""


async def freezes(reading: ScriptedReading) -> None:
    """Frames for 10 s, then none, and nothing is said of it."""
    reading.opens()
    await reading.shows(10.0)


async def ends(reading: ScriptedReading) -> None:
    """Frames for 10 s, then it ends in order."""
    await freezes(reading)
    reading.fails("it has ended")


async def crashes(reading: ScriptedReading) -> None:
    """Frames for 10 s, then its process is gone."""
    await freezes(reading)
    reading.dies()
