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


class SlowDown:
    """Smoothed ratio of measured to profiled time of a device's batches, and how much it varies.

    What is smoothed is the median of the last three ratios: a single outlier (a page fault, a clock change) leaves
    no trace, while a lasting change counts from its second batch on. The mean deviation is kept beside the mean,
    as in the retransmission timer of TCP (Jacobson, 1988).
    """

    def __init__(self) -> None:
        self._recent: deque[float] = deque([1.0, 1.0], maxlen=3)
        self._factor = 1.0
        self._deviation = 0.0

    @property
    def factor(self) -> float:
        """Expected measured / profiled time; 1 before anything was measured."""
        return self._factor

    @property
    def cautious_factor(self) -> float:
        """A factor that most batches stay under. Equals `factor` on a device that always takes the same time."""
        return self.careful_factor(1.0)

    def careful_factor(self, care: float) -> float:
        """Between `factor` (care 0) and the cautious one (care 1), or as much further."""
        return self._factor + care * _DEVIATIONS * self._deviation

    def observe(self, measured_s: float, profiled_s: float) -> None:
        """A batch that the profile puts at `profiled_s` took `measured_s`."""
        self._recent.append(min(max(measured_s / profiled_s, _LOWEST), _HIGHEST))
        ratio = median(self._recent)
        self._deviation = _OLD * self._deviation + (1 - _OLD) * abs(ratio - self._factor)
        self._factor = _OLD * self._factor + (1 - _OLD) * ratio
