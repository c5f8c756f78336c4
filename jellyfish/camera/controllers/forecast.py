"""What the next frame will find on the uplink, and how wrong that may be. Pure.

The link is a queue, first in first out, that needs so many seconds per bit: its pace.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence

from jellyfish.camera.controllers.controller import Feedback, OnTheWay

RECENT = 3
"""Frames whose slowest pace is the forecast."""
DELAYS_REMEMBERED = 64
TRANSFERS_REMEMBERED = 1000
PRIOR_FRAMES, TAIL_EXPONENT = 100.0, 3.0
"""Before anything is counted, a transfer takes x times as long as expected with probability x^-3."""
LEAST_TRANSFER_S = 1e-6


class Surprises:
    """How much longer transfers took than expected: counted, with a heavy-tailed prior."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, ratio: float) -> None:
        """Actual over expected time of one transfer."""
        if len(self._recent) == TRANSFERS_REMEMBERED:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(ratio)
        insort(self._sorted, ratio)

    def exceeds(self, ratio: float) -> float:
        """Probability that a transfer takes more than `ratio` times as long as expected."""
        if ratio <= 0:
            return 1.0
        prior = min(1.0, math.pow(ratio, -TAIL_EXPONENT))
        seen = len(self._sorted) - bisect_left(self._sorted, ratio)
        return (seen + PRIOR_FRAMES * prior) / (len(self._sorted) + PRIOR_FRAMES)


class Uplink:
    """The link as a queue, from what answers tell of it."""

    def __init__(self) -> None:
        self._delays: deque[float] = deque(maxlen=DELAYS_REMEMBERED)
        self._paces: deque[float] = deque(maxlen=RECENT)
        self._through_s = float("-inf")
        """When the last frame known to have arrived had left the link."""

    def answered(self, now: float, feedback: Feedback) -> float:
        """Take in an answer; how long the frame's own transfer took."""
        self._delays.append(now - feedback.sent_s - feedback.uplink_s - feedback.server_s)
        left_s = feedback.sent_s + feedback.uplink_s - self.delay_s
        transfer_s = max(left_s - max(feedback.sent_s, self._through_s), LEAST_TRANSFER_S)
        self._through_s = max(self._through_s, left_s)
        self._paces.append(transfer_s / (8 * feedback.size_bytes))
        return transfer_s

    @property
    def delay_s(self) -> float:
        """One way, without queueing."""
        return min(self._delays, default=0.0)

    def pace(self, now: float, on_the_way: Sequence[OnTheWay], after_s: float) -> float | None:
        """Seconds per bit to reckon with; None before the first answer.

        A frame whose answer is overdue has shown already how slow it is. `after_s`: from arrival to answer.
        """
        if not self._paces:
            return None
        slowest = max(self._paces)
        if on_the_way:
            sent_s, size_bytes = on_the_way[0]
            taken_s = now - max(sent_s, self._through_s) - self.delay_s - after_s
            slowest = max(slowest, taken_s / (8 * size_bytes))
        return slowest

    def free_s(self, on_the_way: Sequence[OnTheWay], pace: float) -> float:
        """When all that is on its way will be through."""
        free_s = self._through_s
        for sent_s, size_bytes in on_the_way:
            free_s = max(free_s, sent_s) + 8 * size_bytes * pace
        return free_s
