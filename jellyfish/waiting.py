"""Waiting for a time or a signal on an event loop that is known already.

asyncio's own `sleep`, `Event` and `Queue` look the running loop up each time they wait. Up to Python 3.11 that is a
system call, and on a machine that emulates a hundred cameras it was a quarter of the processor time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jellyfish.clock import call_at, seconds_now


class Signal:
    """One coroutine waits, and no more than one; others tell it to go on. A signal is kept until it is cleared."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._set = False
        self._waiting: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Let the one that waits, or the next one that will, go on."""
        self._set = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def clear(self) -> None:
        """Forget a signal."""
        self._set = False

    async def wait(self) -> None:
        """Return when the signal is set, which leaves it set. RuntimeError if somebody waits already."""
        if self._set:
            return
        if self._waiting is not None:
            raise RuntimeError("somebody waits for this signal already")
        self._waiting = self._loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None


class Patience:
    """Notices when what has been begun is not ended for too long.

    One timer at a time, which is looked after only when it comes: most of what is waited for ends at once, and a
    timeout for each would cost more than it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, most_s: float, overdue: Callable[[], None]) -> None:
        """`overdue`: called when something has been under way for `most_s` without a moment in which nothing was."""
        self._loop, self._most_s, self._overdue = loop, most_s, overdue
        self._under_way, self._since_s = 0, 0.0
        self._waits = False
        """Whether a timer is set."""

    def __enter__(self) -> None:
        """Something begins."""
        if not self._under_way:
            self._since_s = seconds_now()
            if not self._waits:
                self._wait()
        self._under_way += 1

    def __exit__(self, *_: object) -> None:
        """It is over."""
        self._under_way -= 1

    def _wait(self) -> None:
        self._waits = True
        call_at(self._loop, self._since_s + self._most_s, self._look)

    def _look(self) -> None:
        self._waits = False
        if self._under_way and seconds_now() >= self._since_s + self._most_s:
            self._overdue()
        elif self._under_way:
            self._wait()


async def sleep_until(loop: asyncio.AbstractEventLoop, time_s: float) -> None:
    """Return at a time of the clock, never before; where that is past, after all else that is ready has run."""
    while True:
        waiting = loop.create_future()
        timer = call_at(loop, time_s, _release, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
        if seconds_now() >= time_s:
            return


def _release(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
