"""The default planner: the proved optimum for few clients, a good plan in time for many. Users need not choose.

Most clients mapped, then highest rate-weighted accuracy, then fewest changed devices.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from jellyfish.control.capacity import complete_plan, device_capacities, idle_plan, kept_variant, mappable_clients
from jellyfish.control.planners.exact import ExactPlanner
from jellyfish.control.planners.exchange import TIME_BUDGET_S, ExchangePlanner
from jellyfish.control.planners.layout import device_kinds, lay_out
from jellyfish.control.planners.priced_sets import PricedSets
from jellyfish.control.problem import Plan, Problem

ALL_SETS_LIMIT = 10
"""Clients up to which looking at all sets on all devices is fastest."""
MAX_SETS = 1 << 16
"""Sets of clients, times kinds of device, up to which sets are priced."""


class BestPlanner:
    """Exact up to 16 clients on devices that are alike; beyond, the best found in `time_budget_s` by `clock`."""

    def __init__(
        self, seed: int, clock: Callable[[], float] = time.monotonic, time_budget_s: float = TIME_BUDGET_S
    ) -> None:
        self._all_sets = ExactPlanner(seed)
        self._exchange = ExchangePlanner(seed, clock, time_budget_s)

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """A feasible plan."""
        tables = device_capacities(problem.devices)
        clients = mappable_clients(problem, tables)
        if not clients:
            return idle_plan(problem, running)
        if len(clients) <= ALL_SETS_LIMIT:
            return self._all_sets.plan(problem, running)
        kinds = device_kinds(tables)
        if len(set(kinds)) << len(clients) <= MAX_SETS:
            groups = PricedSets(problem, tables, kinds, clients).solve()
            if groups is not None:
                kept = [kept_variant(problem, running, device) for device in range(len(tables))]
                return complete_plan(problem, running, lay_out(groups, kinds, kept))
        return self._exchange.plan(problem, running)
