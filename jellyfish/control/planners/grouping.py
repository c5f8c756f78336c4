"""Which clients are together on which device, and what that is worth: the state that a search improves. Pure.

Worth: what clients with a place count first, then rate x weight x accuracy. A group of clients is served with the most
accurate variant that can serve it; that needs only the sum of its rates and, per variant, the throughput that its
tightest budget allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from jellyfish.control.capacity import Capacities
from jellyfish.control.planners.layout import DeviceGroup
from jellyfish.control.planners.pricing import Pricing
from jellyfish.control.planners.task import Bools, Floats, Ints, PlanningTask
from jellyfish.control.problem import Plan


class Grouping:
    """Clients are numbered by their place in `task.clients`; `groups` holds them per device."""

    def __init__(self, task: PlanningTask, pricing: Sequence[Pricing]) -> None:
        self.task, self.pricing = task, pricing
        self._limits = np.array([_rate_limits(table, task.budgets_s) for table in task.tables])
        self.groups: list[Ints] = [np.zeros(0, dtype=np.int64) for _ in task.kinds]
        self.worths = [0.0 for _ in task.kinds]
        self.unmapped: Ints = np.arange(len(task.clients))

    @property
    def total(self) -> float:
        """What all groups are worth."""
        return sum(self.worths)

    def adopt(self, groups: Sequence[Ints]) -> None:
        """Take over `groups` as far as devices can serve them, then find places for the clients that have none."""
        self.groups = [self.servable(kind, members) for kind, members in zip(self.task.kinds, groups, strict=True)]
        self.worths = [self.worth(kind, members) for kind, members in zip(self.task.kinds, self.groups, strict=True)]
        self.unmapped = np.setdiff1d(np.arange(len(self.task.clients)), np.concatenate(self.groups))
        self._find_places()

    def arranged(self, groups: Iterable[tuple[int, Ints]]) -> list[Ints]:
        """(kind, members) as a list per device."""
        waiting: list[list[Ints]] = [[] for _ in self.task.tables]
        for kind, members in groups:
            waiting[kind].append(members)
        nobody = np.zeros(0, dtype=np.int64)
        return [waiting[kind].pop() if waiting[kind] else nobody for kind in self.task.kinds]

    def change(self, devices: Sequence[int], groups: Sequence[Ints]) -> bool:
        """Give `devices` these `groups` instead of theirs if that is no worse; whether that was done."""
        worths = [self.worth(self.task.kinds[device], group) for device, group in zip(devices, groups, strict=True)]
        if sum(worths) < sum(self.worths[device] for device in devices) - self.task.same:
            return False
        before = np.concatenate([self.unmapped, *(self.groups[device] for device in devices)])
        for device, group, worth in zip(devices, groups, worths, strict=True):
            self.groups[device], self.worths[device] = group, worth
        self.unmapped = np.setdiff1d(before, np.concatenate(groups))
        return True

    def _find_places(self) -> None:
        """Add clients without a place to groups that can take them, where that gains most or costs least."""
        kinds, fps, stake, accuracy = np.array(self.task.kinds), self.task.fps, self.task.stake, self.task.accuracy
        rates = np.array([fps[members].sum() for members in self.groups])
        stakes = np.array([stake[members].sum() for members in self.groups])
        limits = np.array(
            [
                self._limits[kind][members].min(axis=0, initial=np.inf)
                for kind, members in zip(kinds, self.groups, strict=True)
            ]
        )
        for client in self._those_that_count_most_first(self.unmapped):
            narrower = np.minimum(limits, self._limits[kinds, client])
            grown = rates + fps[client]
            best = np.where(grown[:, None] < narrower, accuracy, -np.inf).max(axis=1)
            gain = (stakes + stake[client]) * best - np.array([self._earned(device) for device in range(len(kinds))])
            device = int(gain.argmax())
            if np.isfinite(gain[device]):
                self.groups[device] = np.sort(np.append(self.groups[device], client))
                self.worths[device] += self.task.mapping * self.task.weight[client] + float(gain[device])
                rates[device], limits[device] = grown[device], narrower[device]
                stakes[device] += stake[client]
                self.unmapped = self.unmapped[self.unmapped != client]

    def _those_that_count_most_first(self, clients: Ints) -> list[int]:
        """Of equals, those of low rate."""
        order = np.lexsort((self.task.fps[clients], -self.task.weight[clients]))
        ordered: list[int] = clients[order].tolist()
        return ordered

    def _earned(self, device: int) -> float:
        return self.worths[device] - float(self.task.weight[self.groups[device]].sum()) * self.task.mapping

    def servable(self, kind: int, members: Ints) -> Ints:
        """`members` if a device of `kind` serves them, else the best part of them."""
        if np.isfinite(self.worth(kind, members)):
            return members
        pricing = self.pricing[kind]
        places = self.task.mapping * self.task.weight[members]
        profit = places + pricing.accuracy[:, None] * self.task.stake[members]
        best = pricing.best(profit, members, pricing.rows)
        return members[best.members[best.value.argmax()]] if len(best.value) else members[:0]

    def worth(self, kind: int, members: Ints) -> float:
        """What a device of `kind` makes of `members`; minus infinity when it cannot serve them."""
        return float(self.worths_of(kind, members, np.ones((1, len(members)), dtype=np.bool_))[0])

    def worths_of(self, kind: int, clients: Ints, members: Bools) -> Floats:
        """(c,) what a device of `kind` makes of each set of `clients`; `members` is (c, len(clients))."""
        rates = members @ self.task.fps[clients]
        limits = np.where(members[:, :, None], self._limits[kind][clients], np.inf).min(axis=1, initial=np.inf)
        accuracy = np.where(rates[:, None] < limits, self.task.accuracy, -np.inf).max(axis=1)
        places = members @ self.task.weight[clients] * self.task.mapping
        return np.where(rates > 0.0, places + members @ self.task.stake[clients] * accuracy, 0.0)

    def problem_groups(self, groups: Sequence[Ints]) -> list[DeviceGroup]:
        """`groups` per device, each with the variant that serves it best, in the problem's numbering."""
        return [
            DeviceGroup(kind, self._variant(kind, members), tuple(self.task.clients[member] for member in members))
            for kind, members in zip(self.task.kinds, groups, strict=True)
            if len(members)
        ]

    def plan(self, groups: Sequence[Ints]) -> Plan:
        """`groups` per device as a plan."""
        return self.task.plan(self.problem_groups(groups))

    def _variant(self, kind: int, members: Ints) -> int:
        allowed = self.task.fps[members].sum() < self._limits[kind][members].min(axis=0)
        return int(np.where(allowed, self.task.accuracy, -np.inf).argmax())


def _rate_limits(table: Capacities, budgets_s: Floats) -> Floats:
    """(n, m) the throughput of each variant at the largest batch that each client's budget allows.

    A variant serves a group when the sum of its rates is below the least of these.
    """
    columns = [
        np.array((0.0, *capacity.rate_fps))[np.searchsorted(capacity.worst_s, budgets_s[:, variant], side="right")]
        for variant, capacity in enumerate(table)
    ]
    return np.array(columns).T
