"""Whether what a camera sends waits on its way, ever longer: a link slower than its stream. Pure.

Cameras tell by RTCP, every few seconds, which presentation time was which time of their wall clock. So it is known how
old each packet is, beside the least that any was; whether that clock is right does not matter for this.
"""

from __future__ import annotations

import math

BEHIND_S = 2.0
"""Packets so much older than the youngest have waited."""
PATIENCE_S = 2.0
"""What was held up for a moment has caught up by then; else nothing but opening the stream anew gets rid of it."""


class Backlog:
    """Of one opening of a source."""

    def __init__(self) -> None:
        self._least_s = math.inf
        self._behind_since_s: float | None = None

    def grows(self, age_s: float, now: float) -> bool:
        """Whether the source is to be opened anew. `age_s`: of a packet that came at `now`, by its camera's clock."""
        self._least_s = min(self._least_s, age_s)
        if age_s - self._least_s < BEHIND_S:
            self._behind_since_s = None
        elif self._behind_since_s is None:
            self._behind_since_s = now
        return self._behind_since_s is not None and now - self._behind_since_s >= PATIENCE_S
