"""What a batch takes now, from what it was profiled at: so many times that, and something on top. Pure.

A worker whose processor is shared is not slower in proportion: whoever wakes up waits for its turn, and then runs on.
Beside a process that takes half of one core, batches profiled at 9, 15, 30 ms took 17, 25, 38. One factor for all of
them makes a plan of small networks believe that large ones, too, would take twice as long, and so it stays small.

Both parts are estimated together, by a Kalman filter over measured / profiled time, which is `factor` + extra /
profiled; they return slowly to what a device is before anything is known of it. As long as all batches are alike the
two cannot be told apart, and what is seen is shared out between them.
"""

from __future__ import annotations

import math

FACTOR_SPREAD, EXTRA_SPREAD = 0.25, 1.0
"""Standard deviation of the factor from 1; of what comes on top from 0, in the least that a batch is profiled at."""
NOISE = 0.3
"""Of one batch's measured / profiled time."""
KEPT = 0.995
"""Of what was learnt, at every batch."""
SURPRISE = 2.0
"""In standard deviations: what lies further off counts as this."""
LEAST_FACTOR = 0.5


class TimeFit:
    """Of one device."""

    def __init__(self, least_s: float, factor_spread: float = FACTOR_SPREAD, noise: float = NOISE) -> None:
        """`least_s`: the least that any of its batches is profiled at. `factor_spread`, `noise`: where they are others
        than a batch's.
        """
        self._least_s, self._noise = least_s, noise
        self._factor, self._extra = 1.0, 0.0
        self._prior = factor_spread**2, 0.0, EXTRA_SPREAD**2
        self._spread = self._prior
        """Variance of the factor, covariance, variance of what comes on top."""

    def expected_s(self, profiled_s: float) -> float:
        """What a batch takes now that was profiled at `profiled_s`."""
        return max(self._factor, LEAST_FACTOR) * profiled_s + max(self._extra, 0.0) * self._least_s

    def observe(self, measured_s: float, profiled_s: float) -> None:
        """A batch profiled at `profiled_s` took `measured_s`."""
        self._return()
        weight = self._least_s / profiled_s
        factor, shared, extra = self._spread
        of_factor, of_extra = factor + weight * shared, shared + weight * extra
        variance = of_factor + weight * of_extra + self._noise**2
        most = SURPRISE * math.sqrt(variance)
        surprise = measured_s / profiled_s - self._factor - weight * self._extra
        surprise = min(max(surprise, -most), most)
        self._factor += of_factor / variance * surprise
        self._extra += of_extra / variance * surprise
        self._spread = (
            factor - of_factor * of_factor / variance,
            shared - of_factor * of_extra / variance,
            extra - of_extra * of_extra / variance,
        )

    def _return(self) -> None:
        """A step back to what was known at first."""
        self._factor = 1.0 + KEPT * (self._factor - 1.0)
        self._extra *= KEPT
        known, first = KEPT**2, 1 - KEPT**2
        factor, shared, extra = (
            known * now + first * before for now, before in zip(self._spread, self._prior, strict=True)
        )
        self._spread = factor, shared, extra
