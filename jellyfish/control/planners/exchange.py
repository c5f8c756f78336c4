"""Local search that plans the clients of two devices anew, or of three, guided by prices of clients. Pure.

For each variant and batch size of the one device the best group at these prices, a little disturbed, is made, and the
other device takes the rest with its best variant. What is no worse is kept.
"""

from __future__ import annotations

import numpy as np

from jellyfish.control.planners.grouping import Grouping
from jellyfish.control.planners.task import Floats, Ints

TIME_BUDGET_S = 0.3
"""What planners have when nothing else is said."""
SAMPLE = 48
"""Pairs of variant and batch size that one step looks at; all where there are no more."""
DISTURBANCE = 0.1
"""Standard deviation of what an exchange adds to prices, in units of accuracy."""
THREE = 0.3
"""Share of exchanges among three devices."""
GUESTS = 4
"""Clients without a place that an exchange tries to take in."""
LEAST_PROFIT = 1e-3
"""Of a client in a group, in units of accuracy, whatever its price: with a place it is better off than without."""


class Exchange:
    """Changes `grouping`. `prices` (n,): what a frame per second of each client is worth, in units of accuracy for one
    of weight 1."""

    def __init__(self, grouping: Grouping, prices: Floats, random: np.random.Generator) -> None:
        self._grouping, self._prices, self._random = grouping, prices, random
        self._fps, self._weight = grouping.task.fps, grouping.task.weight
        self._kinds = grouping.task.kinds

    def greedy(self, mapping: float = 0.0) -> list[Ints]:
        """Per device the group worth most beyond its clients' prices; each place for weight 1 adds `mapping`."""
        groups = [np.zeros(0, dtype=np.int64) for _ in self._kinds]
        left = np.arange(len(self._fps))
        for device, kind in enumerate(self._kinds):
            pricing = self._grouping.pricing[kind]
            best = pricing.best(
                self._profit(kind, left, pricing.rows, self._prices[left]) + mapping * self._weight[left],
                left,
                pricing.rows,
            )
            if len(best.value):
                groups[device] = left[best.members[best.value.argmax()]]
                left = np.setdiff1d(left, groups[device])
        return groups

    def step(self) -> None:
        """Plan the clients of some devices anew, with some that have no place; keep what is no worse."""
        count = 3 if len(self._kinds) > 2 and self._random.random() < THREE else min(2, len(self._kinds))
        devices = self._random.choice(len(self._kinds), count, replace=False).tolist()
        guests = self._random.permutation(self._grouping.unmapped)[:GUESTS]
        rest = np.concatenate([*(self._grouping.groups[device] for device in devices), guests])
        if not len(rest):
            return
        groups: list[Ints] = []
        for device in devices[:-2]:
            groups.append(self._likely_group(self._kinds[device], rest))
            rest = np.setdiff1d(rest, groups[-1])
        if count == 1:
            groups.append(self._grouping.servable(self._kinds[devices[0]], rest))
        else:
            groups += self._split(self._kinds[devices[-2]], self._kinds[devices[-1]], rest)
        self._grouping.change(devices, groups)

    def _likely_group(self, kind: int, clients: Ints) -> Ints:
        """A group for the first of three devices: one of those that are worth most beyond their prices."""
        rows = self._some_rows(kind)
        best = self._grouping.pricing[kind].best(self._disturbed_profit(kind, clients, rows), clients, rows)
        if not len(best.value):
            return clients[:0]
        spread = 0.02 * self._fps[clients].sum()
        likely = (best.value + spread * self._random.gumbel(size=len(rows))).argmax()
        group: Ints = clients[best.members[likely]]
        return group

    def _split(self, kind: int, other: int, clients: Ints) -> tuple[Ints, Ints]:
        """A group for a device of `kind` and one for a device of `other`, the best pair of those looked at."""
        grouping, rows = self._grouping, self._some_rows(kind)
        profit = self._disturbed_profit(kind, clients, rows)
        if len(grouping.unmapped) and self._random.random() < 0.5:
            profit += grouping.task.mapping * self._weight[clients]
        members = grouping.pricing[kind].best(profit, clients, rows).members
        if not len(members):
            return clients[:0], grouping.servable(other, clients)
        both = grouping.worths_of(kind, clients, members)
        both = both + np.maximum(grouping.worths_of(other, clients, ~members), 0.0)
        best = members[both.argmax()]
        return clients[best], grouping.servable(other, clients[~best])

    def _some_rows(self, kind: int) -> Ints:
        """Configurations to look at in one step."""
        rows = self._grouping.pricing[kind].rows
        return rows if len(rows) <= SAMPLE else np.sort(self._random.choice(rows, SAMPLE, replace=False))

    def _disturbed_profit(self, kind: int, clients: Ints, rows: Ints) -> Floats:
        disturbance = DISTURBANCE * self._random.standard_normal(len(clients))
        return self._profit(kind, clients, rows, self._prices[clients] + disturbance)

    def _profit(self, kind: int, clients: Ints, rows: Ints, prices: Floats) -> Floats:
        """(rows, clients) what each earns beyond its price."""
        beyond = self._grouping.pricing[kind].accuracy[rows, None] * self._weight[clients] - prices
        profit: Floats = np.maximum(beyond, LEAST_PROFIT) * self._fps[clients]
        return profit
