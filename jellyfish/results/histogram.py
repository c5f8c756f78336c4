"""Percentiles of any number of durations in bounded memory. Pure.

Bins rise by 0.5 % each from 0.1 ms to 100 s, so a percentile is within 0.25 % of the exact one of nearest
rank; below that range it is within 0.1 ms (of durations that are not negative). The largest is kept exactly.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from jellyfish.results.units import Milliseconds

LEAST_MS = 0.1
MOST_MS = 1e5
STEP = math.log(1.005)
AT_ONCE = 256
LAST_BIN = math.ceil(math.log(MOST_MS / LEAST_MS) / STEP)


class Percentiles(msgspec.Struct, frozen=True):
    """Milliseconds by share of frames."""

    p50: Milliseconds
    """Half of the frames took no longer."""
    p90: Milliseconds
    """90 in 100 took no longer."""
    p95: Milliseconds
    """95 in 100."""
    p99: Milliseconds
    """99 in 100."""
    p99_9: Milliseconds
    """999 in 1,000."""
    max: Milliseconds
    """The longest."""


class DurationHistogram:
    """Counts by bin, for the bins that occur (at most about 2800)."""

    def __init__(self) -> None:
        self._count = 0
        self._bins: dict[int, int] = {}
        self._least_ms = math.inf
        self._most_ms = -math.inf
        self._fresh: list[float] = []
        """Durations that are not in a bin yet: many at once are put there far quicker than one by one."""

    @property
    def count(self) -> int:
        """Durations counted."""
        return self._count + len(self._fresh)

    def add(self, duration_ms: float) -> None:
        """Count one duration."""
        self._fresh.append(duration_ms)
        if len(self._fresh) == AT_ONCE:
            self._bin()

    def _bin(self) -> None:
        if not self._fresh:
            return
        fresh_ms = np.array(self._fresh)
        self._fresh.clear()
        inside = np.log(np.maximum(fresh_ms, LEAST_MS) / LEAST_MS) / STEP
        indices = np.where(fresh_ms < LEAST_MS, -1, np.minimum(inside, LAST_BIN)).astype(int)
        for index, count in zip(*(part.tolist() for part in np.unique(indices, return_counts=True)), strict=True):
            self._bins[index] = self._bins.get(index, 0) + count
        self._count += len(fresh_ms)
        self._least_ms = min(self._least_ms, float(fresh_ms.min()))
        self._most_ms = max(self._most_ms, float(fresh_ms.max()))

    def merge(self, other: DurationHistogram) -> None:
        """Count all that `other` has counted."""
        self._bin()
        other._bin()
        for index, count in other._bins.items():
            self._bins[index] = self._bins.get(index, 0) + count
        self._count += other._count
        self._least_ms = min(self._least_ms, other._least_ms)
        self._most_ms = max(self._most_ms, other._most_ms)

    def percentiles(self) -> Percentiles | None:
        """The usual ones; None when nothing was counted."""
        self._bin()
        if not self.count:
            return None
        p50, p90, p95, p99, p99_9 = self._quantiles((0.5, 0.9, 0.95, 0.99, 0.999))
        return Percentiles(p50, p90, p95, p99, p99_9, self._most_ms)

    def _quantiles(self, shares: tuple[float, ...]) -> list[float]:
        """By nearest rank: the smallest duration that at least each share (rising) does not exceed."""
        found: list[float] = []
        seen = 0
        for index in sorted(self._bins):
            seen += self._bins[index]
            while len(found) < len(shares) and seen >= math.ceil(shares[len(found)] * self.count):
                found.append(self._middle_ms(index))
        return found

    def _middle_ms(self, index: int) -> float:
        """A bin's geometric middle, inside what was really counted."""
        if index < 0:
            return self._least_ms
        middle_ms = self._most_ms if index == LAST_BIN else LEAST_MS * math.exp((index + 0.5) * STEP)
        return round(min(max(middle_ms, self._least_ms), self._most_ms), 3)
