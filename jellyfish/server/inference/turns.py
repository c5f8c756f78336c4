"""When a request's turn is, where requests may have so many a second: known as it comes. Pure: `now` is an argument.

A leaky bucket as a virtual schedule: turns are evenly spaced, as plans expect frames to come, and what cannot have one
in time is refused at once, not when it is late.
"""

from __future__ import annotations

import math


class Turns:
    """One requester's; without end of them until it is told."""

    def __init__(self) -> None:
        self.fps = math.inf
        """Images a second."""
        self._next_s = -math.inf

    def pace(self, fps: float, now: float) -> None:
        """From now on there are so many."""
        self.fps = fps
        self._next_s = min(self._next_s, now + self._spacing_s)

    def next(self, images: int, now: float, latest_s: float) -> float | None:
        """When a request of so many images may go on; None if that would be after `latest_s`."""
        turn_s = max(now, self._next_s)
        if turn_s > latest_s or self.fps <= 0:
            return None
        self._next_s = turn_s + images * self._spacing_s
        return turn_s

    @property
    def _spacing_s(self) -> float:
        return 1.0 / self.fps if self.fps > 0 else 0.0
