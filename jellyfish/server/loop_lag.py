"""How long the event loop keeps a due timer waiting: the check that nothing blocks it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from jellyfish.clock import seconds_now
from jellyfish.results.histogram import DurationHistogram, Percentiles

PERIOD_S = 0.02


async def loop_lags(add: Callable[[float], None], period_s: float) -> None:
    """Set a timer every `period_s` and tell how late it comes, in seconds. Until cancelled."""
    while True:
        due_s = seconds_now() + period_s
        await asyncio.sleep(period_s)
        add(max(0.0, seconds_now() - due_s))


class LoopLagProbe:
    """Sets timers for as long as `run` runs and counts how late they come, in milliseconds."""

    def __init__(self) -> None:
        self._lags = DurationHistogram()

    async def run(self) -> None:
        """Measure until cancelled."""
        await loop_lags(lambda lag_s: self._lags.add(1000 * lag_s), PERIOD_S)

    def percentiles(self) -> Percentiles | None:
        """What was measured so far; None before the first timer."""
        return self._lags.percentiles()
