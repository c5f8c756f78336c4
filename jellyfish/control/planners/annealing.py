"""The published planner: simulated annealing over variants, around a knapsack that maps clients to them.

Source: Jellyfish (RTSS 2022), client mapping and DNN selection. The paper's devices are all alike; where they are not,
a state names each group's *kind* of device (equal latency tables), it is mapped with its kind's table, and results are
cached by the multiset of (kind, variant).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import NamedTuple

from jellyfish.control.capacity import complete_plan, device_capacities, idle_plan, kept_variant, mappable_clients
from jellyfish.control.favour import favoured
from jellyfish.control.importance import weights
from jellyfish.control.planners.layout import DeviceGroup, device_kinds, lay_out
from jellyfish.control.problem import Plan, Problem

START_TEMPERATURE = 0.0125
END_TEMPERATURE = 0.0005
COOLING = 0.99
KNAPSACK_STATES = 200
"""Sums of rates that differ by less than this share of all rates are one state of the knapsack, which bounds it."""

State = tuple[tuple[int, int], ...]
"""Per group its (kind, step on the ladder of variants)."""


class Mapping:
    """The clients of each group of a state, and what that is worth: what the mapped ones count, and their accuracy."""

    def __init__(self, groups: list[DeviceGroup], mapped: float, accuracy: float) -> None:
        self.groups = groups
        self.mapped = mapped
        self.accuracy = accuracy


class _Reached(NamedTuple):
    """Some clients of a knapsack."""

    fps: float
    stake: float
    """Sum of rates x weights."""
    members: tuple[int, ...]

    def with_client(self, client: int, fps: float, stake: float) -> _Reached:
        """And one more."""
        return _Reached(self.fps + fps, self.stake + stake, (*self.members, client))

    def counts_more_than(self, other: _Reached) -> bool:
        """For its rate."""
        return self.stake * other.fps > other.stake * self.fps


class AnnealingPlanner:
    """First degrades until every client is mapped, then upgrades while they stay mapped. Seeded, so repeatable."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """A feasible plan, often but not always the best."""
        if not problem.clients or not problem.devices:
            return idle_plan(problem, running)
        kept = [kept_variant(problem, running, device) for device in range(len(problem.devices))]
        search = _Annealing(problem, kept, self._random)
        best = search.upgrade(search.degrade(search.start))
        laid = lay_out(search.mapping(best).groups, search.kinds, kept)
        return favoured(problem, complete_plan(problem, running, laid))


class _Annealing:
    """One window's search. The ladder holds the variants from the least to the most accurate."""

    def __init__(self, problem: Problem, kept: list[int | None], chance: random.Random) -> None:
        self._problem = problem
        self._tables = device_capacities(problem.devices)
        self.kinds = device_kinds(self._tables)
        self._table_of_kind = dict(zip(self.kinds, self._tables, strict=True))
        self._mappable = mappable_clients(problem, self._tables)
        self._asked = sum(problem.clients[client].fps for client in self._mappable) or 1.0
        self._weight = weights(problem.clients)
        self._stake = [demand.fps * weight for demand, weight in zip(problem.clients, self._weight, strict=True)]
        self._staked = sum(self._stake[client] for client in self._mappable) or 1.0
        self._most = sum(self._weight[client] for client in self._mappable)
        self._ladder = sorted(range(len(problem.variants)), key=lambda m: (problem.accuracy[m], problem.variants[m]))
        self._by_budget = [
            sorted(self._mappable, key=lambda i: -problem.clients[i].budget_s[variant])
            for variant in range(len(problem.variants))
        ]
        self._random = chance
        self._known: dict[State, Mapping] = {}
        top = len(self._ladder) - 1
        self.start: State = tuple(
            (kind, top if variant is None else self._ladder.index(variant))
            for kind, variant in zip(self.kinds, kept, strict=True)
        )
        """The variants in force; the most accurate ones where there are none."""

    def degrade(self, state: State) -> State:
        """Steps down, or stays, until all are mapped; the best state on the way."""
        best, temperature = state, START_TEMPERATURE
        while self.mapping(best).mapped < self._most and temperature > END_TEMPERATURE:
            nearby = self._neighbour(state, (-1, 0))
            gain = (self.mapping(nearby).mapped - self.mapping(state).mapped) / self._most
            if self._accepts(gain, temperature):
                state = nearby
            if self._rank(state) > self._rank(best):
                best = state
            temperature *= COOLING
        return best

    def upgrade(self, state: State) -> State:
        """Steps either way while as many stay mapped, towards accuracy; the best state on the way."""
        best, temperature = state, START_TEMPERATURE
        while temperature > END_TEMPERATURE:
            nearby = self._neighbour(state, (-1, 0, 1))
            gain = self.mapping(nearby).accuracy - self.mapping(state).accuracy
            if self.mapping(nearby).mapped >= self.mapping(best).mapped and self._accepts(gain, temperature):
                state = nearby
            if self._rank(state) > self._rank(best):
                best = state
            temperature *= COOLING
        return best

    def mapping(self, state: State) -> Mapping:
        """Clients for each group of `state`, from the most to the least accurate variant; cached by multiset."""
        key = tuple(sorted(state, key=lambda group: (-group[1], group[0])))
        if key not in self._known:
            self._known[key] = self._map(key)
        return self._known[key]

    def _map(self, key: State) -> Mapping:
        left, groups, earned = set(self._mappable), [], 0.0
        for kind, step in key:
            variant = self._ladder[step]
            members = self._knapsack(kind, variant, left)
            left.difference_update(members)
            if members:
                groups.append(DeviceGroup(kind, variant, members))
            earned += self._problem.accuracy[variant] * sum(self._stake[member] for member in members)
        return Mapping(groups, self._most - sum(self._weight[client] for client in left), earned / self._staked)

    def _knapsack(self, kind: int, variant: int, left: set[int]) -> tuple[int, ...]:
        """The clients of `left` with the highest sum of rates x weights that one device can serve.

        Clients come in falling order of budget, so each one is the tightest of any set it completes: it sets the batch,
        and with it the capacity that the set's sum of rates must stay below.
        """
        capacity = self._table_of_kind[kind][variant]
        reachable: dict[int, _Reached] = {0: _Reached(0.0, 0.0, ())}
        best = reachable[0]
        for client in self._by_budget[variant]:
            if client not in left:
                continue
            demand = self._problem.clients[client]
            limit_fps = capacity.rate_within(demand.budget_s[variant])
            if limit_fps <= 0.0:
                break
            for known in list(reachable.values()):
                grown = known.with_client(client, demand.fps, self._stake[client])
                if grown.fps < limit_fps:
                    state = round(grown.fps / self._asked * KNAPSACK_STATES)
                    if grown.counts_more_than(reachable.setdefault(state, grown)):
                        reachable[state] = grown
                    best = max(best, grown, key=lambda each: each.stake)
        return best.members

    def _neighbour(self, state: State, moves: tuple[int, ...]) -> State:
        top = len(self._ladder) - 1
        return tuple((kind, min(top, max(0, step + self._random.choice(moves)))) for kind, step in state)

    def _accepts(self, gain: float, temperature: float) -> bool:
        return gain >= 0.0 or self._random.random() < math.exp(gain / temperature)

    def _rank(self, state: State) -> tuple[float, float, int]:
        """Mapped, accuracy, and groups that need no change, in this order."""
        mapping = self.mapping(state)
        unchanged = sum((Counter(state) & Counter(self.start)).values())
        return mapping.mapped, round(mapping.accuracy, 9), unchanged
