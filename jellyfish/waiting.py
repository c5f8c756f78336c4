"""Waiting for a time or a signal on an event loop that is known already.

asyncio's own `sleep`, `Event` and `Queue` look the running loop up each time they wait. Up to Python 3.11 that is a
system call, and on a machine that emulates a hundred cameras it was a quarter of the processor time.
"""

from __future__ import annotations

import asyncio

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
