"""The default planner: the proved optimum for few clients, a good plan in time for many. Users need not choose.

Most clients mapped, then highest rate-weighted accuracy, both by what clients count, then fewest changed devices.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from jellyfish.control.capacity import idle_plan
from jellyfish.control.favour import favoured
from jellyfish.control.planners.exact import plan_by_all_sets
from jellyfish.control.planners.exchange import TIME_BUDGET_S
from jellyfish.control.planners.many import ManyClients
from jellyfish.control.planners.priced_sets import PricedSets
from jellyfish.control.planners.task import PlanningTask
from jellyfish.control.problem import Plan, Problem

ALL_SETS_LIMIT, ALL_SETS_LIMIT_TWO_DEVICES = 10, 16
"""Clients up to which looking at all sets on all devices is fastest."""
MAX_SETS = 1 << 16
"""Sets of clients, times kinds of device, up to which sets are priced."""
PRICING_S = 0.05
"""Time that this takes at most, before the search among them begins."""
SETS_S, MAX_NODES = 0.12, 10_000
"""For both together, and nodes of that search."""


class BestPlanner:
    """Nearly always exact up to 16 clients on devices that are alike; beyond, the best in `time_budget_s` by `clock`.

    With an infinite budget work is bounded by numbers of rounds instead, and the same problems give the same plans.
    """

    def __init__(
        self, seed: int, clock: Callable[[], float] = time.monotonic, time_budget_s: float = TIME_BUDGET_S
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._clock, self._time_budget_s = clock, time_budget_s
        self.proved = False
        """Whether no plan maps more clients than the last one, or as many with more accuracy."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """A feasible plan, never worse than what is left of `running`."""
        task = PlanningTask.of(problem, running)
        few = ALL_SETS_LIMIT_TWO_DEVICES if len(task.kinds) <= 2 else ALL_SETS_LIMIT
        self.proved = len(task.clients) <= few
        if not task.clients:
            return idle_plan(problem, running)
        if self.proved:
            return plan_by_all_sets(task)
        if len(task.tables) << len(task.clients) <= MAX_SETS and self._time_budget_s > PRICING_S:
            return self._plan_by_sets(task)
        search = ManyClients(task, self._random, self._clock, self._time_budget_s)
        plan = search.plan()
        self.proved = search.proved
        return favoured(task.problem, plan)

    def _plan_by_sets(self, task: PlanningTask) -> Plan:
        ends_s = math.inf if math.isinf(self._time_budget_s) else self._clock() + min(SETS_S, self._time_budget_s)
        sets = PricedSets(task)
        plan = task.plan(sets.search(lambda nodes: nodes > MAX_NODES or self._clock() >= ends_s))
        self.proved = sets.proved
        if sets.proved and task.running is None:
            return plan
        return favoured(task.problem, ManyClients(task, self._random, self._clock, 0.0).plan(plan))
