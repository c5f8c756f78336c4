"""The clock of all that is measured, of deadlines and timestamps: seconds, in steps finer than a microsecond.

An event loop's own `time()` is for its timers alone: uvloop's counts whole milliseconds and stands still while
callbacks run, so that a batch of 0.7 ms seems to take 0 or 1 ms, and an exchange over a local network less than
nothing. A loop that has a clock of its own, such as one in virtual time, offers it as `now()`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

ROUNDING_S = 0.0005
"""uvloop cuts both its time and a timer's delay to milliseconds: with so much more, timers are right in the mean."""


def seconds_now() -> float:
    """The time on the running loop's clock, in seconds from an arbitrary moment."""
    now: Callable[[], float] = getattr(asyncio.get_running_loop(), "now", time.monotonic)
    return now()


def unix_seconds_now() -> float | None:
    """The machine's clock, in seconds since 1970; None on a loop whose own clock is not the world's."""
    return None if hasattr(asyncio.get_running_loop(), "now") else time.time()


def call_at(
    loop: asyncio.AbstractEventLoop, time_s: float, callback: Callable[..., object], *arguments: Any
) -> asyncio.TimerHandle:
    """Have `callback` called at a time of the clock; under uvloop within a millisecond of it, sooner or later."""
    if hasattr(loop, "now"):
        return loop.call_at(time_s, callback, *arguments)
    return loop.call_later(max(0.0, time_s - time.monotonic()) + ROUNDING_S, callback, *arguments)


def timeout_at(time_s: float) -> asyncio.Timeout:
    """`asyncio.timeout_at` for a time of the clock."""
    loop = asyncio.get_running_loop()
    return asyncio.timeout_at(time_s if hasattr(loop, "now") else loop.time() + time_s - time.monotonic())
