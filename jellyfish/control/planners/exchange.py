"""Planning for many clients: local search that plans the clients of two devices anew, guided by prices of clients.

A first plan is the better of the running one and a greedy one: device after device takes the group that is worth most
beyond the prices of its clients. Prices come from the Lagrangian dual of "each client once", descended for a few steps
with the maximum over groups smoothed. Then two devices, or three, are planned anew, again and again: for each variant
and batch size of the one the best group at these prices, a little disturbed, and the other takes the rest with its best
variant. What is better is kept, so there is a feasible plan at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from jellyfish.control.capacity import (
    Capacities,
    complete_plan,
    device_capacities,
    idle_plan,
    kept_variant,
    mappable_clients,
)
from jellyfish.control.planners.layout import Group, device_kinds, lay_out
from jellyfish.control.planners.pricing import Bools, Floats, Ints, Pricing
from jellyfish.control.problem import Plan, Problem

TIME_BUDGET_S = 0.3
ROUNDS_PER_DEVICE = 60
"""Exchanges per device before the search ends by itself (fewer where a device has more than 8 clients, for an exchange
then takes longer): under a clock that stands still a plan depends on its seed alone."""
DISCOUNTS = 0.0, 0.1, 0.3
"""Off all prices of a greedy plan, one after the other while some client finds no place: groups become larger."""
STALE_PER_DEVICE = 15
"""Exchanges per device without a gain after which the search begins anew."""
DUAL_STEPS = 20
SAMPLE = 48
"""Pairs of variant and batch size that one step looks at; all where there are no more."""
AGAIN = 0.6
"""Fineness of the step of the dual that follows each device of a greedy plan, for the clients that are left."""
DISTURBANCE = 0.1
"""Standard deviation of what an exchange adds to prices, in units of accuracy."""
THREE = 0.3
"""Share of exchanges among three devices."""
GUESTS = 4
"""Clients without a place that an exchange tries to take in."""
SAME = 1e-9
"""Accuracies this close, as a share of the best there could be, count as equal."""


class ExchangePlanner:
    """A good plan within `time_budget_s` by `clock`, or after a number of rounds, whichever comes first."""

    def __init__(
        self,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
        time_budget_s: float = TIME_BUDGET_S,
        rounds_per_device: int = ROUNDS_PER_DEVICE,
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._clock = clock
        self._time_budget_s = time_budget_s
        self._rounds = rounds_per_device

    def plan(
        self, problem: Problem, running: Plan | None, known: Plan | None = None, time_left_s: float | None = None
    ) -> Plan:
        """A feasible plan, never worse than `known`, nor than what is left of `running`.

        `time_left_s`: instead of the whole budget, where some of it has gone into `known`.
        """
        ends_s = self._clock() + (self._time_budget_s if time_left_s is None else time_left_s)
        tables = device_capacities(problem.devices)
        clients = mappable_clients(problem, tables)
        if not clients:
            return idle_plan(problem, running)
        search = Exchange(problem, tables, clients, running, self._random, known)
        for _ in search.run(self._rounds):
            if self._clock() >= ends_s:
                break
        return search.plan()


class Exchange:
    """The search for one problem. Clients are numbered by their place in `clients`."""

    def __init__(
        self,
        problem: Problem,
        tables: Sequence[Capacities],
        clients: Sequence[int],
        running: Plan | None,
        random: np.random.Generator,
        known: Plan | None = None,
    ) -> None:
        self._problem, self._clients, self._running, self._random = problem, clients, running, random
        self._known = known
        self._kinds = device_kinds(tables)
        table_of = dict(zip(self._kinds, tables, strict=True))
        self._pricing = [Pricing(problem, clients, table) for table in table_of.values()]
        self._limits = [_rate_limits(problem, clients, table) for table in table_of.values()]
        self._fps = np.array([problem.clients[client].fps for client in clients])
        self._accuracy = np.array(problem.accuracy)
        self._same = SAME * float(self._fps.sum())
        self._mapped = 1.0 + float(self._fps.sum())
        self._prices = self._start_prices()
        self._momentum = np.zeros(len(clients))
        self._groups: list[Ints] = [np.zeros(0, dtype=np.int64) for _ in tables]
        self._worths = [0.0 for _ in tables]
        self._best = self._groups
        self._unmapped = np.arange(len(clients))

    def plan(self) -> Plan:
        """The plan found so far."""
        kept = [kept_variant(self._problem, self._running, device) for device in range(len(self._kinds))]
        best = max(self._best, self._groups, key=self._rank)
        groups = [
            Group(kind, self._variant(kind, members), tuple(self._clients[member] for member in members))
            for kind, members in zip(self._kinds, best, strict=True)
            if len(members)
        ]
        return complete_plan(self._problem, self._running, lay_out(groups, self._kinds, kept))

    def _variant(self, kind: int, members: Ints) -> int:
        allowed = self._fps[members].sum() < self._limits[kind][members].min(axis=0)
        return int(np.where(allowed, self._accuracy, -np.inf).argmax())

    def prices(self, steps: int) -> Floats:
        """Prices of clients, in units of rate x accuracy, after so many steps of the dual."""
        for progress in np.linspace(0.0, 1.0, steps):
            self._descend(np.arange(len(self._clients)), self._kinds, [progress])
        prices: Floats = self._prices * self._fps
        return prices

    # --- the first plan ----------------------------------------------------------------------------------

    def run(self, rounds_per_device: int) -> Iterator[None]:
        """Search; at the first yield there is a plan worth having, at later ones a better one or the same."""
        self._adopt(self._groups_of(self._running))
        warm = len(self._unmapped) < len(self._clients)
        self._adopt_if_better(self._groups_of(self._known))
        everyone = np.arange(len(self._clients))
        for progress in np.linspace(0.0, 1.0, DUAL_STEPS):
            self._descend(everyone, self._kinds, [progress])
            if not len(self._unmapped):
                yield
        prices, momentum = self._prices.copy(), self._momentum.copy()
        for discount in DISCOUNTS:
            self._prices = prices - discount
            self._adopt_if_better(self._greedy_groups(0.0))
            self._prices, self._momentum = prices.copy(), momentum.copy()
            yield
            if not len(self._unmapped):
                break
        if len(self._unmapped):
            self._adopt_if_better(self._greedy_groups(self._mapped))
            yield
        if len(self._kinds) > 1:
            load = max(1.0, len(self._clients) / len(self._kinds) / 8.0)
            yield from self._exchanges(int(rounds_per_device * len(self._kinds) / load), warm)

    def _exchanges(self, rounds: int, warm: bool) -> Iterator[None]:
        """Exchange; when nothing has come of it for long, remember the plan and begin anew from another greedy one.

        Not where it is `warm`, from a running plan: then windows before this one have searched, and later ones will.
        """
        stale = 0
        for _ in range(rounds):
            before = sum(self._worths)
            self._exchange()
            stale = 0 if sum(self._worths) > before + self._same else stale + 1
            if stale > STALE_PER_DEVICE * len(self._kinds):
                if warm:
                    return
                self._best = max(self._best, self._groups, key=self._rank)
                prices = self._prices.copy()
                self._prices += DISTURBANCE * self._random.standard_normal(len(prices))
                self._adopt(self._greedy_groups(0.0))
                self._prices, stale = prices, 0
            yield

    def _adopt_if_better(self, groups: list[Ints]) -> None:
        if self._rank(groups) > sum(self._worths) + self._same:
            self._adopt(groups)

    def _rank(self, groups: Sequence[Ints]) -> float:
        return sum(self._worth(kind, members) for kind, members in zip(self._kinds, groups, strict=True))

    def _adopt(self, groups: list[Ints]) -> None:
        self._groups = groups
        self._worths = [self._worth(kind, members) for kind, members in zip(self._kinds, groups, strict=True)]
        self._unmapped = np.setdiff1d(np.arange(len(self._clients)), np.concatenate(groups))

    def _groups_of(self, plan: Plan | None) -> list[Ints]:
        """Per device those of its clients that it can go on to serve together."""
        places: dict[str, list[int]] = {option.device: [] for option in self._problem.devices}
        for number, client in enumerate(self._clients):
            device = plan.clients.get(self._problem.clients[client].client) if plan else None
            if device in places:
                places[device].append(number)
        return [
            self._servable(kind, np.array(members, dtype=np.int64))
            for kind, members in zip(self._kinds, places.values(), strict=True)
        ]

    def _servable(self, kind: int, members: Ints) -> Ints:
        """`members` if a device of `kind` serves them, else the best part of them."""
        if np.isfinite(self._worth(kind, members)):
            return members
        pricing = self._pricing[kind]
        profit = self._mapped + pricing.accuracy[:, None] * self._fps[members]
        best = pricing.best(profit, members, pricing.rows)
        return members[best.members[best.value.argmax()]] if len(best.value) else members[:0]

    def _start_prices(self) -> Floats:
        reach = [np.where(limits > self._fps[:, None], self._accuracy, 0.0).max(axis=1) for limits in self._limits]
        prices: Floats = 0.7 * np.max(reach, axis=0)
        return prices

    def _descend(self, clients: Ints, kinds: Sequence[int], progress: Iterable[float]) -> None:
        """Steps of the dual for devices of `kinds` and `clients`; 0 <= progress < 1 sets how fine a step is.

        A client that more groups want than there are of it becomes dearer, one that none wants cheaper.
        """
        fps = self._fps[clients]
        for done in progress:
            fineness = 0.07**done
            wanted = np.zeros(len(clients))
            for kind in set(kinds):
                rows = self._some_rows(kind)
                profit = self._pricing[kind].accuracy[rows, None] * fps - self._prices[clients] * fps
                groups = self._pricing[kind].best(profit, clients, rows, self._most_steps(kind))
                spread = 0.3 * fineness * self._fps.sum() / len(self._kinds)
                chance = np.exp((groups.value - groups.value.max(initial=0.0)) / spread)
                wanted += kinds.count(kind) * (chance @ groups.members) / max(chance.sum(), 1e-300)
            self._momentum[clients] = 0.6 * self._momentum[clients] + 0.4 * (wanted - 1.0)
            self._prices[clients] += 0.1 * fineness * np.clip(self._momentum[clients], -1.0, 1.0)

    def _some_rows(self, kind: int) -> Ints:
        """Configurations to look at in one step."""
        rows = self._pricing[kind].rows
        return rows if len(rows) <= SAMPLE else np.sort(self._random.choice(rows, SAMPLE, replace=False))

    def _most_steps(self, kind: int) -> int:
        """Few good plans put more than twice the mean load on one device."""
        pricing = self._pricing[kind]
        return int(2.0 * pricing.weights.sum() / len(self._kinds)) + int(pricing.weights.max())

    def _greedy_groups(self, mapping: float) -> list[Ints]:
        """Device after device takes the group worth most beyond its clients' prices; each client adds `mapping`."""
        groups = [np.zeros(0, dtype=np.int64) for _ in self._kinds]
        left = np.arange(len(self._clients))
        for device, kind in enumerate(self._kinds):
            if not len(left):
                break
            if device and not mapping:
                self._descend(left, self._kinds[device:], [AGAIN])
            rows = self._pricing[kind].rows
            best = self._pricing[kind].best(
                self._profit(kind, left, rows, self._prices[left]) + mapping, left, rows, self._most_steps(kind)
            )
            if len(best.value):
                groups[device] = self._servable(kind, left[best.members[best.value.argmax()]])
                left = np.setdiff1d(left, groups[device])
        return groups

    def _profit(self, kind: int, clients: Ints, rows: Ints, prices: Floats) -> Floats:
        """(rows, clients) what each earns beyond its price, but never nothing: a client with a place is better."""
        beyond = self._pricing[kind].accuracy[rows, None] - prices
        profit: Floats = np.maximum(beyond, 1e-3) * self._fps[clients]
        return profit

    # --- one exchange ------------------------------------------------------------------------------------

    def _exchange(self) -> None:
        """Plan the clients of some devices anew, with some that have no place; keep what is no worse."""
        count = 3 if len(self._kinds) > 2 and self._random.random() < THREE else 2
        devices = self._random.choice(len(self._kinds), count, replace=False).tolist()
        guests = self._random.permutation(self._unmapped)[:GUESTS]
        clients = rest = np.concatenate([*(self._groups[device] for device in devices), guests])
        if not len(clients):
            return
        groups: list[Ints] = []
        for device in devices[:-2]:
            groups.append(self._likely_group(self._kinds[device], rest))
            rest = np.setdiff1d(rest, groups[-1])
        groups += self._split(self._kinds[devices[-2]], self._kinds[devices[-1]], rest)
        worths = [self._worth(self._kinds[device], group) for device, group in zip(devices, groups, strict=True)]
        if sum(worths) >= sum(self._worths[device] for device in devices) - self._same:
            for device, group, worth in zip(devices, groups, worths, strict=True):
                self._groups[device], self._worths[device] = group, worth
            self._unmapped = np.setdiff1d(np.concatenate([self._unmapped, clients]), np.concatenate(groups))

    def _likely_group(self, kind: int, clients: Ints) -> Ints:
        """A group for the first of three devices: one of those that are worth most beyond their prices."""
        rows = self._some_rows(kind)
        best = self._pricing[kind].best(self._disturbed_profit(kind, clients, rows), clients, rows)
        if not len(best.value):
            return clients[:0]
        spread = 0.02 * self._fps[clients].sum()
        likely = (best.value + spread * self._random.gumbel(size=len(rows))).argmax()
        group: Ints = clients[best.members[likely]]
        return group

    def _disturbed_profit(self, kind: int, clients: Ints, rows: Ints) -> Floats:
        disturbance = DISTURBANCE * self._random.standard_normal(len(clients))
        return self._profit(kind, clients, rows, self._prices[clients] + disturbance)

    def _split(self, kind: int, other: int, clients: Ints) -> tuple[Ints, Ints]:
        """A group for a device of `kind` and one for a device of `other`, the best pair of those looked at."""
        rows = self._some_rows(kind)
        profit = self._disturbed_profit(kind, clients, rows)
        if len(self._unmapped) and self._random.random() < 0.5:
            profit += self._mapped
        members = self._pricing[kind].best(profit, clients, rows).members
        if not len(members):
            return clients[:0], self._servable(other, clients)
        both = self._worths_of(kind, clients, members) + np.maximum(self._worths_of(other, clients, ~members), 0.0)
        best = members[both.argmax()]
        return clients[best], self._servable(other, clients[~best])

    def _worth(self, kind: int, members: Ints) -> float:
        return float(self._worths_of(kind, members, np.ones((1, len(members)), dtype=np.bool_))[0])

    def _worths_of(self, kind: int, clients: Ints, members: Bools) -> Floats:
        """(c,) what a device of `kind` makes of each set of `clients`: clients first, then rate x accuracy.

        `members` (c, len(clients)). Minus infinity for a set that no variant serves.
        """
        rates = members @ self._fps[clients]
        limits = np.where(members[:, :, None], self._limits[kind][clients], np.inf).min(axis=1, initial=np.inf)
        accuracy = np.where(rates[:, None] < limits, self._accuracy, -np.inf).max(axis=1)
        return np.where(rates > 0.0, members.sum(axis=1) * self._mapped + rates * accuracy, 0.0)


def _rate_limits(problem: Problem, clients: Sequence[int], table: Capacities) -> Floats:
    """(n, m) the throughput of each variant at the largest batch that each client's budget allows.

    A variant serves a group when the sum of its rates is below the least of these.
    """
    return np.array(
        [
            [
                capacity.rate_within(seconds)
                for capacity, seconds in zip(table, problem.clients[client].budget_s, strict=True)
            ]
            for client in clients
        ]
    )
