"""A planner whose time is counted in steps of its search: the same on every machine."""

from __future__ import annotations

from collections.abc import Callable

from jellyfish.control.problem import Plan, Planner, Problem


class StepClock:
    """A clock that each look at moves on by the price of one step: searches look at it once in every step."""

    def __init__(self) -> None:
        self.now = 0.0
        self.step_s = 0.0

    def __call__(self) -> float:
        """The time, after one more step."""
        self.now += self.step_s
        return self.now


class CountedPlanner:
    """A planner and what its last plan took, by the price of a step with so many clients."""

    def __init__(self, make: Callable[[StepClock], Planner], step_s: Callable[[int], float]) -> None:
        """`make`: a planner that has the given clock."""
        self._clock, self._step_s = StepClock(), step_s
        self._planner = make(self._clock)
        self.taken_s = 0.0

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """See `Planner.plan`."""
        self._clock.step_s = self._step_s(len(problem.clients))
        began_s = self._clock.now
        try:
            return self._planner.plan(problem, running)
        finally:
            self.taken_s = self._clock.now - began_s
