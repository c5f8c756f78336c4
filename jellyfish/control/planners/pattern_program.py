"""Planning for many clients as an integer programme over patterns of frame rates. Pure.

Which client takes which place of a pattern is a transportation problem over types of clients, whole by itself once the
patterns are, so only these are integers. How many devices run each configuration is a variable of its own: the solver
can branch on it, which proves optima many times faster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from jellyfish.control.planners.integer import Effort, IntegerProgramme, solve_integer
from jellyfish.control.planners.layout import DeviceGroup
from jellyfish.control.planners.patterns import Patterns
from jellyfish.control.planners.task import Floats, PlanningTask

if TYPE_CHECKING:
    from scipy.sparse import csc_array

MAX_PATTERNS = 2_500
"""With more, HiGHS proves nothing in the time there is."""
SCALE = 100.0
"""HiGHS stops at an absolute gap of 1e-6 of the objective, so accuracy is exact to 1e-8."""
UNCHANGED_BONUS = 1e-6
"""For all devices together when each keeps its variant: breaks ties of accuracy only."""


class ProgrammeAnswer(NamedTuple):
    """What the programme found."""

    groups: list[DeviceGroup] | None
    proved: bool
    """Whether it is the optimum; else the best found in time."""
    bound: float
    """No plan's weight of mapped clients plus accuracy is more, but for rounding."""


class PatternProgram:
    """The programme for one task."""

    def __init__(self, task: PlanningTask, most_patterns: int = MAX_PATTERNS) -> None:
        self._task = task
        self._of = Patterns(task, most_patterns)
        self.too_large = self._of.too_large
        """Whether there are more patterns than `most_patterns`; the programme is then not complete."""
        self._places = np.argwhere(self._of.allowed)
        """(p, 2) pairs of configuration and type of client."""

    @property
    def size(self) -> int:
        """Its variables."""
        return len(self._of.patterns) + len(self._places) + len(self._of.configurations)

    def solve(self, effort: Effort, known: Sequence[DeviceGroup] | None = None) -> ProgrammeAnswer:
        """The best groups found, no worse than `known` ones where a start can be given."""
        programme = self._programme()
        start = None if known is None else self._amounts(known, len(programme.gains))
        answer = solve_integer(programme, effort, start)
        groups = None if answer.amounts is None else self._groups(answer.amounts)
        return ProgrammeAnswer(groups, answer.proved, answer.bound / SCALE)

    def _programme(self) -> IntegerProgramme:
        """Amounts: of each pattern; of each place; devices in each configuration; devices that keep their variant."""
        task, patterns, places = self._task, len(self._of.patterns), len(self._places)
        configurations = len(self._of.configurations)
        now = Counter(zip(task.kinds, task.kept, strict=True))
        keeps = [(kind, variant) for kind, variant in now if variant is not None]
        types, asked = self._of.types.first, float(task.stake.sum())
        weight, stake = task.weight[types], task.stake[types]
        accuracy = np.array([task.problem.accuracy[each.variant] for each in self._of.configurations])
        kind_of_client = self._places[:, 1]
        worth = weight[kind_of_client] + stake[kind_of_client] * accuracy[self._places[:, 0]] / asked
        bonus = UNCHANGED_BONUS / len(task.kinds)
        devices = np.array([task.devices[each.kind] for each in self._of.configurations], dtype=float)
        pattern_at = np.array([column.configuration for column in self._of.patterns])
        gains = np.concatenate([np.zeros(patterns), worth, np.zeros(configurations), np.full(len(keeps), bonus)])
        upper = [devices[pattern_at], self._of.types.count[self._places[:, 1]], devices, [now[keep] for keep in keeps]]
        matrix, least, most = self._constraints(keeps)
        whole = np.repeat([True, False, True, False], [patterns, places, configurations, len(keeps)])
        return IntegerProgramme(SCALE * gains, np.concatenate(upper).astype(float), whole, matrix, least, most)

    def _constraints(self, keeps: Sequence[tuple[int, int]]) -> tuple[csc_array, Floats, Floats]:
        """Rows: places of a class in a configuration; its devices; clients of a type; devices of a kind; keeps."""
        from scipy.sparse import csc_array  # half a second to load, which a server's start need not take

        task, classes = self._task, len(self._of.rates)
        configurations, types = len(self._of.configurations), len(self._of.types.count)
        counting = configurations * classes
        client = counting + configurations
        device = client + types
        keeping = device + len(task.tables)
        first_place = len(self._of.patterns)
        first_count = first_place + len(self._places)
        entries: list[tuple[int, int, float]] = []
        for index, column in enumerate(self._of.patterns):
            for rate_class, count in enumerate(column.places):
                entries.append((column.configuration * classes + rate_class, index, -float(count)))
            entries.append((counting + column.configuration, index, 1.0))
        type_class = self._of.class_of[self._of.types.first]
        for index, (configuration, kind_of_client) in enumerate(self._places.tolist(), start=first_place):
            entries.append((configuration * classes + int(type_class[kind_of_client]), index, 1.0))
            entries.append((client + kind_of_client, index, 1.0))
        for number, each in enumerate(self._of.configurations):
            entries.append((counting + number, first_count + number, -1.0))
            entries.append((device + each.kind, first_count + number, 1.0))
            if (each.kind, each.variant) in keeps:
                entries.append((keeping + keeps.index((each.kind, each.variant)), first_count + number, -1.0))
        for number in range(len(keeps)):
            entries.append((keeping + number, first_count + configurations + number, 1.0))
        most = [np.zeros(client), self._of.types.count, np.array(task.devices), np.zeros(len(keeps))]
        least = np.full(keeping + len(keeps), -np.inf)
        least[counting:client] = 0.0
        row, column_index, value = (np.array(part) for part in zip(*entries, strict=True))
        shape = (len(least), first_count + configurations + len(keeps))
        return csc_array((value, (row, column_index)), shape=shape), least, np.concatenate(most).astype(float)

    def _amounts(self, known: Sequence[DeviceGroup], size: int) -> Floats | None:
        """`known` groups as amounts of the programme's variables; None where some group has no pattern."""
        amounts = np.zeros(size)
        number = {client: place for place, client in enumerate(self._task.clients)}
        place_at = {(c, t): index for index, (c, t) in enumerate(self._places.tolist(), start=len(self._of.patterns))}
        for group in known:
            members = np.array([number[client] for client in group.members])
            needed = np.bincount(self._of.class_of[members], minlength=len(self._of.rates))
            types = self._of.types.of_client[members]
            fitting = [
                index
                for index, column in enumerate(self._of.patterns)
                if self._of.configurations[column.configuration].kind == group.kind
                and self._of.allowed[column.configuration, types].all()
                and (needed <= column.places).all()
            ]
            if not fitting:
                return None
            best = max(fitting, key=lambda index: self._of.accuracy(self._of.patterns[index].configuration))
            configuration = self._of.patterns[best].configuration
            amounts[best] += 1.0
            amounts[len(self._of.patterns) + len(self._places) + configuration] += 1.0
            for kind_of_client in types.tolist():
                amounts[place_at[configuration, kind_of_client]] += 1.0
        return amounts

    def _groups(self, amounts: Floats) -> list[DeviceGroup]:
        """The chosen patterns, each filled with the clients that the solution gives to its configuration."""
        counts = np.rint(amounts).astype(np.int64)
        of_type = [
            np.flatnonzero(self._of.types.of_client == each).tolist() for each in range(len(self._of.types.count))
        ]
        waiting: dict[tuple[int, int], list[int]] = {}
        taken_up = counts[len(self._of.patterns) :]
        for (configuration, kind_of_client), count in zip(self._places.tolist(), taken_up, strict=False):
            for _ in range(int(count)):
                client = of_type[kind_of_client].pop()
                waiting.setdefault((configuration, int(self._of.class_of[client])), []).append(
                    self._task.clients[client]
                )
        groups = []
        for column, times in zip(self._of.patterns, counts, strict=False):
            for _ in range(int(times)):
                members = [
                    taken
                    for rate_class, count in enumerate(column.places)
                    for taken in _take(waiting.get((column.configuration, rate_class), []), count)
                ]
                if members:
                    kind, variant, _ = self._of.configurations[column.configuration]
                    groups.append(DeviceGroup(kind, variant, tuple(members)))
        return groups


def _take(queue: list[int], count: int) -> list[int]:
    """Remove the first `count` of `queue`, or all there are."""
    taken = queue[:count]
    del queue[:count]
    return taken
