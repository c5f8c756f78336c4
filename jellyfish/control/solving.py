"""Where full solves happen, as a seam: somewhere that takes a problem and a time budget and answers with a plan.

In service that is a process of its own (`jellyfish.modes.solver_process`); under a virtual clock, and for planners that
take no time, it is in place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from jellyfish.control.problem import Plan, Planner, Problem


class Solved(msgspec.Struct, frozen=True, array_like=True):
    """A planner's answer and what it took."""

    plan: Plan
    cpu_s: float = 0.0
    """Processor seconds, measured where the planner runs, its helpers' included."""
    loading_s: float = 0.0
    """More of them, since the answer before: a process that was started for this, what it imported, messages."""


Solve = Callable[[Problem, Plan | None, float], Awaitable[Solved]]
"""Plans `problem`, with the running plan, in so many processor seconds at most. Raises what the planner raises."""


def in_place(planner: Planner) -> Solve:
    """`planner`, asked where the event loop runs; it keeps to its own time budget and is charged nothing."""

    async def solve(problem: Problem, running: Plan | None, budget_s: float) -> Solved:
        return Solved(planner.plan(problem, running))

    return solve
