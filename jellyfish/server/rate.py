"""How many frames a client may have served: no more than it said it would send. Pure: `now` is an argument."""

from __future__ import annotations

RATE_TOLERANCE = 1.25
"""Clocks differ, and frames that were held up on the network arrive together."""


class RateLimit:
    """A token bucket on frames: `burst` at once, and on average the rate given at each call."""

    def __init__(self, burst: int) -> None:
        self._burst = float(burst)
        self._tokens = self._burst
        self._filled_s = float("-inf")

    def allows(self, rate_fps: float, now: float) -> bool:
        """Whether one more frame at `now` is within `rate_fps`; if so it is counted."""
        self._tokens = min(self._burst, self._tokens + rate_fps * max(0.0, now - self._filled_s))
        self._filled_s = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
