"""In no plan has a client what a more important one could have in its place. Pure.

A search that ends before it has looked at all there is may leave that so. Where a more important client could stand in
for a less important one, and is worse off, the two change places: it may be no quicker, and needs as much time as there
is. So what runs on devices, and whether it fits, stays as it is. Where all are alike nothing changes.
"""

from __future__ import annotations

import msgspec
import numpy as np

from jellyfish.control.capacity import device_capacities, mappable_clients
from jellyfish.control.importance import differ, weights
from jellyfish.control.problem import Plan, Problem

SAME = 1e-9
NOWHERE = -1


def favoured(problem: Problem, plan: Plan) -> Plan:
    """`plan`, which is feasible and of the clients of `problem`, with the places of some changed."""
    if not differ(problem.clients):
        return plan
    places = _Occupied(problem, plan)
    return places.plan(plan) if places.settle() else plan


class _Occupied:
    """Who has which place, by index."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self._problem = problem
        self._names = [demand.client for demand in problem.clients]
        self._variants = problem.variants
        self._fps = np.array([demand.fps for demand in problem.clients])
        self._weight = np.array(weights(problem.clients))
        self._budget_s = np.array([demand.budget_s for demand in problem.clients])
        self._accuracy = np.array([*problem.accuracy, -1.0])
        numbers = {variant: number for number, variant in enumerate(problem.variants)}
        planned = [plan.variant_of(name) for name in self._names]
        self._variant = np.array([NOWHERE if variant is None else numbers[variant] for variant in planned])
        self._device = [plan.clients.get(name) for name in self._names]

    def settle(self) -> bool:
        """Change places until nobody gains by it any more; whether any were changed."""
        changed, any_change = True, False
        while changed:
            changed = False
            for client in np.argsort(-self._weight, kind="stable").tolist():
                other = self._would_take(client)
                if other is not None:
                    self._swap(client, other)
                    changed = any_change = True
        return any_change

    def _would_take(self, client: int) -> int | None:
        """The client whose place is best of those that `client` is to have instead; None: it is well where it is."""
        own, rows = self._variant[client], np.arange(len(self._variant))
        has = self._accuracy[self._variant]
        possible = (self._weight < self._weight[client]) & (has > has[client] + SAME)
        possible &= self._fps[client] <= self._fps
        possible &= self._budget_s[client][self._variant] >= self._budget_s[rows, self._variant]
        if own != NOWHERE:
            possible &= (self._fps <= self._fps[client]) & (self._budget_s[:, own] >= self._budget_s[client, own])
        if not possible.any():
            return None
        order = np.lexsort((self._weight, -has))
        return int(order[possible[order]][0])

    def _swap(self, one: int, other: int) -> None:
        self._variant[[one, other]] = self._variant[[other, one]]
        self._device[one], self._device[other] = self._device[other], self._device[one]

    def plan(self, plan: Plan) -> Plan:
        """`plan` with the places as they are now."""
        devices = zip(self._names, self._device, strict=True)
        clients = {name: device for name, device in devices if device is not None}
        own = dict(zip(self._names, self._variant.tolist(), strict=True))
        variants = {name: self._variants[own[name]] for name in clients} if plan.variants else {}
        mappable = mappable_clients(self._problem, device_capacities(self._problem.devices))
        earned = float((self._fps * np.maximum(self._accuracy[self._variant], 0.0)).sum())
        accuracy = earned / float(self._fps[mappable].sum())
        return msgspec.structs.replace(plan, clients=clients, variants=variants, accuracy=accuracy)
