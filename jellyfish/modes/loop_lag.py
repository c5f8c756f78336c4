"""How long the event loop keeps a due timer waiting: the check that nothing blocks it."""

from __future__ import annotations

import asyncio

import msgspec
import numpy as np

PERIOD_S = 0.02


class LoopLag(msgspec.Struct, frozen=True):
    """Delay of timers behind their due time, in milliseconds."""

    samples: int
    p50: float
    p99: float
    max: float


class LoopLagProbe:
    """Measures for as long as `run` runs; keeps the newest 50,000 samples (about 17 minutes)."""

    LIMIT = 50_000

    def __init__(self) -> None:
        self._lags_s = np.zeros(self.LIMIT)
        self._count = 0

    async def run(self) -> None:
        """Set timers and note how late they come, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self._lags_s[self._count % self.LIMIT] = loop.time() - due_s
            self._count += 1

    def result(self) -> LoopLag:
        """What was measured so far; zeros when nothing was."""
        lags_ms = self._lags_s[: min(self._count, self.LIMIT)] * 1000
        if not len(lags_ms):
            return LoopLag(0, 0.0, 0.0, 0.0)
        p50, p99 = np.percentile(lags_ms, [50, 99])
        return LoopLag(self._count, round(float(p50), 3), round(float(p99), 3), round(float(lags_ms.max()), 3))
