"""A server's own log (`serve --results`): the lines of its windows and of what became of its cameras' frames, written
beside the event loop and bounded.

A disk that is full, slow or gone costs lines, never frames: that is said when it begins and when it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from jellyfish.clock import seconds_now, unix_seconds_now
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.results.outcome_lines import OutcomeLine
from jellyfish.results.parted_files import PartedFiles
from jellyfish.results.records import RunInfo
from jellyfish.results.window_lines import WindowLines

WRITE_PERIOD_S = 1.0
MOST_WAITING_BYTES = 4_000_000
"""Lines that wait for a slow disk; what comes on top is left out."""

_log = logging.getLogger(__name__)


class ServerLog:
    """Takes windows at once and has them written once a second."""

    def __init__(self, parts: PartedFiles, patience_s: float = 2.0) -> None:
        """`patience_s`: the longest wait for the last lines."""
        self._parts, self._patience_s = parts, patience_s
        self._thread = WorkerThread("results", begin=lambda: None)
        self._encoder = msgspec.json.Encoder()
        self._waiting: dict[str, bytearray] = defaultdict(bytearray)
        self._writing: Future[OSError | None] | None = None
        self._due_s = 0.0
        self._failing = False

    def begin(self, info: RunInfo) -> None:
        """Say whose log it is."""
        header = msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n"
        self._writing = self._thread.submit(_tried, self._parts.begin, header)

    def window(self, lines: WindowLines, now: float) -> None:
        """Add a window, unless too much is waiting."""
        if not self._has_room():
            return
        self._waiting["windows"] += self._line(lines.window)
        for client in lines.clients:
            self._waiting["window_clients"] += self._line(client)
        for device in lines.devices:
            self._waiting["window_devices"] += self._line(device)

    def outcomes(self, lines: Sequence[OutcomeLine]) -> None:
        """Add what became of frames, unless too much is waiting."""
        if self._has_room():
            for line in lines:
                self._waiting["outcomes"] += self._line(line)

    def _has_room(self) -> bool:
        if sum(map(len, self._waiting.values())) <= MOST_WAITING_BYTES:
            return True
        self._say("the disk does not keep up: windows are left out")
        return False

    def tick(self) -> None:
        """Have written what waits, and deleted what is too old, if it is time for that. To be called now and then."""
        if seconds_now() >= self._due_s and self._idle():
            self._due_s = seconds_now() + WRITE_PERIOD_S
            self._write()

    async def flush(self) -> None:
        """Have all written that waits, and wait until it is; a disk that hangs is not waited for."""
        if await self._written():
            self._write()
            await self._written()

    async def close(self) -> None:
        """Write the last lines."""
        await self.flush()
        self._thread.close()

    async def _written(self) -> bool:
        """Whether what is being written was written soon."""
        if self._writing is not None:
            await asyncio.wait([asyncio.wrap_future(self._writing)], timeout=self._patience_s)
        return self._idle()

    def _line(self, line: msgspec.Struct) -> bytes:
        return self._encoder.encode(line) + b"\n"

    def _write(self) -> None:
        chunks = {kind: bytes(lines) for kind, lines in self._waiting.items()}
        self._waiting.clear()
        now_unix_s = unix_seconds_now() or 0.0
        if chunks:
            self._writing = self._thread.submit(_tried, self._parts.write, chunks, now_unix_s)
        else:
            self._writing = self._thread.submit(_tried, self._parts.tidy, 0, now_unix_s)

    def _idle(self) -> bool:
        """Whether the write before is over; tells once when writing begins to fail, and when it works again."""
        if self._writing is None:
            return True
        if not self._writing.done():
            return False
        error = self._writing.result()
        self._writing = None
        if error is not None:
            self._say(f"cannot be written, windows are left out ({error.strerror or error})")
        elif self._failing:
            self._failing = False
            _log.warning("%s: is written again", self._parts.folder)
        return True

    def _say(self, what: str) -> None:
        if not self._failing:
            _log.warning("%s: %s", self._parts.folder, what)
        self._failing = True


def _tried(write: Callable[..., None], *arguments: Any) -> OSError | None:
    """What kept it from being written, if anything did."""
    try:
        write(*arguments)
    except OSError as error:
        return error
    return None
