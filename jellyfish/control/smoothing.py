"""Smoothing of measured series. Pure: values and times come in as arguments; knows nothing of what they measure."""

from __future__ import annotations

import math
from collections import deque

ERRORS_REMEMBERED = 10
SAMPLES_REMEMBERED = 256
_DEVIATION_PER_SIZE = math.sqrt(math.pi / 2.0)
"""Standard deviation over mean absolute value, of a normal distribution about 0."""


class Ewma:
    """Exponentially weighted moving average; the first sample is taken as it is.

    `keep` (0..1) is the share of the old estimate that a new sample leaves.
    """

    def __init__(self, keep: float, initial: float | None = None) -> None:
        self._keep = keep
        self.value = initial
        """The estimate; None before the first sample."""

    def add(self, sample: float) -> float:
        """Take `sample` in and return the new estimate."""
        old = sample if self.value is None else self.value
        self.value = self._keep * old + (1.0 - self._keep) * sample
        return self.value


class ErrorBasedFilter:
    """Follows a sample while errors grow, holds the estimate while they shrink.

    Source: Kim & Noble, "Mobile network estimation" (MobiCom 2001), with the constants of "Better Never than Late".
    """

    def __init__(self) -> None:
        self.value: float | None = None
        """The estimate; None before the first sample."""
        self._error = 0.0
        self._errors: deque[float] = deque(maxlen=ERRORS_REMEMBERED)

    def add(self, sample: float) -> float:
        """Take `sample` in and return the new estimate."""
        if self.value is None:
            self.value = sample
            return sample
        self._error = 0.6 * self._error + 0.4 * abs(self.value - sample)
        self._errors.append(self._error)
        largest = max(self._errors)
        hold = 1.0 - self._error / largest if largest > 0.0 else 1.0
        self.value = hold * self.value + (1.0 - hold) * sample
        return self.value


class Spread:
    """How far samples lie from what was expected of them, as a standard deviation (exact for normal errors).

    Smoothed is the size of the errors, not their squares: one outlier does not rule for long (as in TCP's
    retransmission timer; Jacobson, 1988). Begins at `initial`, so that few samples mean more doubt, not less.
    """

    def __init__(self, initial: float, keep: float = 0.97) -> None:
        self._size = Ewma(keep, initial / _DEVIATION_PER_SIZE)

    def add(self, error: float) -> None:
        """Take in sample minus expectation, on whatever scale the errors are alike."""
        self._size.add(abs(error))

    @property
    def deviation(self) -> float:
        """Standard deviation of the errors."""
        return _DEVIATION_PER_SIZE * (self._size.value or 0.0)


class HarmonicWindow:
    """Harmonic mean of the samples of the last `length_s` seconds: the right mean for rates over equal amounts.

    When no sample is that recent, the newest one ever seen counts. Bounded: at most 256 samples are kept.
    """

    def __init__(self, length_s: float = 1.0) -> None:
        self._length_s = length_s
        self._samples: deque[tuple[float, float]] = deque(maxlen=SAMPLES_REMEMBERED)
        """Times and reciprocals: means are asked for more often than samples come."""

    def add(self, now: float, value: float) -> None:
        """Take in `value` (> 0), seen at `now`; times do not fall."""
        self._samples.append((now, 1.0 / value))

    def mean(self, now: float) -> float | None:
        """The mean at `now`; None before the first sample."""
        while len(self._samples) > 1 and self._samples[0][0] < now - self._length_s:
            self._samples.popleft()
        if not self._samples:
            return None
        return len(self._samples) / sum([reciprocal for _, reciprocal in self._samples])
