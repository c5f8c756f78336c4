"""From fractions of groups to whole ones: a dive into the master programme of column generation. Pure.

The groups with the largest fractions are taken whole, a few at a time; after each step groups are generated that suit
what is left. A step that leaves no solution is taken back. Few clients are left without a place at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jellyfish.control.planners.linear import Solution
from jellyfish.control.planners.master import Master
from jellyfish.control.planners.task import Floats, Ints

NEARLY_WHOLE = 0.85
"""Fractions from here on are taken whole together."""
ROUNDS = 3
"""Of generating groups, after each step."""
GROUPS_PER_ROUND = 15
DISTURBANCE = 0.1
"""Standard deviation of what is added to fractions where another dive is to end elsewhere."""
WHOLE = 1e-6


def dive(
    master: Master, time_is_up: Callable[[], bool], random: np.random.Generator | None = None
) -> list[tuple[int, Ints]]:
    """(kind, members) of groups that devices can serve, no client twice; `random` makes each dive another one."""
    taken: dict[int, float] = {}
    solved = master.programme.solve()
    last = solved
    while solved is not None:
        last = solved
        parts = _parts(master, solved)
        if parts.max(initial=0.0) < WHOLE:
            break
        if time_is_up():
            last = _rounded(master, solved)
            break
        solved = _step(master, solved, parts, taken, random)
        for _ in range(ROUNDS):
            if solved is None or time_is_up() or not master.price(master.prices_of(solved), GROUPS_PER_ROUND):
                break
            solved = master.programme.solve()
    for index in taken:
        master.programme.restrict(master.offset + index, 0.0, np.inf)
    return [] if last is None else master.groups(last)


def _parts(master: Master, solved: Solution) -> Floats:
    """What each group's amount is above a whole number."""
    amounts = solved.amounts[master.offset :]
    parts: Floats = np.maximum(amounts - np.floor(amounts + WHOLE), 0.0)
    return parts


def _step(
    master: Master, solved: Solution, parts: Floats, taken: dict[int, float], random: np.random.Generator | None
) -> Solution | None:
    """Take groups whole; the solution with these, or without them where there is none."""
    amounts = np.floor(solved.amounts[master.offset :] + WHOLE)
    for index in np.flatnonzero(amounts).tolist():
        if amounts[index] > taken.get(index, 0.0):
            taken[index] = float(amounts[index])
            master.programme.restrict(master.offset + index, taken[index], np.inf)
    chosen = np.flatnonzero(parts >= NEARLY_WHOLE).tolist()
    if not chosen:
        disturbance = 0.0 if random is None else DISTURBANCE * random.standard_normal(len(parts)) * (parts > WHOLE)
        chosen = [int((parts + disturbance).argmax())]
    for index in chosen:
        taken[index] = float(amounts[index]) + 1.0
        master.programme.restrict(master.offset + index, taken[index], np.inf)
    found = master.programme.solve()
    if found is None:
        for index in chosen:
            taken[index] = float(amounts[index])
            master.programme.restrict(master.offset + index, taken[index], taken[index])
        found = master.programme.solve()
    return found


def _rounded(master: Master, solved: Solution) -> Solution:
    """`solved` with the largest fractions made whole, one more group for each device that is left."""
    amounts = np.floor(solved.amounts + WHOLE)
    left = np.array(master.task.devices, dtype=float)
    kinds = np.array([column.kind for column in master.columns])
    np.subtract.at(left, kinds, amounts[master.offset :])
    parts = _parts(master, solved)
    for index in np.argsort(-parts).tolist():
        if parts[index] > WHOLE and left[kinds[index]] > 0.5:
            amounts[master.offset + index] += 1.0
            left[kinds[index]] -= 1.0
    return solved._replace(amounts=amounts)
