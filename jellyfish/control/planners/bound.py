"""How accurate could any plan be? A proved upper bound, from a linear programme over groups of clients. Pure.

The programme chooses groups ("each client once, as many groups as devices, as many clients as the known plan maps") and
may take fractions of groups. Groups are added where they are worth more than the prices of their clients; at any prices
the dual gives a bound, and the least of these is kept. Prices are smoothed between the best ones so far and the latest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csc_array

from jellyfish.control.capacity import device_capacities, mappable_clients
from jellyfish.control.planners.exchange import Exchange
from jellyfish.control.planners.layout import device_kinds
from jellyfish.control.planners.pricing import Floats, Ints, Pricing
from jellyfish.control.problem import Plan, Problem

DUAL_STEPS = 100
"""Of the search for first prices."""
SMOOTHING = 0.6
"""Weight of the best prices so far in the next ones."""
COLUMNS_PER_ROUND = 40
CLOSE = 1e-7
"""A bound this close to the programme's value, as a share of all rates, is as good as it gets."""


class _Column(NamedTuple):
    kind: int
    members: tuple[int, ...]
    earned: float


class _Prices(NamedTuple):
    clients: Floats
    place: float
    """What one more mapped client would cost the sum of rate x accuracy."""


def accuracy_bound(
    problem: Problem, plan: Plan, time_limit_s: float, clock: Callable[[], float] = time.monotonic
) -> float:
    """No plan that maps as many clients as `plan`, or more, is more accurate: in the units of `Plan.accuracy`.

    The best bound found within the limit; 1 or more says nothing.
    """
    tables = device_capacities(problem.devices)
    clients = mappable_clients(problem, tables)
    if not clients:
        return 0.0
    kinds = device_kinds(tables)
    pricing = [Pricing(problem, clients, table, up=False) for table in dict(zip(kinds, tables, strict=True)).values()]
    programme = _Programme(problem, clients, kinds, pricing, plan)
    search = Exchange(problem, tables, clients, plan, np.random.default_rng(0))
    programme.begin(search.prices(DUAL_STEPS))
    ends_s = clock() + time_limit_s
    while (left_s := ends_s - clock()) > 0.0 and programme.step(left_s):
        pass
    return programme.bound / programme.asked


class _Programme:
    """Clients are numbered by their place in `clients`."""

    def __init__(
        self, problem: Problem, clients: Sequence[int], kinds: Sequence[int], pricing: Sequence[Pricing], plan: Plan
    ) -> None:
        self._pricing = pricing
        self._fps = np.array([problem.clients[client].fps for client in clients])
        self.asked = float(self._fps.sum())
        self._devices = np.array([kinds.count(kind) for kind in range(len(pricing))], dtype=float)
        self._mapped = len(plan.clients)
        self.bound = self.asked * max(problem.accuracy)
        number = {problem.clients[client].client: place for place, client in enumerate(clients)}
        self._columns: dict[_Column, None] = {}
        for option, kind in zip(problem.devices, kinds, strict=True):
            members = tuple(number[name] for name, at in plan.clients.items() if at == option.device)
            accuracy = problem.accuracy[problem.variants.index(plan.devices[option.device].variant)]
            if members:
                self._columns[
                    _Column(kind, tuple(sorted(members)), accuracy * float(self._fps[list(members)].sum()))
                ] = None
        self._best: _Prices | None = None

    def begin(self, prices: Floats) -> None:
        """Take in the groups that are best at these first prices (n,)."""
        place = max(0.0, -float(prices.min()))
        self._price(_Prices(prices + place, place))

    def step(self, time_limit_s: float) -> bool:
        """Solve the programme, price groups, take in the best; False when nothing can be gained any more."""
        solved = self._solve(time_limit_s)
        if solved is None:
            return False
        value, latest = solved
        best = self._best
        smooth = latest if best is None else _between(best, latest)
        added = self._price(smooth)
        if not added and smooth is not latest:
            added = self._price(latest)
        return added and self.bound > value + CLOSE * self.asked

    def _price(self, prices: _Prices) -> bool:
        """Add the best groups at `prices` and take their bound; whether any of them is new."""
        before = len(self._columns)
        everyone = np.arange(len(self._fps))
        bound = float(prices.clients.sum()) - prices.place * self._mapped
        for kind, pricing in enumerate(self._pricing):
            earned = pricing.accuracy[:, None] * self._fps
            groups = pricing.best(earned + prices.place - prices.clients, everyone, pricing.rows)
            bound += self._devices[kind] * max(0.0, float(groups.value.max(initial=0.0)))
            for row in np.argsort(-groups.value)[:COLUMNS_PER_ROUND].tolist():
                members: Ints = np.flatnonzero(groups.members[row])
                if len(members):
                    column = _Column(kind, tuple(members.tolist()), float(earned[row, members].sum()))
                    self._columns.setdefault(column)
        if bound < self.bound:
            self.bound, self._best = bound, prices
        return len(self._columns) > before

    def _solve(self, time_limit_s: float) -> tuple[float, _Prices] | None:
        """Value and prices of the programme over the groups so far; None when time is up."""
        columns, count = list(self._columns), len(self._fps)
        rows = np.concatenate(
            [[*column.members, count + column.kind, count + len(self._pricing)] for column in columns]
        )
        entries = np.concatenate(
            [[1.0] * (len(column.members) + 1) + [-float(len(column.members))] for column in columns]
        )
        starts = np.cumsum([0, *(len(column.members) + 2 for column in columns)])
        matrix: Any = csc_array((entries, rows, starts), shape=(count + len(self._pricing) + 1, len(columns)))
        limits = np.concatenate([np.ones(count), self._devices, [-float(self._mapped)]])
        gains = np.array([-column.earned for column in columns])
        options: Any = {"time_limit": time_limit_s}
        answer: Any = linprog(gains, A_ub=matrix, b_ub=limits, method="highs-ds", options=options)
        if answer.status != 0:
            return None
        dual = np.maximum(-np.asarray(answer.ineqlin.marginals), 0.0)
        return float(-(answer.fun or 0.0)), _Prices(dual[:count], float(dual[-1]))


def _between(best: _Prices, latest: _Prices) -> _Prices:
    clients = SMOOTHING * best.clients + (1.0 - SMOOTHING) * latest.clients
    return _Prices(clients, SMOOTHING * best.place + (1.0 - SMOOTHING) * latest.place)
