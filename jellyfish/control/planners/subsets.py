"""Exact planning for few clients: every set of clients at once, as bits of an array index. Pure; numpy does the loops.

The worth of a set on a device is that of the best variant that serves it; the worths of devices are then combined over
all ways to split the clients among them. Work grows as 3^clients per combination (2^clients for up to two devices).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jellyfish.control.capacity import Capacities

Floats = NDArray[np.float64]


def sums_over_sets(values: Floats) -> Floats:
    """(2^n,) sum of `values` (n,) over every set."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate((sums, sums + value))
    return sums


def least_over_sets(values: Floats) -> Floats:
    """(m, 2^n) least of each row of `values` (m, n) over every set; infinite for the empty set."""
    least = np.full((len(values), 1), np.inf)
    for column in values.T:
        least = np.concatenate((least, np.minimum(least, column[:, None])), axis=1)
    return least


def servable_sets(capacities: Capacities, rate_fps: Floats, tightest_s: Floats) -> NDArray[np.bool_]:
    """(m, 2^n) whether a device serves the set with variant m.

    `rate_fps` (2^n,) are the sets' rates, `tightest_s` (m, 2^n) their tightest budgets.
    """
    servable = np.empty(tightest_s.shape, dtype=np.bool_)
    for variant, capacity in enumerate(capacities):
        limits = np.array((0.0, *capacity.rate_fps))
        servable[variant] = rate_fps < limits[np.searchsorted(capacity.worst_s, tightest_s[variant], side="right")]
    return servable


def best_within(worth: Floats) -> Floats:
    """(2^n,) for every set, the most that `worth` has over its subsets."""
    best = worth.copy()
    half = 1
    while half < len(best):
        pairs = best.reshape(-1, 2, half)
        np.maximum(pairs[:, 1], pairs[:, 0], out=pairs[:, 1])
        half *= 2
    return best


def best_split(one: Floats, other: Floats) -> Floats:
    """(2^n,) for every set, the most that `one` of a part and `other` of the rest can have: 3^n sums.

    One client a round: without it there is one way, with it two; in the end one array of all 3^n ways is summed and
    folded back by taking the better of the two.
    """
    ones, others = one[None, :], other[None, :]
    while ones.shape[1] > 1:
        half = ones.shape[1] // 2
        ones_out, ones_in = ones[:, :half], ones[:, half:]
        others_out, others_in = others[:, :half], others[:, half:]
        ones = np.concatenate((ones_out, ones_in, ones_out))
        others = np.concatenate((others_out, others_out, others_in))
    folded = ones + others
    while len(folded) > 1:
        third = len(folded) // 3
        without, first, second = folded[:third], folded[third : 2 * third], folded[2 * third :]
        folded = np.concatenate((without, np.maximum(first, second)), axis=1)
    best: Floats = folded[0]
    return best


def subsets_of(members: int) -> NDArray[np.int64]:
    """All subsets of the set with bits `members`, each as its bits."""
    subsets = np.zeros(1, dtype=np.int64)
    for bit in range(members.bit_length()):
        if members >> bit & 1:
            subsets = np.concatenate((subsets, subsets | (1 << bit)))
    return subsets
