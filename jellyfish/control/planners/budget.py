"""Little time for the plans of few clients. Pure.

A planner that searches for a third of a second in every half one takes a core from the server that it plans for. With
few clients it finds next to all that it ever will within a thirtieth of that, and the next window goes on from there.
With many it would leave clients out, so it takes its time.
"""

from __future__ import annotations

from jellyfish.control.problem import Plan, Planner, Problem

FEW_CLIENTS = 16
FEW_BUDGET_S = 0.01


class ByClients:
    """One planner for few clients, another one for many."""

    def __init__(self, few: Planner, many: Planner) -> None:
        self._few, self._many = few, many

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """The plan of the one whose case it is."""
        planner = self._few if len(problem.clients) <= FEW_CLIENTS else self._many
        return planner.plan(problem, running)
