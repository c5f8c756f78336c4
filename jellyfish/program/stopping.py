"""Ctrl-C and SIGTERM for what runs on an event loop.

What has nothing to keep is cancelled. What has, a run with its frames, is told by its `Stop` and goes on to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from jellyfish.errors import RunError
from jellyfish.program.ending import SIGNALS, Ending, Stopped, exit_code

Result = TypeVar("Result")
Report = Callable[[str, int, int], None]


class BrokenOffError(RunError):
    """Work on another thread ends here: it was asked to stop."""


class Stop:
    """Ends what runs on an event loop: the first time in order, a second time at once."""

    def __init__(self, cancel: Callable[[], Any] = lambda: None, ending: Ending | None = None) -> None:
        """`cancel`: ends what runs where it cannot do so in order."""
        self.number: int | None = None
        """Which signal it was that asked."""
        self.broken_off = False
        """What runs was cancelled in the middle."""
        self._cancel, self._ending = cancel, ending or Ending()
        self._in_order: Callable[[], None] | None = None

    @contextlib.contextmanager
    def in_order(self, end: Callable[[], None]) -> Iterator[None]:
        """For the time of the context a stop calls `end`, and what runs goes on to its end."""
        self._in_order = end
        try:
            yield
        finally:
            self._in_order = None

    def request(self, number: int) -> None:
        """A signal has come."""
        if self.number is not None:
            self._ending.at_once(number)
            return
        self.number = number
        if self._in_order is not None:
            self._in_order()
            return
        self.broken_off = True
        self._ending.soon(number)
        self._cancel()

    def watched(self, report: Report) -> Report:
        """`report`, but who tells of progress after a stop ends: on other threads nothing can be cancelled."""

        def told(words: str, done: int, total: int) -> None:
            if self.number is not None:
                raise BrokenOffError("stopped")
            report(words, done, total)

        return told

    def leave(self, words: str = "stopped") -> None:
        """Say what is left behind, and end the program, if a stop was asked for; return otherwise."""
        if self.number is not None:
            self._ending.say(words)
            raise Stopped(exit_code(self.number), said=True)


async def stoppable(mode: Callable[[Stop], Coroutine[Any, Any, Result]], ending: Ending | None = None) -> Result:
    """Run a mode, whose `Stop` hears of Ctrl-C and SIGTERM. Raises Stopped when it was broken off."""
    running = asyncio.current_task()
    assert running is not None
    stop = Stop(running.cancel, ending)
    with _heard(stop.request):
        try:
            return await mode(stop)
        except (Exception, asyncio.CancelledError):
            if stop.broken_off:
                stop.leave()
            raise


@contextlib.contextmanager
def _heard(tell: Callable[[int], None]) -> Iterator[None]:
    """For the time of the context the running loop tells of signals. Nobody does on any but the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heard = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]  # as by `nohup`, or in `... &`
    for number in heard:
        _hear(loop, number, tell)
    try:
        yield
    finally:
        for number in heard:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, before[number])


def _hear(loop: asyncio.AbstractEventLoop, number: int, tell: Callable[[int], None]) -> None:
    """Have the loop tell of a signal; where it cannot, as on Windows, have the signal tell the loop."""
    try:
        loop.add_signal_handler(number, tell, number)
    except NotImplementedError:
        signal.signal(number, lambda number, frame: loop.call_soon_threadsafe(tell, number))
