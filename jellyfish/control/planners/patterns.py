"""Planning for many clients as an integer programme over patterns of frame rates, solved by HiGHS.

Clients of equal rate form a class. A pattern says how many clients of each class a device serves with a variant. Only
maximal patterns that a batch size can carry are made, so capacity needs no constraint and no tolerance. Which client
takes which place is then a transportation problem, whole by itself once the patterns are, so only these are integers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from jellyfish.control.capacity import Capacities
from jellyfish.control.planners.layout import Group
from jellyfish.control.problem import Problem

MAX_PATTERNS = 2_500
"""With more, HiGHS proves nothing in the time there is."""
MAX_COUNTS = 2_000
"""Ways to count clients of each class that enumerating patterns may visit, for one batch size."""
SCALE = 100.0
"""HiGHS stops at an absolute gap of 1e-6 of the objective, so accuracy is exact to 1e-8."""
UNCHANGED_BONUS = 1e-6
"""Per device that keeps its variant: breaks ties of accuracy only."""


class Column(NamedTuple):
    """A pattern: one kind of device running a variant at one of its useful batch sizes (index)."""

    kind: int
    variant: int
    choice: int
    places: tuple[int, ...]
    """Clients it has room for, per rate class."""


class Place(NamedTuple):
    """One client served by one kind of device with a variant at a batch size."""

    client: int
    kind: int
    variant: int
    choice: int


class Answer(NamedTuple):
    """What the programme found."""

    groups: list[Group]
    proved: bool
    """Whether it is the optimum; else the best found in time."""


class PatternProgram:
    """The programme for one problem. `kinds`, `kept`: per device its kind and the variant it runs."""

    def __init__(
        self,
        problem: Problem,
        tables: Sequence[Capacities],
        kinds: Sequence[int],
        kept: Sequence[int | None],
        clients: Sequence[int],
        most_patterns: int = MAX_PATTERNS,
    ) -> None:
        self._problem = problem
        self._tables = dict(zip(kinds, tables, strict=True))
        self._kinds = kinds
        self._kept = kept
        self._rates = sorted({problem.clients[client].fps for client in clients}, reverse=True)
        self._class_of = {client: self._rates.index(problem.clients[client].fps) for client in clients}
        self._asked = sum(problem.clients[client].fps for client in clients)
        sizes = Counter(self._class_of.values()).values()
        self.too_large = math.prod(size + 1 for size in sizes) / (max(sizes) + 1) > MAX_COUNTS
        """Whether there are more patterns than are worth trying; the programme is then not complete."""
        self.columns: list[Column] = []
        self._places: list[Place] = []
        for kind, table in self._tables.items():
            for variant, capacity in enumerate(table):
                for choice in range(len(capacity.batches)):
                    if not self.too_large:
                        self._add(kind, variant, choice)
                        self.too_large = len(self.columns) > most_patterns

    @property
    def size(self) -> int:
        """Its variables."""
        return len(self.columns) + len(self._places)

    def _add(self, kind: int, variant: int, choice: int) -> None:
        capacity = self._tables[kind][variant]
        allowed = [
            client
            for client in self._class_of
            if self._problem.clients[client].budget_s[variant] >= capacity.worst_s[choice]
        ]
        available = [0] * len(self._rates)
        for client in allowed:
            available[self._class_of[client]] += 1
        smaller = capacity.rate_fps[choice - 1] if choice else 0.0
        before = len(self.columns)
        for places in maximal_patterns(self._rates, available, capacity.rate_fps[choice]):
            if sum(rate * count for rate, count in zip(self._rates, places, strict=True)) >= smaller:
                self.columns.append(Column(kind, variant, choice, places))
        if len(self.columns) > before:
            self._places += [Place(client, kind, variant, choice) for client in allowed]

    def solve(self, time_limit_s: float) -> Answer | None:
        """The best groups found within the limit; None when none was."""
        patterns, places = len(self.columns), len(self._places)
        keeps = sorted(
            {(kind, variant) for kind, variant in zip(self._kinds, self._kept, strict=True) if variant is not None}
        )
        kept_devices = [list(zip(self._kinds, self._kept, strict=True)).count(keep) for keep in keeps]
        worth = [
            1.0 + self._problem.clients[place.client].fps * self._problem.accuracy[place.variant] / self._asked
            for place in self._places
        ]
        objective = -SCALE * np.array([*([0.0] * patterns), *worth, *([UNCHANGED_BONUS] * len(keeps))])
        upper = np.array(
            [*(float(self._kinds.count(column.kind)) for column in self.columns), *([1.0] * places), *kept_devices]
        )
        result = milp(
            objective,
            integrality=np.array([1] * patterns + [0] * (places + len(keeps))),
            bounds=Bounds(np.zeros(len(upper)), upper),
            constraints=self._constraints(keeps),
            options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
        )
        if result.x is None:
            return None
        return Answer(self._groups(result.x), proved=result.status == 0)

    def _constraints(self, keeps: Sequence[tuple[int, int]]) -> LinearConstraint:
        """Rows `<=`: devices of a kind, each client once, places of a class, variants that are kept."""
        rows: dict[object, int] = {}
        entries: list[tuple[int, int, float]] = []
        limits: list[float] = []

        def put(row: object, column: int, value: float, limit: float) -> None:
            if row not in rows:
                rows[row] = len(limits)
                limits.append(limit)
            entries.append((rows[row], column, value))

        for index, column in enumerate(self.columns):
            put(("devices", column.kind), index, 1.0, float(self._kinds.count(column.kind)))
            for rate_class, count in enumerate(column.places):
                if count:
                    put((column[:3], rate_class), index, -float(count), 0.0)
            if (column.kind, column.variant) in keeps:
                put(("keeps", column.kind, column.variant), index, -1.0, 0.0)
        for index, place in enumerate(self._places, start=len(self.columns)):
            put(("client", place.client), index, 1.0, 1.0)
            put((place[1:], self._class_of[place.client]), index, 1.0, 0.0)
        for index, (kind, variant) in enumerate(keeps, start=len(self.columns) + len(self._places)):
            put(("keeps", kind, variant), index, 1.0, 0.0)
        row, column_index, value = zip(*entries, strict=True)
        shape = (len(limits), len(self.columns) + len(self._places) + len(keeps))
        matrix = coo_array((np.array(value), (np.array(row), np.array(column_index))), shape=shape)
        return LinearConstraint(matrix.tocsc(), -np.inf, np.array(limits))

    def _groups(self, solution: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[Group]:
        """The chosen patterns, each filled with the clients that the solution gives to its batch size."""
        waiting: dict[tuple[tuple[int, ...], int], list[int]] = {}
        shares = solution[len(self.columns) :]
        for place, share in zip(self._places, shares, strict=False):
            if share > 0.5:
                waiting.setdefault((place[1:], self._class_of[place.client]), []).append(place.client)
        groups = []
        for column, times in zip(self.columns, solution, strict=False):
            for _ in range(round(times)):
                members: list[int] = []
                for rate_class, count in enumerate(column.places):
                    queue = waiting.get((column[:3], rate_class), [])
                    members += queue[:count]
                    del queue[:count]
                groups.append(Group(column.kind, column.variant, tuple(members)))
        return [group for group in groups if group.members]


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
