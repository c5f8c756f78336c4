"""Time-sharing: a device runs several variants in turn, so that each client can have its own. Pure.

A device repeats a cycle. In each it runs, for every variant in use, one batch of the frames that have come since that
variant's last batch: at most floor(rate x cycle) + 1. So the longest cycle T is the least solution of
T = sum of l_v(floor(F_v T) + 1) over the variants v in use, with F_v the sum of the rates on v. A frame may just miss
its batch; it waits one cycle and then runs: its answer is there after at most T + l_v(batch), within its budget.

For `jellyfish plan` only: the dispatcher runs one variant per device, so no server can carry out these plans yet.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from jellyfish.control.capacity import device_capacities, mappable_clients
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.exchange import TIME_BUDGET_S
from jellyfish.control.problem import DeviceOption, Plan, Problem
from jellyfish.core import Variant

BASE_SHARE = 0.5
"""Of the time budget, for the plan with one variant per device that the search begins with."""
PASSES = 20
"""Rounds over all clients before the search ends by itself."""
SAME = 1e-9


class Share(msgspec.Struct, frozen=True):
    """One variant's part of a device's cycle."""

    variant: Variant
    batch: int


class SharedPlan(msgspec.Struct, frozen=True):
    """One window's answer where devices share their time."""

    cycles: dict[str, tuple[Share, ...]]
    """Device -> what it runs in one cycle; empty where it is idle. A single share is a batch run again and again."""
    cycle_s: dict[str, float]
    """Device -> its longest cycle."""
    clients: dict[str, str]
    """Client -> device."""
    variants: dict[str, Variant]
    """Client -> variant."""
    accuracy: float = 0.0
    """As in `Plan`."""


Counts = Mapping[int, Sequence[int]]
"""Variant -> the clients on it."""


def least_cycle(rates: Mapping[int, float], option: DeviceOption) -> tuple[float, dict[int, int]] | None:
    """(longest cycle in seconds, batch per variant) of a device with these rates per variant; None if there is none.

    Iterates from an empty cycle upwards: batches only grow, so it ends at the least solution or above the largest batch
    of the profile. A batch counts with the longest time of all batches up to it, for a cycle may bring fewer frames.
    """
    batches = dict.fromkeys(rates, 1)
    while True:
        cycle_s = sum(max(option.latency_s[variant][:batch]) for variant, batch in batches.items())
        needed = {variant: math.floor(rate * cycle_s + SAME) + 1 for variant, rate in rates.items()}
        if any(count > len(option.latency_s[variant]) for variant, count in needed.items()):
            return None
        if needed == batches:
            return cycle_s, batches
        batches = needed


def served(problem: Problem, option: DeviceOption, members: Counts) -> tuple[float, dict[int, int]] | None:
    """`least_cycle` with these clients, if every one's budget allows it; else None."""
    rates = {variant: sum(problem.clients[c].fps for c in clients) for variant, clients in members.items() if clients}
    found = least_cycle(rates, option)
    if found is None:
        return None
    cycle_s, batches = found
    for variant, batch in batches.items():
        worst_s = cycle_s + max(option.latency_s[variant][:batch])
        if any(worst_s > problem.clients[client].budget_s[variant] for client in members[variant]):
            return None
    return found


class SharedPlanner:
    """Begins with the best plan of one variant per device and moves clients to better variants where these fit."""

    def __init__(
        self, seed: int, clock: Callable[[], float] = time.monotonic, time_budget_s: float = TIME_BUDGET_S
    ) -> None:
        self._base = BestPlanner(seed, clock, BASE_SHARE * time_budget_s)
        self._random = np.random.default_rng(seed)
        self._clock, self._time_budget_s = clock, time_budget_s

    def plan(self, problem: Problem, running: Plan | None) -> SharedPlan:
        """A feasible plan that maps no fewer clients, and is no less accurate, than one variant per device allows."""
        ends_s = self._clock() + self._time_budget_s
        search = _Sharing(problem, self._base.plan(problem, running))
        for _ in search.run(self._random):
            if self._clock() >= ends_s:
                break
        return search.plan()


class _Sharing:
    """Places of clients: (device, variant), by index. A device with one variant needs no cycle: see `_fits`."""

    def __init__(self, problem: Problem, base: Plan) -> None:
        self._problem = problem
        devices = {option.device: index for index, option in enumerate(problem.devices)}
        variants = {variant: index for index, variant in enumerate(problem.variants)}
        self._members: list[dict[int, list[int]]] = [{} for _ in devices]
        self._place: dict[int, tuple[int, int]] = {}
        for index, client in enumerate(problem.clients):
            if client.client in base.clients:
                device = base.clients[client.client]
                self._put(index, devices[device], variants[base.devices[device].variant])

    def run(self, chance: np.random.Generator) -> Iterator[None]:
        """Better places for one client after the other, until a whole pass finds none; yields after each client."""
        for _ in range(PASSES):
            changed = False
            for client in chance.permutation(len(self._problem.clients)).tolist():
                changed |= self._improve(client)
                yield
            if not changed:
                return

    def _improve(self, client: int) -> bool:
        """Put `client` where it gets the most accurate variant that fits; whether that is better than now."""
        place = self._place.get(client)
        accuracy = self._problem.accuracy
        least = -1.0 if place is None else accuracy[place[1]]
        better = [variant for variant in range(len(accuracy)) if accuracy[variant] > least + SAME]
        if place is not None:
            self._members[place[0]][place[1]].remove(client)
        for variant in sorted(better, key=lambda each: -accuracy[each]):
            for device in range(len(self._members)):
                if self._fits(device, variant, client) and (place is None or self._stays(place[0])):
                    self._put(client, device, variant)
                    return True
        if place is not None:
            self._members[place[0]][place[1]].append(client)
        return False

    def _fits(self, device: int, variant: int, client: int) -> bool:
        members = {**self._members[device], variant: [*self._members[device].get(variant, []), client]}
        return self._feasible(device, members)

    def _stays(self, device: int) -> bool:
        return self._feasible(device, self._members[device])

    def _feasible(self, device: int, members: Counts) -> bool:
        """By cycle; or, on one variant, by the rule for one variant per device, which allows more."""
        option = self._problem.devices[device]
        used = [variant for variant, clients in members.items() if clients]
        if not used or served(self._problem, option, {variant: members[variant] for variant in used}) is not None:
            return True
        return len(used) == 1 and self._single(option, used[0], members[used[0]]) is not None

    def _single(self, option: DeviceOption, variant: int, clients: Sequence[int]) -> int | None:
        rate = sum(self._problem.clients[client].fps for client in clients)
        tightest_s = min(self._problem.clients[client].budget_s[variant] for client in clients)
        for batch, seconds in enumerate(option.latency_s[variant], start=1):
            if rate < batch / seconds and 2.0 * seconds <= tightest_s:
                return batch
        return None

    def _put(self, client: int, device: int, variant: int) -> None:
        self._members[device].setdefault(variant, []).append(client)
        self._place[client] = (device, variant)

    def plan(self) -> SharedPlan:
        """The plan found so far."""
        problem = self._problem
        cycles: dict[str, tuple[Share, ...]] = {}
        cycle_s: dict[str, float] = {}
        for option, members in zip(problem.devices, self._members, strict=True):
            used = {variant: clients for variant, clients in members.items() if clients}
            found = served(problem, option, used)
            if found is None:
                ((variant, clients),) = used.items()
                batch = self._single(option, variant, clients) or 1
                found = option.latency_s[variant][batch - 1], {variant: batch}
            cycle_s[option.device] = found[0]
            cycles[option.device] = tuple(
                Share(problem.variants[variant], batch) for variant, batch in found[1].items()
            )
        earned = sum(problem.clients[c].fps * problem.accuracy[variant] for c, (_, variant) in self._place.items())
        asked = sum(problem.clients[c].fps for c in mappable_clients(problem, device_capacities(problem.devices)))
        return SharedPlan(
            cycles,
            cycle_s,
            {problem.clients[c].client: problem.devices[device].device for c, (device, _) in self._place.items()},
            {problem.clients[c].client: problem.variants[variant] for c, (_, variant) in self._place.items()},
            earned / asked if asked else 0.0,
        )
