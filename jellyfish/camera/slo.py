"""How soon after its capture a frame is to be answered: the one place, among clients, that says what is too late."""

from __future__ import annotations

from typing import NamedTuple


class Slo(NamedTuple):
    """A service-level objective."""

    seconds: float

    def due_s(self, captured_s: float) -> float:
        """When the answer to a frame is due."""
        return captured_s + self.seconds

    def slack_s(self, captured_s: float, now: float) -> float:
        """What is left of a frame's time at `now`: an answer is on time as long as that is not below 0."""
        return self.seconds - (now - captured_s)
