"""Column generation: how well could groups of clients be chosen if fractions of groups were allowed? Pure.

The master programme chooses groups: no more of a type of client than there are, no more groups than devices, as much
weight of clients as can be mapped. A client may stand in for another that is harder to serve, which makes one group
count for many. Groups are added where they are worth more than the prices of their clients, until none is: then the
programme's value bounds every plan. At any prices the Lagrangian dual gives a bound too, and the least of these is
kept; prices are smoothed between the best ones so far and the latest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jellyfish.control.planners.client_types import ClientTypes
from jellyfish.control.planners.linear import Solution, linear_programme
from jellyfish.control.planners.pricing import Pricing
from jellyfish.control.planners.task import Floats, Ints, PlanningTask

SMOOTHING = 0.6
"""Weight of the best prices so far in the next ones."""
FIRST_PRICE = 0.5
"""Of one frame per second, in units of accuracy."""
GROUPS_PER_ROUND = 40
MAX_ROUNDS = 100
CLOSE = 1e-6
"""A bound this close to the programme's value, as a share of all rates, is as good as it gets."""


class Column(NamedTuple):
    """A group for a device of `kind`, in a configuration of its pricing: how many clients it has of each type."""

    kind: int
    row: int
    counts: Ints


class MasterPrices(NamedTuple):
    """What a client of each type is worth (t,), and what mapping one more of weight 1 would cost."""

    types: Floats
    place: float


class Master:
    """The programme for one task. Values are sums of rate x weight x accuracy."""

    def __init__(self, task: PlanningTask, pricing: Sequence[Pricing], widths: Sequence[int | None]) -> None:
        """`pricing`: per kind of device; `widths`: per kind, the most steps of rate that a group may have."""
        self.task, self._pricing, self._widths = task, pricing, widths
        self.types = ClientTypes(task.fps, task.weight, np.concatenate([each.eligible for each in pricing]))
        self._count = len(self.types.count)
        self.columns: list[Column] = []
        self._known: set[tuple[int, int, bytes]] = set()
        self.places = int(task.weight.sum())
        """Clients of so much weight are to be mapped."""
        limits = np.array([*self.types.count, *task.devices, -self.places], dtype=float)
        self.programme = linear_programme(limits)
        self._place_row = len(limits) - 1
        self.programme.add(-task.mapping, np.array([self._place_row]), np.array([-1.0]))
        for pair in self.types.substitutes:
            self.programme.add(0.0, pair, np.array([1.0, -1.0]))
        self.offset = 1 + len(self.types.substitutes)
        """Columns of the programme before the groups: places left empty, and clients standing in for others."""
        self.prices = MasterPrices(FIRST_PRICE * task.stake[self.types.first], 0.0)
        """The prices of the least bound so far."""
        self.bound = np.inf
        """No plan for `places` is worth more; each one less is to its credit (`PlanningTask.mapping`)."""
        for place in (0.0, task.mapping):
            self.price(MasterPrices(np.zeros(self._count), place), len(pricing[0].rows))
        self.price(self.prices)

    def generate(self, time_is_up: Callable[[], bool]) -> None:
        """Converge, first with all clients to be mapped, then with as many as there is room for."""
        solved = self.converge(time_is_up)
        if solved is not None and solved.amounts[0] > CLOSE and not time_is_up():
            self.demand(int(self.places - solved.amounts[0] + CLOSE))
            self.converge(time_is_up)

    def demand(self, places: int) -> None:
        """Clients of so much weight are to be mapped from now on."""
        self.places, self.bound = places, np.inf
        self.programme.limit(self._place_row, -float(places))

    def converge(self, time_is_up: Callable[[], bool]) -> Solution | None:
        """Add groups until none is worth more than its price."""
        solved = None
        for _ in range(MAX_ROUNDS):
            solved = self.programme.solve()
            if solved is None or time_is_up():
                break
            latest = self.prices_of(solved)
            added = self.price(_between(self.prices, latest)) or self.price(latest)
            if not added or self.bound < solved.value + CLOSE * self.task.mapping:
                break
        return solved

    def prices_of(self, solved: Solution) -> MasterPrices:
        """Its prices."""
        return MasterPrices(solved.prices[: self._count], float(solved.prices[self._place_row]))

    def price(self, prices: MasterPrices, most: int = GROUPS_PER_ROUND) -> int:
        """Add the groups that are best at `prices` and take their bound; how many of them are new."""
        before = len(self.columns)
        everyone = np.arange(len(self.task.clients))
        own = prices.place * self.task.weight - prices.types[self.types.of_client]
        bound = float(prices.types @ self.types.count) - prices.place * self.places
        for kind, pricing in enumerate(self._pricing):
            profit = pricing.accuracy[:, None] * self.task.stake + own
            groups = pricing.best(profit, everyone, pricing.rows, self._widths[kind])
            bound += self.task.devices[kind] * max(0.0, float(groups.value.max(initial=0.0)))
            for row in np.argsort(-groups.value)[:most].tolist():
                self._add(kind, row, np.flatnonzero(groups.members[row]))
        if bound < self.bound:
            self.bound, self.prices = bound, prices
        return len(self.columns) - before

    def _add(self, kind: int, row: int, members: Ints) -> None:
        counts = np.bincount(self.types.of_client[members], minlength=self._count)
        key = kind, row, counts.tobytes()
        if not len(members) or key in self._known:
            return
        self._known.add(key)
        self.columns.append(Column(kind, row, counts))
        earned = float(self._pricing[kind].accuracy[row] * self.task.stake[members].sum())
        types = np.flatnonzero(counts)
        rows = np.array([*types, self._count + kind, self._place_row])
        self.programme.add(earned, rows, np.array([*counts[types], 1.0, -float(self.task.weight[members].sum())]))

    def groups(self, whole: Solution) -> list[tuple[int, Ints]]:
        """(kind, members) of the groups in a solution whose amounts are whole numbers."""
        amounts = np.rint(whole.amounts).astype(np.int64)
        waiting = [np.flatnonzero(self.types.of_client == number).tolist() for number in range(self._count)]
        for (giver, taker), moved in zip(self.types.substitutes.tolist(), amounts[1 : self.offset], strict=True):
            for _ in range(min(int(moved), len(waiting[giver]))):
                waiting[taker].append(waiting[giver].pop())
        left, found = self.task.devices.copy(), []
        for index in np.flatnonzero(amounts[self.offset :]).tolist():
            column = self.columns[index]
            for _ in range(min(int(amounts[self.offset + index]), left[column.kind])):
                members = [
                    waiting[number].pop()
                    for number in np.flatnonzero(column.counts).tolist()
                    for _ in range(min(int(column.counts[number]), len(waiting[number])))
                ]
                left[column.kind] -= 1
                found.append((column.kind, np.array(sorted(members), dtype=np.int64)))
        return found


def _between(best: MasterPrices, latest: MasterPrices) -> MasterPrices:
    types = SMOOTHING * best.types + (1.0 - SMOOTHING) * latest.types
    return MasterPrices(types, SMOOTHING * best.place + (1.0 - SMOOTHING) * latest.place)
