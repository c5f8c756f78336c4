"""A filter that spends the uplink where it helps: the expected gain of asking against a price. Pure, counts steps.

On average it asks for one step in k, like the periodic filter with the same k; when is up to the gain. The price rises
with each step sent and falls with each that is not, so it settles where the budget is used up.
"""

from __future__ import annotations

import math

_PRICE_STEP = 0.2
"""By which share the price moves for a whole budget's steps."""

_BURST = 3.0
"""Most steps that may be saved up in quiet times."""


class ExpectedGain:
    """Asks when what has come up since the last step sent outweighs the price; on average every k-th step."""

    def __init__(self, k: int = 5) -> None:
        self._k = k
        self._saved = 1.0
        """Steps that may be sent now; one for the first, as with a period."""
        self._price = 1.0
        self._gained = math.inf
        """Summed gain since the last step sent; the first step is always worth it."""

    def wants(self, step: int, similarity: float, gain: float) -> bool:
        """Whether `step` is worth its price, and within the budget."""
        self._gained += gain
        self._saved = min(self._saved + 1 / self._k, _BURST)
        self._price *= 1 - _PRICE_STEP / self._k
        return self._saved >= 1 and self._gained >= self._price

    def sent(self, step: int) -> None:
        """Pay for `step`."""
        self._saved -= 1
        self._gained = 0.0
        self._price *= 1 + _PRICE_STEP
