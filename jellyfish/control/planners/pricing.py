"""The best group of clients for one device at given prices of clients, for every variant and batch size at once. Pure.

A knapsack each: weights are frame rates, the capacity is the throughput at that batch size, the value of a client is
what it earns less its price. Clients of equal rate form a class, of which the best come first, so the dynamic
programme goes over classes and counts, not over clients; numpy runs it for all variants and batch sizes together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from jellyfish.control.planners.task import Bools, Floats, Ints, PlanningTask

FINEST_FPS = 0.01
"""Finest common unit of rates that is looked for."""
MAX_STEPS = 64
"""Most steps for the lowest rate."""


def rate_steps(fps: Floats, up: bool = True) -> tuple[Ints, float]:
    """(steps per client, frames per second in a step): rates counted in their common unit.

    Where there is none, or it is too fine, the steps are coarser and rates are rounded up, so that what fits in steps
    fits in truth; or down, so that what fits in truth fits in steps.
    """
    hundredths = np.round(fps / FINEST_FPS).astype(np.int64)
    unit = math.gcd(*hundredths.tolist()) * FINEST_FPS
    coarse = float(fps.min()) / MAX_STEPS
    if unit <= coarse or not np.allclose(hundredths * FINEST_FPS, fps, rtol=0.0, atol=1e-9):
        unit = coarse
    steps = np.ceil(fps / unit - 1e-6) if up else np.floor(fps / unit + 1e-6)
    return steps.astype(np.int64), unit


def dominated(variant: Ints, accuracy: Floats, room: Ints | Floats, eligible: Bools) -> Bools:
    """(c,) whether another configuration has as much room and allows the same clients or more, with the same variant
    or a more accurate one. Of equals the last stays.
    """
    allowed = eligible.astype(np.float32)
    allows = allowed @ (1.0 - allowed).T == 0.0
    as_good = allows & (room >= room[:, None]) & ((variant == variant[:, None]) | (accuracy > accuracy[:, None]))
    later = np.arange(len(variant)) > np.arange(len(variant))[:, None]
    found: Bools = (as_good & (~as_good.T | later)).any(axis=1)
    return found


class PricedGroups(NamedTuple):
    """Sets of clients, one per row."""

    value: Floats
    """(c,) what each earns less its price."""
    members: Bools
    """(c, n) its clients."""


class Pricing:
    """One kind of device. Configurations are the pairs of variant and useful batch size that serve any client, less
    those that another one matches or betters in all respects.

    Per configuration (c,): `variant` is its variant, `accuracy` what that has, `steps` the most steps of rate that it
    serves, and `rows` counts them: 0, 1, ... `eligible` (c, n): whose budgets allow it. `weights` (n,): steps
    of each client.
    """

    def __init__(self, task: PlanningTask, kind: int, up: bool = True) -> None:
        """`up`: see `rate_steps`."""
        table = task.tables[kind]
        pairs = [(m, b) for m, capacity in enumerate(table) for b in range(len(capacity.batches))]
        self.weights, unit = rate_steps(task.fps, up)
        variant = np.array([m for m, _ in pairs])
        worst_s = np.array([table[m].worst_s[b] for m, b in pairs])
        eligible = (task.budgets_s[:, variant] >= worst_s).T
        limits = np.array([min(table[m].rate_fps[b], float(task.fps.sum()) + 2.0 * unit) for m, b in pairs])
        steps = np.ceil(limits / unit - 1e-9).astype(np.int64) - 1
        useful = eligible.any(axis=1) & (steps >= self.weights.min())
        useful &= ~dominated(variant, task.accuracy[variant], steps, eligible)
        self.variant, self.steps = variant[useful], steps[useful]
        self.eligible = np.ascontiguousarray(eligible[useful])
        self.accuracy = task.accuracy[self.variant]
        self.rows = np.arange(len(self.variant))

    def best(self, profit: Floats, clients: Ints, rows: Ints, most_steps: int | None = None) -> PricedGroups:
        """For each of the configurations `rows` (r,) the group out of `clients` with the highest sum of `profit`.

        `profit` is (r, len(clients)); clients are numbered by their place in `clients`. With `most_steps` no group's
        rate is more, which saves work.
        """
        weights = self.weights[clients]
        steps = self.steps[rows]
        eligible = self.eligible[rows[:, None], clients] & (profit > 0.0)
        width = min(int(steps.max(initial=0)), int(weights.sum()), most_steps or int(weights.sum())) + 1
        value = np.zeros((len(rows), width))
        stages = []
        for weight in np.unique(weights)[::-1].tolist():
            same = np.flatnonzero(weights == weight)
            stage = _Stage(weight, same, profit[:, same], eligible[:, same], width)
            value = stage.add_to(value)
            stages.append(stage)
        value[np.arange(width) > steps[:, None]] = -np.inf
        at = value.argmax(axis=1)
        best = value[np.arange(len(at)), at]
        members = np.zeros(eligible.shape, dtype=np.bool_)
        for stage in reversed(stages):
            at = stage.put_members(members, at)
        return PricedGroups(best, members)


class _Stage:
    """One class of clients: `same` of equal `weight`, taken in falling order of profit."""

    def __init__(self, weight: int, same: Ints, profit: Floats, eligible: Bools, width: int) -> None:
        self._weight, self._same = weight, same
        ranked = np.where(eligible, profit, -np.inf)
        self._order = np.argsort(-ranked, axis=1, kind="stable")
        ordered = np.take_along_axis(ranked, self._order, axis=1)
        most = min(int(eligible.sum(axis=1).max(initial=0)), (width - 1) // weight)
        self._worth = np.cumsum(ordered[:, :most], axis=1)

    def add_to(self, value: Floats) -> Floats:
        """`value` (c, steps used) with the best number of this class added; remembers that number."""
        better = value.copy()
        self._counts = np.zeros(value.shape, dtype=np.int16)
        for count in range(1, self._worth.shape[1] + 1):
            shift = count * self._weight
            grown = value[:, :-shift] + self._worth[:, count - 1 : count]
            wins = grown > better[:, shift:]
            np.copyto(better[:, shift:], grown, where=wins)
            np.copyto(self._counts[:, shift:], count, where=wins, casting="unsafe")
        return better

    def put_members(self, members: Bools, at: Ints) -> Ints:
        """Mark the clients chosen where `at` (c,) steps are used; the steps left for the other classes."""
        counts = self._counts[np.arange(len(at)), at].astype(np.int64)
        chosen = np.arange(len(self._same)) < counts[:, None]
        marked = np.zeros(chosen.shape, dtype=np.bool_)
        np.put_along_axis(marked, self._order, chosen, axis=1)
        members[:, self._same] = marked
        return at - counts * self._weight
