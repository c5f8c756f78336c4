"""The optimal planner: most clients mapped, then highest rate-weighted accuracy, both by what clients count, then
fewest changed devices.

Up to 18 clients on one or two devices, or 14 on more, every set of clients is looked at and the plan is always optimal.
On two cores of a server, with 16 variants x 8 batch sizes, 18 x 2 (clients x devices) took 40 ms, and 170 ms the first
time; 14 x 4 took 70 ms and 350 ms; 14 x 8, no two devices running the same variant before, 390 ms; 8 x 1 with 24
variants 0.4 ms.

Beyond, an integer programme has `TIME_LIMIT_S`, and where it is cut off the better of its plan and one by exchanges is
used. It proved the optimum in time for 32 x 1 and for most problems of 16 x 4 (which needed up to 1 s when let run, and
found no better plan in it), but for none of 32 x 4. With more patterns than `patterns.MAX_PATTERNS`, or rates that all
differ, only exchanges are left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from jellyfish.control.capacity import idle_plan
from jellyfish.control.favour import favoured
from jellyfish.control.planners.exchange import TIME_BUDGET_S
from jellyfish.control.planners.integer import Effort
from jellyfish.control.planners.many import ManyClients
from jellyfish.control.planners.pattern_program import PatternProgram
from jellyfish.control.planners.subsets import (
    best_split,
    best_within,
    least_over_sets,
    servable_sets,
    subsets_of,
    sums_over_sets,
)
from jellyfish.control.planners.task import Floats, PlanningTask
from jellyfish.control.problem import Plan, Problem

SETS_LIMIT_TWO_DEVICES = 18
"""Clients up to which all sets are looked at, for one or two devices (2^clients)."""
SETS_LIMIT = 14
"""The same for more devices (3^clients)."""
TIME_LIMIT_S = 0.4
"""For the integer programme; what it has found by then is used."""


class ExactPlanner:
    """All sets of clients where they are few, an integer programme where they are many."""

    def __init__(
        self,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
        time_budget_s: float = TIME_BUDGET_S,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._clock, self._time_budget_s, self._time_limit_s = clock, time_budget_s, time_limit_s
        self.proved = False
        """Whether no plan maps more clients than the last one, or as many with more accuracy."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """The best plan; a good one where the programme is cut off by its time limit."""
        task = PlanningTask.of(problem, running)
        self.proved = True
        if not task.clients:
            return idle_plan(problem, running)
        if len(task.clients) <= (SETS_LIMIT_TWO_DEVICES if len(task.kinds) <= 2 else SETS_LIMIT):
            return plan_by_all_sets(task)
        program = PatternProgram(task)
        answer = None if program.too_large else program.solve(Effort(self._time_limit_s, self._clock))
        found = None if answer is None or answer.groups is None else task.plan(answer.groups)
        self.proved = answer is not None and answer.proved
        if found is not None and self.proved:
            return found
        return favoured(problem, ManyClients(task, self._random, self._clock, self._time_budget_s).plan(found))


def plan_by_all_sets(task: PlanningTask) -> Plan:
    """The optimum, by looking at every set of clients on every device."""
    return task.plan_at(_Sets(task).serving())


class _Sets:
    """The search over all sets of clients.

    Worth of a set: what its clients count first, then rate x weight x accuracy, less a little for a change of variant.
    """

    def __init__(self, task: PlanningTask) -> None:
        self._clients, self._accuracy = task.clients, task.problem.accuracy
        self._kinds, self._kept = task.kinds, task.kept
        rate = sums_over_sets(task.fps)
        self._stake = sums_over_sets(task.stake)
        self._mapped = sums_over_sets(task.mapping * task.weight)
        self._change = task.same
        tightest_s = least_over_sets(task.budgets_s.T)
        self._servable = [servable_sets(table, rate, tightest_s) for table in task.tables]
        self._worths: dict[tuple[tuple[int, int | None], ...], Floats] = {}

    def serving(self) -> dict[int, tuple[int, list[int]]]:
        """Device -> (variant, clients) of a best way to split all clients among all devices."""
        return self._split(range(len(self._kinds)), len(self._stake) - 1)

    def _split(self, devices: Sequence[int], members: int) -> dict[int, tuple[int, list[int]]]:
        subsets = subsets_of(members)
        if len(devices) == 1:
            worth = self._device_worth(devices[0])
            return self._served(devices[0], int(subsets[worth[subsets].argmax()]))
        half = len(devices) // 2
        one, other = self._worth(devices[:half]), self._worth(devices[half:])
        part = int(subsets[(one[subsets] + other[members - subsets]).argmax()])
        return self._split(devices[:half], part) | self._split(devices[half:], members - part)

    def _served(self, device: int, members: int) -> dict[int, tuple[int, list[int]]]:
        if not members:
            return {}
        variants = np.flatnonzero(self._servable[self._kinds[device]][:, members]).tolist()
        stake = self._stake[members]
        variant = max(variants, key=lambda m: self._accuracy[m] * stake - self._cost(device, m))
        return {device: (variant, [client for bit, client in enumerate(self._clients) if members >> bit & 1])}

    def _worth(self, devices: Sequence[int]) -> Floats:
        """(2^n,) the most that `devices` together make of each set, or of a part of it."""
        key = tuple((self._kinds[device], self._kept[device]) for device in devices)
        if key not in self._worths:
            half = len(devices) // 2
            if half:
                worth = best_split(self._worth(devices[:half]), self._worth(devices[half:]))
            else:
                worth = best_within(self._device_worth(devices[0]))
            self._worths[key] = worth
        return self._worths[key]

    def _device_worth(self, device: int) -> Floats:
        """(2^n,) what one device makes of exactly each set; minus infinity where no variant serves it."""
        worth = np.full(len(self._stake), -np.inf)
        for variant, servable in enumerate(self._servable[self._kinds[device]]):
            gained = self._accuracy[variant] * self._stake - self._cost(device, variant)
            np.maximum(worth, gained, out=worth, where=servable)
        worth += self._mapped
        worth[0] = 0.0
        return worth

    def _cost(self, device: int, variant: int) -> float:
        return self._change if self._kept[device] not in (None, variant) else 0.0
