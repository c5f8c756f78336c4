"""The default planner: the proved optimum for few clients, a good plan in time for many. Users need not choose.

Most clients mapped, then highest rate-weighted accuracy, then fewest changed devices.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from jellyfish.control.capacity import idle_plan
from jellyfish.control.planners.exact import plan_by_all_sets
from jellyfish.control.planners.exchange import TIME_BUDGET_S
from jellyfish.control.planners.integer import Effort
from jellyfish.control.planners.many import ManyClients
from jellyfish.control.planners.pattern_program import PatternProgram
from jellyfish.control.planners.priced_sets import PricedSets
from jellyfish.control.planners.task import Task
from jellyfish.control.problem import Plan, Problem

ALL_SETS_LIMIT = 10
"""Clients up to which looking at all sets on all devices is fastest."""
MAX_SETS = 1 << 16
"""Sets of clients, times kinds of device, up to which sets are priced."""
FEW_PATTERNS = 60
"""Patterns of frame rates up to which the integer programme is tried before that."""
QUICK_LIMIT_S, QUICK_NODES = 0.06, 50
"""For that programme."""
FIRST_NODES, MAX_NODES = 5_000, 10_000
"""Of the search for priced sets: without a known plan, and with one to beat."""
FEW_ROUNDS = 12
"""Exchanges per device for that plan."""


class BestPlanner:
    """Exact up to 16 clients on devices that are alike; beyond, the best found in `time_budget_s` by `clock`.

    With an infinite budget work is bounded by numbers of rounds instead, and the same problems give the same plans.
    """

    def __init__(
        self, seed: int, clock: Callable[[], float] = time.monotonic, time_budget_s: float = TIME_BUDGET_S
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._clock, self._time_budget_s = clock, time_budget_s
        self.proved = False
        """Whether the last plan is the proved optimum."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """A feasible plan."""
        task = Task.of(problem, running)
        self.proved = len(task.clients) <= ALL_SETS_LIMIT
        if not task.clients:
            return idle_plan(problem, running)
        if self.proved:
            return plan_by_all_sets(task)
        if len(task.tables) << len(task.clients) <= MAX_SETS:
            return self._plan_by_sets(task)
        search = ManyClients(task, self._random, self._clock, self._time_budget_s)
        plan = search.plan()
        self.proved = search.proved
        return plan

    def _plan_by_sets(self, task: Task) -> Plan:
        known = self._quick_plan(task)
        if known is not None and self.proved:
            return known
        sets = PricedSets(task)
        groups = sets.search(FIRST_NODES)
        if groups is None:
            known = ManyClients(task, self._random, self._clock, self._time_budget_s, FEW_ROUNDS).plan(known)
            groups = sets.search(MAX_NODES, (len(known.clients), known.accuracy))
        self.proved = sets.proved
        return known if groups is None and known is not None else task.plan(groups or [])

    def _quick_plan(self, task: Task) -> Plan | None:
        """The integer programme's, where it is small."""
        program = PatternProgram(task, FEW_PATTERNS)
        if program.too_large:
            return None
        nodes = QUICK_NODES if math.isinf(self._time_budget_s) else None
        limit_s = math.inf if nodes else min(QUICK_LIMIT_S, self._time_budget_s)
        answer = program.solve(Effort(limit_s, self._clock, nodes))
        self.proved = answer.proved
        return None if answer.groups is None else task.plan(answer.groups)
