"""The published PID controller: the distance of the smoothed latency from the deadline moves the size. Pure.

Source: "Better Never than Late" (SenSys workshops, 2021) and its published code for the thresholds.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.camera.controllers.controller import ControllerTerms, Feedback, OnTheWay, latency_s
from jellyfish.control.smoothing import ErrorBasedFilter

PROPORTIONAL, DERIVATIVE = 0.6, 0.4
UP_MS, DOWN_MS = 5.0, 2.5
"""Thresholds of the output for a larger and for a smaller size."""


class Pid:
    """One step up or down when the output passes a threshold. The integral's gain is 0.4 over the samples so far."""

    def __init__(self, terms: ControllerTerms) -> None:
        self._ladder, self._deadline_s = terms.ladder, terms.deadline_s
        self._index = 0
        self._integral_ms = 0.0
        self._samples = 0
        self._filter = ErrorBasedFilter()
        self._previous_ms: float | None = None

    def choose(self, now: float, captured_s: float, on_the_way: Sequence[OnTheWay]) -> int:
        """The size that feedback has led to."""
        return self._ladder[self._index].resolution

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """Only answers count."""

    def answered(self, now: float, feedback: Feedback) -> None:
        """Answers to frames of another size than the present one are left out."""
        if self._ladder.used(feedback) != self._ladder[self._index].resolution:
            return
        error_ms = 1000 * (self._deadline_s - self._filter.add(latency_s(now, feedback, self._ladder)))
        self._integral_ms += error_ms
        self._samples += 1
        change_ms = 0.0 if self._previous_ms is None else error_ms - self._previous_ms
        self._previous_ms = error_ms
        integral_gain = (1 - PROPORTIONAL) / self._samples
        self._move(PROPORTIONAL * error_ms + integral_gain * self._integral_ms + DERIVATIVE * change_ms)

    def _move(self, output_ms: float) -> None:
        index = self._ladder.step(self._index, output_ms, UP_MS, DOWN_MS)
        if index != self._index:
            self._index = index
            self._filter = ErrorBasedFilter()
            self._previous_ms = None
