"""How the time of a batch varies about its median: a distribution in a few numbers, and draws from it. Pure.

The ratios of measured to median time are kept as quantiles, more of them towards the tail, with the dependence between
one batch and the next, because slow moments last. Draws have both: ranks follow a Gaussian autoregression of first
order, and the quantiles turn a rank into a ratio.
"""

from __future__ import annotations

import math
import random
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

LEVELS = (
    0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.993, 0.996, 0.998, 0.999,
    1.0,
)  # fmt: skip
"""The ranks that are kept: from the least of all to the most."""
USUAL = (
    0.843, 0.887, 0.93, 0.948, 0.969, 0.981, 0.995, 1.0, 1.006, 1.027, 1.068, 1.168, 1.302, 1.356, 1.376, 1.421, 1.451,
    1.484, 1.521, 1.554, 1.581,
)  # fmt: skip
"""Quantiles for profiles of too few samples to have a tail of their own: as measured on one of two cores of a virtual
machine (AMD EPYC) while the other one was busy."""
SEEN_LEVEL = 0.9
"""Few samples tell that quantile: by it the usual ones are widened or narrowed."""
LEAST_WIDTH, MOST_WIDTH = 0.25, 4.0
_NORMAL = NormalDist()
Floats = NDArray[np.float64]


class Variation(msgspec.Struct, frozen=True):
    """Ratios of measured to median time: their quantiles at `LEVELS`, and how one batch's rank tells the next one's."""

    quantiles: tuple[float, ...]
    persistence: float = 0.0
    """Rank correlation of neighbouring batches."""


def variation_of(ratios: Floats, persistence: float) -> Variation:
    """The distribution of enough samples."""
    return Variation(tuple(np.round(np.quantile(ratios, LEVELS), 4).tolist()), round(persistence, 3))


def usual_variation(ratios: Floats, persistence: float) -> Variation:
    """For few samples: the usual shape, as wide as what was seen."""
    seen = math.log(max(float(np.quantile(ratios, SEEN_LEVEL)), 1.0)) / math.log(USUAL[LEVELS.index(SEEN_LEVEL)])
    width = min(max(seen, LEAST_WIDTH), MOST_WIDTH)
    return Variation(tuple(round(quantile**width, 4) for quantile in USUAL), round(persistence, 3))


class Ratios:
    """Draws, the same for the same seed. One series for a device, whatever it runs: slow moments are the device's."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)
        self._state = self._random.gauss(0.0, 1.0)

    def next(self, variation: Variation) -> float:
        """Measured / median time of the next batch."""
        keep = 2.0 * math.sin(math.pi * variation.persistence / 6.0)  # of ranks -> of the normal variables behind them
        self._state = keep * self._state + math.sqrt(1.0 - keep * keep) * self._random.gauss(0.0, 1.0)
        return float(np.interp(_NORMAL.cdf(self._state), LEVELS, variation.quantiles))
