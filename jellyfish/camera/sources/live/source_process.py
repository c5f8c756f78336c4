"""A source's reader as the event loop sees it: started, told, listened to, killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Protocol

from jellyfish.camera.sources.live.messages import (
    FROM_READER,
    LENGTH_BYTES,
    FrameShown,
    JpegMade,
    MakeJpeg,
    OpenSource,
    SourceFailed,
    SourceOpened,
    ToReader,
    packed,
)
from jellyfish.core import InputSize
from jellyfish.program.child_environment import environment_of_child

READER = "jellyfish.camera.sources.live.reader"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
END_S = 0.5
"""How long a process that has been killed is waited for: where the kernel holds it, it is left behind."""
Told = SourceOpened | FrameShown | SourceFailed


class SourceReading(Protocol):
    """Reads one source somewhere else."""

    async def open(self, asked: OpenSource) -> None:
        """Have it opened; what comes of that is heard."""
        ...

    async def hear(self) -> Told:
        """What the reader says next; EOFError when it has ended."""
        ...

    async def jpeg(self, frame: int, size: InputSize) -> bytes | None:
        """The JPEG of a frame that was shown, for a network that takes `size`; None where it cannot be had."""
        ...

    async def close(self) -> None:
        """End it, whatever it does."""
        ...


class SourceProcess:
    """See `SourceReading`. Nothing of what it is told shows in its title or its environment."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._jpegs: dict[int, asyncio.Future[bytes | None]] = {}
        self._heard: asyncio.Queue[Told | None] = asyncio.Queue()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls) -> SourceProcess:
        """Start one; it is ready a moment later, and what it is told waits for that."""
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", READER,
                stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment_of_child(os.environ) | ONE_THREAD,
                start_new_session=True,  # no Ctrl-C of a terminal's is for it
            )
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def open(self, asked: OpenSource) -> None:
        """See `SourceReading.open`."""
        await self._tell(asked)

    async def hear(self) -> Told:
        """See `SourceReading.hear`."""
        told = await self._heard.get()
        if told is None:
            raise EOFError
        return told

    async def jpeg(self, frame: int, size: InputSize) -> bytes | None:
        """See `SourceReading.jpeg`."""
        if self._listening.done():
            return None
        waiting = self._jpegs.get(frame)
        if waiting is None:
            waiting = self._jpegs[frame] = asyncio.get_running_loop().create_future()
            await self._tell(MakeJpeg(frame, size))
        return await asyncio.shield(waiting)

    async def close(self) -> None:
        """See `SourceReading.close`."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._process.wait()
        self._listening.cancel()
        await asyncio.wait((self._listening,))

    async def _tell(self, message: ToReader) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # that it has ended is heard
            self._process.stdin.write(packed(message))
            await self._process.stdin.drain()

    async def _listen(self) -> None:
        """Take in what it says until it ends."""
        assert self._process.stdout is not None
        try:
            while True:
                head = await self._process.stdout.readexactly(LENGTH_BYTES)
                message = FROM_READER.decode(await self._process.stdout.readexactly(int.from_bytes(head)))
                if not isinstance(message, JpegMade):
                    self._heard.put_nowait(message)
                elif (waiting := self._jpegs.pop(message.frame, None)) is not None and not waiting.done():
                    waiting.set_result(message.data or None)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._heard.put_nowait(None)
            for waiting in self._jpegs.values():
                if not waiting.done():
                    waiting.set_result(None)
            self._jpegs.clear()
