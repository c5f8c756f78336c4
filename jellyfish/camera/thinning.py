"""Which frames a camera leaves out when the plan asks for fewer per second than it takes. Pure."""

from __future__ import annotations

ROUNDING_S = 0.001
"""A frame that is early by no more is taken for the one that is due."""


class Thinner:
    """Keeps frames evenly spaced: each next one is due an interval after the one before was, not after it came.

    So the mean rate is the one asked for, whatever the camera's own; after a pause nothing is made up for.
    """

    def __init__(self) -> None:
        self._due_s = float("-inf")
        """When the newest frame taken was due."""

    def takes(self, captured_s: float, fps: float | None) -> bool:
        """Whether the frame of that moment is one of `fps` per second; with None every frame is."""
        if fps is None:
            self._due_s = captured_s
            return True
        next_s = self._due_s + 1 / fps
        if captured_s < next_s - ROUNDING_S:
            return False
        self._due_s = next_s if captured_s < next_s + 1 / fps else captured_s
        return True
