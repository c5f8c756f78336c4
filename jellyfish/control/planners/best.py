"""The default planner: the proved optimum for few clients, a good plan in time for many. Users need not choose.

Most clients mapped, then highest rate-weighted accuracy, then fewest changed devices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from jellyfish.control.capacity import (
    Capacities,
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
FEW_PATTERNS = 60
"""Patterns of frame rates up to which the integer programme is fastest."""
PROGRAMME_LIMIT_S = 0.06
"""For that programme; it nearly always needs a tenth of it."""
MAX_SETS = 1 << 16
"""Sets of clients, times kinds of device, up to which sets are priced."""
FIRST_NODES, MAX_NODES = 5_000, 12_000
"""Of the search for priced sets: without a known plan, and with one to beat."""
FEW_ROUNDS = 12
"""Exchanges per device for that plan."""


class BestPlanner:
    """Exact up to 16 clients on devices that are alike; beyond, the best found in `time_budget_s` by `clock`."""

    def __init__(
        self, seed: int, clock: Callable[[], float] = time.monotonic, time_budget_s: float = TIME_BUDGET_S
    ) -> None:
        self._all_sets = ExactPlanner(seed)
        self._exchange = ExchangePlanner(seed, clock, time_budget_s)
        self._quick = ExchangePlanner(seed, clock, time_budget_s, FEW_ROUNDS)
        self.proved = False
        """Whether the last plan is the proved optimum."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """A feasible plan."""
        tables = device_capacities(problem.devices)
        clients = mappable_clients(problem, tables)
        self.proved = len(clients) <= ALL_SETS_LIMIT
        if not clients:
            return idle_plan(problem, running)
        if self.proved:
            return self._all_sets.plan(problem, running)
        kinds = device_kinds(tables)
        if len(set(kinds)) << len(clients) > MAX_SETS:
            return self._exchange.plan(problem, running)
        kept = [kept_variant(problem, running, device) for device in range(len(tables))]
        groups = self._few_patterns(problem, tables, kinds, kept, clients)
        sets = None if groups else PricedSets(problem, tables, kinds, clients)
        if sets is not None:
            groups = sets.search(FIRST_NODES)
        if sets is not None and groups is None:
            known = self._quick.plan(problem, running)
            groups = sets.search(MAX_NODES, (len(known.clients), known.accuracy))
            self.proved = sets.proved
            if groups is None:
                return known
        self.proved = sets is None or sets.proved
        return complete_plan(problem, running, lay_out(groups or [], kinds, kept))

    def _few_patterns(
        self,
        problem: Problem,
        tables: Sequence[Capacities],
        kinds: Sequence[int],
        kept: Sequence[int | None],
        clients: Sequence[int],
    ) -> list[Group] | None:
        """The optimum by the integer programme where that is small."""
        program = PatternProgram(problem, tables, kinds, kept, clients)
        if program.too_large or len(program.columns) > FEW_PATTERNS:
            return None
        answer = program.solve(PROGRAMME_LIMIT_S)
        return answer.groups if answer is not None and answer.proved else None
