"""What the last minute or hour was like, in bounded memory. Pure: times are arguments, and do not fall."""

from __future__ import annotations

import math
from collections import Counter, deque

FINENESS = 0.05
"""Of ages: two that differ by less are one."""
LEAST_AGE_S = 0.001


class RollingShare:
    """Frames that ended, and those of them that were in time, of the last `slices` x `slice_s`; older by a slice at
    most."""

    def __init__(self, slice_s: float, slices: int) -> None:
        self._slice_s, self._most = slice_s, slices
        self._slices: deque[list[int]] = deque()
        """(number of the slice, ended, on time), those in which any ended."""

    def add(self, now: float, ended: int, on_time: int) -> None:
        """So many more have ended."""
        number = int(now // self._slice_s)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append([number, 0, 0])
        self._slices[-1][1] += ended
        self._slices[-1][2] += on_time

    def sums(self, now: float) -> tuple[int, int]:
        """(ended, on time)."""
        oldest = int(now // self._slice_s) - self._most
        while self._slices and self._slices[0][0] <= oldest:
            self._slices.popleft()
        return sum(each[1] for each in self._slices), sum(each[2] for each in self._slices)


class RollingAges:
    """How old answers were, to a twentieth."""

    def __init__(self, slice_s: float, slices: int) -> None:
        self._slice_s, self._most = slice_s, slices
        self._slices: deque[tuple[int, Counter[int]]] = deque()

    def add(self, now: float, age_s: float) -> None:
        """One more answer."""
        number = int(now // self._slice_s)
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append((number, Counter()))
            self._forget(number)
        self._slices[-1][1][_step(age_s)] += 1

    def quantiles_s(self, now: float, shares: tuple[float, ...]) -> tuple[float, ...] | None:
        """The ages that so many of all were at most (0..1, rising); None where there were none."""
        self._forget(int(now // self._slice_s))
        steps = Counter[int]()
        for _, counts in self._slices:
            steps.update(counts)
        if not steps:
            return None
        found, below, total = [], 0, steps.total()
        waiting = iter(sorted(steps.items()))
        step, count = next(waiting)
        for share in shares:
            while below + count < share * total:
                below += count
                step, count = next(waiting)
            found.append(LEAST_AGE_S * math.pow(1 + FINENESS, step))
        return tuple(found)

    def _forget(self, number: int) -> None:
        while self._slices and self._slices[0][0] <= number - self._most:
            self._slices.popleft()


def _step(age_s: float) -> int:
    return round(math.log(max(age_s, LEAST_AGE_S) / LEAST_AGE_S, 1 + FINENESS))
