"""Where mixed batches pay: frames of several networks as one batch, timed beside one batch for each network.

Knows nothing of engines: what is timed is a function handed in by the caller.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Variant
from jellyfish.devices.profile.measure import noise
from jellyfish.models.model import Description

Run = Callable[[Sequence[NDArray[np.uint8]], Sequence[Variant]], object]
"""Runs a batch of RGB images, each with its own variant, and returns when the answers are there."""

ROUNDS, QUICK_ROUNDS = 7, 3
GAIN = 0.05
"""Least share of the time that mixing must save, so that noise does not decide."""


def measure_mixing(
    run: Run,
    model: Description,
    max_batch: int,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[int, int], None] = lambda done, total: None,
    rounds: int = ROUNDS,
) -> tuple[int, ...]:
    """The resolutions at which a mixed batch saves time: at two frames of two networks, and at as many as may run.

    Networks are those that are furthest apart in the model's order. One round to warm up, then the median over rounds
    of mixed / apart. `progress`: told (steps done, steps in all).
    """
    found = []
    for done, resolution in enumerate(model.ladder):
        progress(done, len(model.ladder))
        own = [variant for variant in model.variants if variant.resolution == resolution]
        batches = sorted({2, min(max_batch, len(own))})
        if len(own) > 1 and max_batch > 1:
            ratios = (_ratio(run, model, _spread(own, size), clock, rounds) for size in batches)
            if all(ratio <= 1 - GAIN for ratio in ratios):  # the large batch only where the small one gains
                found.append(resolution)
    return tuple(found)


def _spread(variants: Sequence[Variant], size: int) -> list[Variant]:
    """`size` variants from the first to the last."""
    return [variants[round(place)] for place in np.linspace(0, len(variants) - 1, size)]


def _ratio(run: Run, model: Description, batch: list[Variant], clock: Callable[[], float], rounds: int) -> float:
    images = noise(model, batch[0], len(batch))
    ratios = []
    for _ in range(1 + rounds):
        start = clock()
        run(images, batch)
        between = clock()
        for variant, size in Counter(batch).items():
            run(images[:size], [variant] * size)
        ratios.append((between - start) / (clock() - between))
    return median(ratios[1:])
