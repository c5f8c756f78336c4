"""Time as work counts for it: a search that is cut short then finds the same on any machine."""

from __future__ import annotations

LOOK_S = 0.002
"""What a planner's search takes between two looks at its clock, about (benchmarks/planning_cost.py)."""


class CountedClock:
    """A planner's clock that goes on with each look at it, and only then."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        """Seconds since it was made."""
        self._now += LOOK_S
        return self._now
