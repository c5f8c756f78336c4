"""The async rim of a shaped link: each message arrives at the time that the shaper says, in order.

Decides nothing about time itself. Runs on asyncio, uvloop and virtual-time loops alike.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from jellyfish.clock import call_at, seconds_now
from jellyfish.link.shaper import Shaper
from jellyfish.waiting import Signal

LIMIT = 8
"""Messages that are on a link at once; one more waits in `send`."""


class Link:
    """The way there: delays messages until they are handed to `write`; `run()` must be running for any to arrive."""

    def __init__(self, shaper: Shaper, write: Callable[[bytes], Awaitable[None]], limit: int = LIMIT) -> None:
        """On the running event loop."""
        self.shaper = shaper
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._room = _Room(self._loop, limit)
        self._queue: deque[tuple[float, bytes]] = deque()
        self._due = Signal(self._loop)
        """Set when the message at the head arrives, and when the link is closed."""
        self._timer: asyncio.TimerHandle | None = None
        self._writing = self._closed = False

    async def send(self, data: bytes) -> None:
        """Put `data` on the link once it has room for one more message; does not wait for the arrival.

        Raises `ConnectionResetError` when the link is closed or its `write` has failed.
        """
        if not self._room.take():
            await self._room.taken()
        if self._closed:
            self._room.give()  # so that the next one that waits learns it too
            raise ConnectionResetError("the link is closed")
        self._queue.append((self.shaper.send(len(data), seconds_now()), data))
        if len(self._queue) == 1 and not self._writing:
            self._wait_for_head()

    async def run(self) -> None:
        """Deliver messages until `close()`. Raises what `write` raised, after which the link is closed."""
        try:
            while True:
                await self._due.wait()
                if self._closed:
                    return
                self._due.clear()
                # Its timer says that the head is due, not the clock: a loop that counts milliseconds is somewhat early.
                self._writing = True
                await self._write(self._queue.popleft()[1])
                self._writing = False
                self._room.give()
                if self._queue:
                    self._wait_for_head()
        finally:
            self.close()

    def close(self) -> None:
        """Cut the link: what is still on it never arrives, and `run()` returns."""
        if not self._closed:
            self._closed = True
            self._room.give()
            self._due.set()
            if self._timer is not None:
                self._timer.cancel()

    def _wait_for_head(self) -> None:
        arrives_s = self._queue[0][0]
        if arrives_s <= seconds_now():
            self._due.set()
        else:
            self._timer = call_at(self._loop, arrives_s, self._due.set)


class Downlink:
    """The way back: holds each message for the link's time and hands it to `handle`, which returns at once.

    Without a coroutine of its own for that: cameras hear several messages for each frame.
    """

    def __init__(self, shaper: Shaper, handle: Callable[[bytes], None], limit: int = LIMIT) -> None:
        """On the running event loop. `handle` is called from it."""
        self._loop = asyncio.get_running_loop()
        self._shaper, self._handle = shaper, handle
        self._room = _Room(self._loop, limit)
        self._queue: deque[bytes] = deque()
        self._failed: asyncio.Future[None] = self._loop.create_future()

    async def send(self, data: bytes) -> None:
        """Put `data` on the link once it has room for one more message; does not wait for the arrival."""
        if not self._room.take():
            await self._room.taken()
        self._queue.append(data)
        call_at(self._loop, self._shaper.send(len(data), seconds_now()), self._deliver)

    async def run(self) -> None:
        """Return never; raise what `handle` raised."""
        await self._failed

    def close(self) -> None:
        """Cut the link: what is still on it never arrives."""
        self._queue.clear()
        self._failed.cancel()

    def _deliver(self) -> None:
        """The time of one message has come: of the oldest, for none overtakes another."""
        if not self._queue or self._failed.done():
            return
        data = self._queue.popleft()
        self._room.give()
        try:
            self._handle(data)
        except Exception as error:  # for whoever runs the link, as if it had been called there
            self._failed.set_exception(error)
            self._failed.exception()  # should nobody run it any more, nobody need be told


class _Room:
    """A semaphore that costs next to nothing while there is room, which is nearly always."""

    def __init__(self, loop: asyncio.AbstractEventLoop, places: int) -> None:
        self._loop, self._places = loop, places
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Take a place, if one is free and nobody waits for it."""
        if self._places <= 0 or self._waiting:
            return False
        self._places -= 1
        return True

    async def taken(self) -> None:
        """Return when a place has become free and is taken; first come, first served."""
        waiting = self._loop.create_future()
        self._waiting.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.give()  # it had been handed over already
            raise

    def give(self) -> None:
        """Hand a place to the one that waits longest, or keep it free."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self._places += 1
