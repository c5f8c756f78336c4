"""Patterns: how many clients of each rate a device can serve together. Pure.

A configuration is a kind of device running a variant in batches of one size. Clients of equal rate form a class; a
pattern says how many clients of each class a device serves in a configuration. Only maximal patterns that the batch
size can carry are made, so that capacity needs no constraint and no tolerance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jellyfish.control.planners.client_types import ClientTypes
from jellyfish.control.planners.pricing import dominated
from jellyfish.control.planners.task import Bools, Ints, PlanningTask

MAX_COUNTS = 2_000
"""Ways to count clients of each class that enumerating patterns may visit, for one batch size."""


class Configuration(NamedTuple):
    """One kind of device running a variant at one of its useful batch sizes (index)."""

    kind: int
    variant: int
    choice: int


class Pattern(NamedTuple):
    """The places that a device in a configuration (index) has, per rate class."""

    configuration: int
    places: tuple[int, ...]


class Patterns:
    """All patterns of a task: `configurations`; `types` of clients, the rate class of each client (`class_of`, (n,));
    `allowed` (c, t): whether a configuration can serve clients of a type.
    """

    def __init__(self, task: PlanningTask, most: int) -> None:
        """`most`: with more patterns than these, enumeration ends and `too_large` is set."""
        self.task = task
        self._most = most
        self.rates = sorted(set(task.fps.tolist()), reverse=True)
        self.class_of = np.array([self.rates.index(fps) for fps in task.fps.tolist()])
        self.too_large = False
        """Whether there are more patterns than are worth trying; `patterns` is then not complete."""
        self.patterns: list[Pattern] = []
        self.configurations, allowed = _configurations(task)
        self.types = ClientTypes(task.fps, task.weight, allowed)
        self.allowed = allowed[:, self.types.first]
        for index in range(len(self.configurations)):
            if not self.too_large:
                self._add(index, self.class_of[allowed[index]])

    def accuracy(self, configuration: int) -> float:
        """Of its variant."""
        return self.task.problem.accuracy[self.configurations[configuration].variant]

    def _add(self, index: int, classes: Ints) -> None:
        kind, variant, choice = self.configurations[index]
        capacity = self.task.tables[kind][variant]
        available = np.bincount(classes, minlength=len(self.rates)).tolist()
        limit_fps = capacity.rate_fps[choice]
        counts = [min(count, int(limit_fps / rate)) for rate, count in zip(self.rates, available, strict=True)]
        self.too_large = math.prod(count + 1 for count in counts[:-1]) > MAX_COUNTS
        if self.too_large:
            return
        before = self.configurations[index - 1] if index else None
        smaller_fps = capacity.rate_fps[before.choice] if before and before[:2] == (kind, variant) else 0.0
        for places in maximal_patterns(self.rates, available, limit_fps):
            if sum(rate * count for rate, count in zip(self.rates, places, strict=True)) >= smaller_fps:
                self.patterns.append(Pattern(index, places))
        self.too_large = len(self.patterns) > self._most


def _configurations(task: PlanningTask) -> tuple[list[Configuration], Bools]:
    """Those that serve any client and are not dominated; and (c, n) the clients whose budgets allow them."""
    found: list[Configuration] = []
    allowed: list[Bools] = []
    for kind, table in enumerate(task.tables):
        pairs = [(m, b) for m, capacity in enumerate(table) for b in range(len(capacity.batches))]
        variant = np.array([m for m, _ in pairs])
        rates = np.array([table[m].rate_fps[b] for m, b in pairs])
        fits = (task.budgets_s[:, variant] >= np.array([table[m].worst_s[b] for m, b in pairs])).T
        useful = np.flatnonzero(fits.any(axis=1) & (rates > task.fps.min()))
        useful = useful[~dominated(variant[useful], task.accuracy[variant[useful]], rates[useful], fits[useful])]
        found += [Configuration(kind, *pairs[index]) for index in useful.tolist()]
        allowed.append(fits[useful])
    return found, np.concatenate(allowed)


def maximal_patterns(rates: Sequence[float], available: Sequence[int], limit_fps: float) -> Iterator[tuple[int, ...]]:
    """Counts per class, at most `available`, of total rate below `limit_fps`, to which no client can be added."""

    def extend(counts: tuple[int, ...], total: float) -> Iterator[tuple[int, ...]]:
        position = len(counts)
        if position == len(rates):
            addable = (rate for rate, count, most in zip(rates, counts, available, strict=True) if count < most)
            if any(counts) and all(total + rate >= limit_fps for rate in addable):
                yield counts
            return
        fitting = [count for count in range(available[position] + 1) if total + count * rates[position] < limit_fps]
        for count in fitting if position < len(rates) - 1 else fitting[-1:]:
            yield from extend((*counts, count), total + count * rates[position])

    yield from extend((), 0.0)
