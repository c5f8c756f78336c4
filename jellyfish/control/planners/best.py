"""The default planner: the proved optimum for few clients, a good plan in time for many. Users need not choose.

Most clients mapped, then highest rate-weighted accuracy, then fewest changed devices.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from jellyfish.control.capacity import (
    complete_plan,
    device_capacities,
    idle_plan,
    kept_variant,
    mappable_clients,
)
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.planners.exchange import TIME_BUDGET_S, ExchangePlanner
from jellyfish.control.planners.layout import Group, device_kinds, lay_out
from jellyfish.control.planners.patterns import PatternProgram
from jellyfish.control.planners.priced_sets import PricedSets
from jellyfish.control.problem import Plan, Problem

ALL_SETS_LIMIT = 10
"""Clients up to which looking at all sets on all devices is fastest."""
FEW_PATTERNS, MANY_PATTERNS = 60, 120
"""Patterns of frame rates up to which the integer programme is fastest; and up to which it is worth a try in time."""
MAX_SIZE = 1_000
"""Variables of that programme with which it keeps to its time limit."""
PROGRAMME_SHARE = 0.45
"""Of the time budget, for that programme."""
QUICK_LIMIT_S = 0.06
"""The same where priced sets come after it."""
MAX_SETS = 1 << 16
"""Sets of clients, times kinds of device, up to which sets are priced."""
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
        self._all_sets = ExactPlanner(seed)
        self._exchange = ExchangePlanner(seed, clock, time_budget_s)
        self._quick = ExchangePlanner(seed, clock, time_budget_s, FEW_ROUNDS)
        self._clock, self._time_budget_s = clock, time_budget_s
        self.proved = False
        """Whether the last plan is the proved optimum."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """A feasible plan."""
        began_s = self._clock()
        tables = device_capacities(problem.devices)
        clients = mappable_clients(problem, tables)
        self.proved = len(clients) <= ALL_SETS_LIMIT
        if not clients:
            return idle_plan(problem, running)
        if self.proved:
            return self._all_sets.plan(problem, running)
        kinds = device_kinds(tables)
        kept = [kept_variant(problem, running, device) for device in range(len(tables))]

        def laid_out(groups: list[Group]) -> Plan:
            return complete_plan(problem, running, lay_out(groups, kinds, kept))

        few = len(set(kinds)) << len(clients) <= MAX_SETS
        most = FEW_PATTERNS if few or self._time_budget_s == math.inf else MANY_PATTERNS
        program = PatternProgram(problem, tables, kinds, kept, clients, most)
        limit_s = min(QUICK_LIMIT_S if few else math.inf, PROGRAMME_SHARE * self._time_budget_s)
        answer = None if program.too_large or program.size > MAX_SIZE else program.solve(limit_s)
        known = laid_out(answer.groups) if answer else None
        if answer and known and answer.proved:
            self.proved = True
            return known
        if not few:
            left_s = self._time_budget_s - (self._clock() - began_s)
            return self._exchange.plan(problem, running, known, left_s)
        sets = PricedSets(problem, tables, kinds, clients)
        groups = sets.search(FIRST_NODES)
        if groups is None:
            known = self._quick.plan(problem, running, known)
            groups = sets.search(MAX_NODES, (len(known.clients), known.accuracy))
        self.proved = sets.proved
        return known if groups is None and known else laid_out(groups or [])
