"""The published "basic" controller: deviations from the deadline are summed up, and the sum moves the size. Pure.

Source: "Better Never than Late" (SenSys workshops, 2021) and its published code for the constants.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from jellyfish.camera.controllers.controller import ControllerTerms, Feedback, OnTheWay, latency_s
from jellyfish.control.smoothing import ErrorBasedFilter

WINDOW = 50
"""Frames in the control window."""
UP_MS, DOWN_MS = 5.0, 2.5
"""Larger when frames are so early on average, smaller when they are so late."""
ON_TIME_EXPONENT, LATE_EXPONENT = 1.0, 1.25
HISTORY = 0.0
"""Weight of the old score."""


class Score:
    """One step up or down when a full window of smoothed latencies says so; then the window begins anew."""

    def __init__(self, terms: ControllerTerms) -> None:
        self._ladder, self._deadline_s = terms.ladder, terms.deadline_s
        self._index = 0
        self._score = 0.0
        self._restart()

    def choose(self, now: float, captured_s: float, on_the_way: Sequence[OnTheWay]) -> int:
        """The size that feedback has led to."""
        return self._ladder[self._index].resolution

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """Only answers count."""

    def answered(self, now: float, feedback: Feedback) -> None:
        """Answers to frames of another size than the present one are left out."""
        if self._ladder.used(feedback) != self._ladder[self._index].resolution:
            return
        late_ms = 1000 * (self._filter.add(latency_s(now, feedback, self._ladder)) - self._deadline_s)
        self._window.append(math.pow(late_ms, LATE_EXPONENT) if late_ms > 0 else -math.pow(-late_ms, ON_TIME_EXPONENT))
        self._score = HISTORY * self._score + (1 - HISTORY) * sum(self._window)
        if len(self._window) == WINDOW:
            self._move()

    def _move(self) -> None:
        index = self._ladder.step(self._index, -self._score, UP_MS * WINDOW, DOWN_MS * WINDOW)
        if index != self._index:
            self._index = index
            self._restart()

    def _restart(self) -> None:
        self._filter = ErrorBasedFilter()
        self._window: deque[float] = deque(maxlen=WINDOW)
