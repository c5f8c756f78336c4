"""A filter that spends the uplink where it helps: it asks when as much has come up as does in k steps on average.

On average it asks for one step in k, like the periodic filter with the same k. Where things come up evenly it is the
periodic filter; where they come in bursts it saves steps while nothing happens and spends them when something does.
Pure: steps are counted, no clock.
"""

from __future__ import annotations

import math

_MOST_SAVED = 4.0
"""Steps that can be saved up at the most: how many may follow upon each other faster than the budget's mean."""

_MEAN_PERIODS = 20
"""Periods over which the usual gain is averaged."""


class ExpectedGain:
    """Asks when the gain summed since the last step sent outweighs that of k usual steps: less with steps saved."""

    def __init__(self, k: int = 5) -> None:
        self._k = k
        self._saved = 1.0
        """Steps that may be sent; the first one at once, as with a period."""
        self._steps = 0
        self._usual = 0.0
        """Gain per step, averaged over many periods."""
        self._recent = 0.0
        """Gain per step, averaged over a period: what comes and goes within one is mostly noise."""
        self._gathered = math.inf
        """Usual steps' worth of gain since the last step sent."""

    def wants(self, step: int, similarity: float, gain: float) -> bool:
        """Whether `step` should go; `gain` is what has newly come up in it, in any unit."""
        self._steps += 1
        self._saved = min(self._saved + 1 / self._k, _MOST_SAVED)
        self._usual += (gain - self._usual) / min(self._steps, _MEAN_PERIODS * self._k)
        self._recent += (gain - self._recent) / min(self._steps, self._k)
        self._gathered += self._recent / self._usual if self._usual > 0 else 1.0
        price = self._k * 2 ** (1 - self._saved)
        return self._saved >= 1 and self._gathered >= price

    def sent(self, step: int) -> None:
        """`step` is paid for."""
        self._saved -= 1
        self._gathered = 0.0
