"""Time-sharing: a device runs several variants in turn, so that each client can have its own. Pure.

A device repeats a cycle. In each it runs, for every variant in use, one batch of the frames that have come since that
variant's last batch. A frame may just miss its batch; it waits one cycle and then runs (`jellyfish.control.capacity`).

The search begins with the better of two plans: the best one with a single variant per device, and the running one as
far as it still fits. Then one client after the other gets a better variant where it fits, until none does; after that
a few clients at a time lose their places and get new ones, in another order, which is kept if it is no worse. Where
clients are many, the running plan fits and leaves nobody out, three of four searches begin with it at once.

Where sharing gains next to nothing (`jellyfish.control.capacity.worth`) the answer is the plan that it began with: it
has never fewer clients, nor less accuracy, than that, each by what clients count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from jellyfish.control.capacity import device_capacities, mappable_clients, violations, worth
from jellyfish.control.favour import favoured
from jellyfish.control.importance import weights
from jellyfish.control.planners.best import ALL_SETS_LIMIT, BestPlanner
from jellyfish.control.planners.cycles import SAME, Cycles
from jellyfish.control.planners.exchange import TIME_BUDGET_S
from jellyfish.control.problem import DevicePlan, Plan, Problem, Share

BASE_SHARE = 0.8
"""Of the time budget, for the plan with one variant per device that the search begins with. Where devices are nearly
full there is little to gain by sharing them, and all of it needs time."""
ANEW = 0.25
"""How often a plan with one variant per device is made although the running plan fits and leaves nobody out; where
clients are few, always, for that costs next to nothing."""
MOST_TAKEN = 5
"""Clients that lose their places together."""
NEIGHBOURS_ONLY = 0.5
"""How often they are all of one device."""
VAIN_ROUNDS = 12
"""The search ends after so many rounds, and one more for each client, that brought nothing."""
Place = tuple[int, int]
Score = tuple[float, float]
"""(what the mapped clients count, sum of rate x weight x accuracy)."""


class SharedPlanner:
    """Better than one variant per device wherever clients differ. With an infinite time budget it is repeatable."""

    def __init__(
        self, seed: int, clock: Callable[[], float] = time.monotonic, time_budget_s: float = TIME_BUDGET_S
    ) -> None:
        self._base = BestPlanner(seed, clock, BASE_SHARE * time_budget_s)
        self._random = np.random.default_rng(seed)
        self._clock, self._time_budget_s = clock, time_budget_s
        self.proved = False
        """Whether no plan can be better than the last one: all clients have the best that they could have alone."""
        self.bound = 0.0
        """No plan that maps as many clients is more accurate than this."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """A feasible plan."""
        ends_s = self._clock() + self._time_budget_s
        goes_on = len(problem.clients) > ALL_SETS_LIMIT and running is not None and self._goes_on(problem, running)
        base = running if goes_on and running is not None else self._base.plan(problem, running)
        search = _CycleSearch(problem, base, running, self._random)
        for _ in search.run():
            if self._clock() >= ends_s:
                break
        self.bound = search.bound
        found = search.plan(base)
        found = favoured(problem, max(base, found, key=partial(worth, problem)))
        self.proved = len(found.clients) == found.mappable and found.accuracy >= self.bound - SAME
        return found

    def _goes_on(self, problem: Problem, running: Plan) -> bool:
        """Whether all of the time goes into bettering `running`, and none into another plan to begin with."""
        if self._random.random() < ANEW or violations(problem, running):
            return False
        return len(running.clients) == len(mappable_clients(problem, device_capacities(problem.devices)))


class _CycleSearch:
    def __init__(self, problem: Problem, base: Plan, running: Plan | None, chance: np.random.Generator) -> None:
        self._problem, self._random = problem, chance
        self._cycles = Cycles(problem)
        self._accuracy = np.array(problem.accuracy)
        self._weight = weights(problem.clients)
        self._alone = self._cycles.alone()
        mappable = mappable_clients(problem, device_capacities(problem.devices))
        self._mappable = [client for client in mappable if self._alone[client].any()]
        self._asked_fps = sum(problem.clients[client].fps for client in mappable)
        self._most: list[float] = np.where(self._alone, self._accuracy, 0.0).max(axis=1, initial=0.0).tolist()
        self._restore(self._places(running))
        self._best, kept = dict(self._cycles.place), self._score()
        self._restore(self._places(base))
        if self._score() > (kept[0], kept[1] + SAME):
            self._best = dict(self._cycles.place)
        else:
            self._restore(self._best)

    @property
    def bound(self) -> float:
        """Accuracy if each client had what it could have without the others."""
        most = sum(self._problem.clients[client].fps * self._most[client] for client in self._mappable)
        return most / self._asked_fps if self._asked_fps else 0.0

    def run(self) -> Iterator[None]:
        """Better places, until no more come of it; yields after each step."""
        yield from self._pass()
        best, vain = self._keep(), 0
        while vain < VAIN_ROUNDS + len(self._mappable) and (wanting := self._wanting()):
            before, places = self._score(), dict(self._cycles.place)
            self._exchange(int(self._random.choice(wanting)))
            score = self._score()
            if score < (before[0], before[1] - SAME):
                self._restore(places)
            vain += 1
            if score > (best[0], best[1] + SAME):
                best, vain = self._keep(), 0
            yield
        self._restore(self._best)

    def _pass(self) -> Iterator[None]:
        """Each client in turn, until a whole round brings nothing."""
        improved = True
        while improved:
            improved = False
            for client in self._those_that_count_most_first(self._random.permutation(self._mappable).tolist()):
                improved |= self._improve(client)
                yield

    def _those_that_count_most_first(self, clients: Iterable[int]) -> list[int]:
        return sorted(clients, key=lambda client: -self._weight[client])

    def _wanting(self) -> list[int]:
        """Clients that could have more accuracy if they were alone."""
        place, most, accuracy = self._cycles.place, self._most, self._problem.accuracy
        return [
            client
            for client in self._mappable
            if client not in place or most[client] > accuracy[place[client][1]] + SAME
        ]

    def _exchange(self, first: int) -> None:
        """`first`, which wants a better place, and some others, mostly of its device, are placed anew."""
        others = [client for client in self._cycles.place if client != first]
        if first in self._cycles.place and self._random.random() < NEIGHBOURS_ONLY:
            device, _ = self._cycles.place[first]
            others = [client for clients in self._cycles.members[device].values() for client in clients - {first}]
        count = min(int(self._random.integers(1, MOST_TAKEN)), len(others))
        chosen = [first, *self._random.choice(sorted(others), count, replace=False).tolist()] if others else [first]
        for client in chosen:
            self._cycles.take(client)
        for client in (*chosen, *self._random.permutation(chosen).tolist()):
            self._improve(client)

    def _improve(self, client: int) -> bool:
        """Put `client` where it gets the most accurate variant that fits, for the least time; whether it is better."""
        place = self._cycles.place.get(client)
        least = -1.0 if place is None else self._accuracy[place[1]]
        wanted = self._alone[client] & (self._accuracy > least + SAME)
        if not wanted.any():
            return False
        self._cycles.take(client)
        devices, variants, longer_s = self._cycles.options(client, wanted)
        if len(devices):
            best = np.lexsort((longer_s, -self._accuracy[variants]))[0]
            self._cycles.put(client, int(devices[best]), int(variants[best]))
            return True
        if place is not None:
            self._cycles.put(client, *place)
        return False

    def _score(self) -> Score:
        placed, clients, accuracy = self._cycles.place, self._problem.clients, self._problem.accuracy
        weight = self._weight
        earned = sum(clients[c].fps * weight[c] * accuracy[v] for c, (_, v) in placed.items())
        return sum(weight[client] for client in placed), earned

    def _keep(self) -> Score:
        self._best = dict(self._cycles.place)
        return self._score()

    def _places(self, plan: Plan | None) -> dict[int, Place]:
        if plan is None:
            return {}
        devices = {option.device: index for index, option in enumerate(self._problem.devices)}
        variants = {variant: index for index, variant in enumerate(self._problem.variants)}
        places = {}
        for index, client in enumerate(self._problem.clients):
            device, variant = plan.clients.get(client.client), plan.variant_of(client.client)
            if device in devices and variant in variants:
                places[index] = devices[device], variants[variant]
        return places

    def _restore(self, places: dict[int, Place]) -> None:
        """Put everybody where `places` says, as far as that fits."""
        current = self._cycles.place
        for client in [client for client, place in current.items() if places.get(client) != place]:
            self._cycles.take(client)
        for client in self._those_that_count_most_first(places):
            if client not in self._cycles.place:
                self._cycles.put(client, *places[client])

    def plan(self, base: Plan) -> Plan:
        """The plan found; devices without clients stay as in `base`."""
        problem, cycles = self._problem, self._cycles
        devices = {}
        for index, option in enumerate(problem.devices):
            cycle_s, batches = cycles.grown(index)
            shares = [Share(problem.variants[variant], batch) for variant, batch in sorted(batches.items())]
            first, *others = shares or [Share(base.devices[option.device].variant, 1)]
            devices[option.device] = DevicePlan(first.variant, first.batch, tuple(others), cycle_s if shares else None)
        placed = {problem.clients[client].client: place for client, place in sorted(cycles.place.items())}
        earned = sum(problem.clients[c].fps * problem.accuracy[v] for c, (_, v) in cycles.place.items())
        mappable = mappable_clients(problem, device_capacities(problem.devices))
        return Plan(
            devices,
            {client: problem.devices[device].device for client, (device, _) in placed.items()},
            len(mappable),
            earned / self._asked_fps if self._asked_fps else 0.0,
            {client: problem.variants[variant] for client, (_, variant) in placed.items()},
        )
