"""The async rim of a shaped link: each message is written at the time that the shaper says, in order.

Decides nothing about time itself. Reads `loop.time()` and no other clock, so that it runs on asyncio, uvloop
and virtual-time loops alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from jellyfish.link.shaper import Shaper


class Link:
    """Delays messages on their way to `write`; `run()` must be running for anything to arrive.

    Up to `limit` messages are on the link at once; one more waits in `send`. The way back is a link too: with
    `Shaper(None, delay_s)` and the receiver's handler as `write` it holds each message for the one-way delay.
    """

    def __init__(self, shaper: Shaper, write: Callable[[bytes], Awaitable[None]], limit: int = 8) -> None:
        self.shaper = shaper
        self._write = write
        self._room = asyncio.Semaphore(limit)
        self._queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
        self._closed = asyncio.Event()

    async def send(self, data: bytes) -> None:
        """Put `data` on the link once it has room for one more message; does not wait for the arrival.

        Raises `ConnectionResetError` when the link is closed or its `write` has failed.
        """
        await self._room.acquire()
        if self._closed.is_set():
            self._room.release()  # so that the next one that waits learns it too
            raise ConnectionResetError("the link is closed")
        self._queue.put_nowait((self.shaper.send(len(data), asyncio.get_running_loop().time()), data))

    async def run(self) -> None:
        """Deliver messages until `close()`. Raises what `write` raised, after which the link is closed."""
        try:
            while (entry := await self._queue.get()) is not None:
                delivered_s, data = entry
                await self._wait_until(delivered_s)
                if self._closed.is_set():
                    return
                await self._write(data)
                self._room.release()
        finally:
            self.close()

    def close(self) -> None:
        """Cut the link: what is still on it never arrives, and `run()` returns."""
        if not self._closed.is_set():
            self._closed.set()
            self._queue.put_nowait(None)
            self._room.release()

    async def _wait_until(self, time_s: float) -> None:
        """Return at `time_s`, or at once when the link is closed."""
        if time_s <= asyncio.get_running_loop().time():
            return
        try:
            async with asyncio.timeout_at(time_s):
                await self._closed.wait()
        except TimeoutError:
            return
