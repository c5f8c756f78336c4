"""How long the event loop keeps a due timer waiting: the check that nothing blocks it."""

from __future__ import annotations

import asyncio

from jellyfish.clock import seconds_now
from jellyfish.results.histogram import DurationHistogram, Percentiles

PERIOD_S = 0.02


class LoopLagProbe:
    """Sets timers for as long as `run` runs and counts how late they come, in milliseconds."""

    def __init__(self) -> None:
        self._lags = DurationHistogram()

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due_s = seconds_now() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self._lags.add(max(0.0, seconds_now() - due_s) * 1000)

    def percentiles(self) -> Percentiles | None:
        """What was measured so far; None before the first timer."""
        return self._lags.percentiles()
