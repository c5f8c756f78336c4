"""One planning problem as every planner sees it: devices sorted into kinds, clients that can be served at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jellyfish.control.capacity import (
    Capacities,
    complete_plan,
    device_capacities,
    kept_variant,
    mappable_clients,
)
from jellyfish.control.importance import weights
from jellyfish.control.planners.layout import DeviceGroup, device_kinds, lay_out
from jellyfish.control.problem import Plan, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SAME = 1e-9
"""Sums of rate x weight x accuracy this close, as a share of the best there could be, count as equal."""


@dataclass(frozen=True)
class PlanningTask:
    """`problem` with `running` in force. Planners number clients by their place in `clients`."""

    problem: Problem
    running: Plan | None
    kinds: list[int]
    """Per device; devices of one kind have equal latency tables."""
    tables: list[Capacities]
    """Per kind."""
    kept: list[int | None]
    """Per device the variant it runs now."""
    clients: list[int]
    """Indices of the clients that some device could serve."""

    @staticmethod
    def of(problem: Problem, running: Plan | None) -> PlanningTask:
        """The task of planning `problem` anew."""
        per_device = device_capacities(problem.devices)
        kinds = device_kinds(per_device)
        return PlanningTask(
            problem,
            running,
            kinds,
            list(dict(zip(kinds, per_device, strict=True)).values()),
            [kept_variant(problem, running, device) for device in range(len(kinds))],
            mappable_clients(problem, per_device),
        )

    @cached_property
    def devices(self) -> list[int]:
        """Per kind, how many there are."""
        return [self.kinds.count(kind) for kind in range(len(self.tables))]

    @cached_property
    def fps(self) -> Floats:
        """(n,) rates of the clients."""
        return np.array([self.problem.clients[client].fps for client in self.clients])

    @cached_property
    def weight(self) -> Floats:
        """(n,) what each client counts, whole numbers."""
        return np.array(weights(self.problem.clients[client] for client in self.clients))

    @cached_property
    def stake(self) -> Floats:
        """(n,) rate x weight: what each client's accuracy is worth."""
        return self.fps * self.weight

    @cached_property
    def budgets_s(self) -> Floats:
        """(n, m) budgets of the clients, per variant."""
        return np.array([self.problem.clients[client].budget_s for client in self.clients])

    @cached_property
    def accuracy(self) -> Floats:
        """(m,) of the variants."""
        return np.array(self.problem.accuracy)

    @property
    def mapping(self) -> float:
        """Worth of a place for a client of weight 1: more than all accuracy there is, so that places come first."""
        return 1.0 + float(self.stake.sum())

    @property
    def same(self) -> float:
        """Worths this close are equal."""
        return SAME * float(self.stake.sum())

    def groups_of(self, plan: Plan) -> list[DeviceGroup]:
        """`plan`, which is feasible, as groups of the problem's clients."""
        variants = [plan.devices[option.device].variant for option in self.problem.devices]
        return [
            DeviceGroup(
                kind, self.problem.variants.index(variant), tuple(self.clients[member] for member in members.tolist())
            )
            for kind, variant, members in zip(self.kinds, variants, self.places(plan), strict=True)
            if len(members)
        ]

    def plan(self, groups: Iterable[DeviceGroup]) -> Plan:
        """`groups` (of the problem's clients) as a plan, with as few changes of variant as they allow."""
        return complete_plan(self.problem, self.running, lay_out(groups, self.kinds, self.kept))

    def places(self, plan: Plan | None) -> list[Ints]:
        """Per device of the problem, which of `clients` `plan` puts there."""
        numbers: dict[str, list[int]] = {option.device: [] for option in self.problem.devices}
        for number, client in enumerate(self.clients):
            device = plan.clients.get(self.problem.clients[client].client) if plan else None
            if device in numbers:
                numbers[device].append(number)
        return [np.array(members, dtype=np.int64) for members in numbers.values()]

    def plan_at(self, serving: Mapping[int, tuple[int, Sequence[int]]]) -> Plan:
        """Device -> (variant, the problem's clients) as a plan."""
        return complete_plan(self.problem, self.running, serving)
