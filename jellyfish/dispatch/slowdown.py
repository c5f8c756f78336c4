"""How much slower a device is now than when it was profiled. Pure: fed with measured times, reads no clock."""

from __future__ import annotations

from collections import deque
from statistics import median

_OLD = 0.75
"""Share of the old estimate kept at every batch (the slow-down factor of the thesis' predictive controller)."""
_LOWEST, _HIGHEST = 0.5, 8.0
"""A ratio outside is taken as the bound: beyond it the profile is wrong and one number cannot mend it."""
_DEVIATIONS = 2.0
"""How many mean deviations above the mean a batch is expected to take at worst."""


_MEMORY_S = 0.2
"""A device that has run nothing for longer is slowly given its profiled speed back, by half in as long again."""


class SlowDown:
    """Smoothed ratio of measured to profiled time of a device's batches, and how much it varies.

    What is smoothed is the median of the last three ratios: a single outlier (a page fault, a clock change) leaves
    no trace, while a lasting change counts from its second batch on. The mean deviation is kept beside the mean,
    as in the retransmission timer of TCP (Jacobson, 1988). Both fade while nothing is measured: an estimate so bad that
    every frame is dropped for it could never be corrected otherwise.
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque([1.0, 1.0], maxlen=3)
        self._factor = 1.0
        self._deviation = 0.0
        self._measured_s = float("-inf")

    def factor(self, now: float) -> float:
        """Expected measured / profiled time; 1 before anything was measured."""
        return 1.0 + (self._factor - 1.0) * self._trust(now)

    def cautious_factor(self, now: float) -> float:
        """A factor that most batches stay under. Equals `factor` on a device that always takes the same time."""
        return self.factor(now) + _DEVIATIONS * self._deviation * self._trust(now)

    def observe(self, measured_s: float, profiled_s: float, now: float) -> None:
        """A batch that the profile puts at `profiled_s` took `measured_s` and was done at `now`."""
        started = now - measured_s  # from then on there was no silence
        self._recent.append(min(max(measured_s / profiled_s, _LOWEST), _HIGHEST))
        ratio = median(self._recent)
        factor, deviation = self.factor(started), self._deviation * self._trust(started)
        self._deviation = _OLD * deviation + (1 - _OLD) * abs(ratio - factor)
        self._factor = _OLD * factor + (1 - _OLD) * ratio
        self._measured_s = now

    def _trust(self, now: float) -> float:
        """How much the last measurements still count."""
        silent_s = now - self._measured_s
        return 1.0 if silent_s <= _MEMORY_S else float(0.5 ** ((silent_s - _MEMORY_S) / _MEMORY_S))
