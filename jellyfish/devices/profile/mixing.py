"""Where mixed batches pay: frames of several networks as one batch, timed beside one batch for each network.

Knows nothing of torch or of engines: both ways are functions handed in by the caller.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Variant, fitted_size

Detect = Callable[[Variant, Sequence[NDArray[np.uint8]]], object]
"""Runs a batch of RGB images and returns when the detections are there."""
DetectMixed = Callable[[Sequence[Variant], Sequence[NDArray[np.uint8]]], object]
"""Runs a batch of RGB images, each with its own variant, and returns when the detections are there."""

ROUNDS, QUICK_ROUNDS = 7, 3
GAIN = 0.05
"""Least share of the time that mixing must save, so that noise does not decide."""


def measure_mixing(
    detect: Detect,
    detect_mixed: DetectMixed,
    variants: Sequence[Variant],
    max_batch: int,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[int, int], None] = lambda done, total: None,
    rounds: int = ROUNDS,
) -> tuple[int, ...]:
    """The resolutions at which a mixed batch saves time: at two frames of two networks, and at as many as may run.

    Networks are those that are furthest apart in the order of `variants`. One round to warm up, then the median over
    rounds of mixed / apart. `progress`: told (steps done, steps in all).
    """
    found = []
    resolutions = sorted({variant.resolution for variant in variants})
    for done, resolution in enumerate(resolutions):
        progress(done, len(resolutions))
        own = [variant for variant in variants if variant.resolution == resolution]
        batches = sorted({2, min(max_batch, len(own))})
        if len(own) > 1 and max_batch > 1:
            ratios = (_ratio(detect, detect_mixed, _spread(own, size), clock, rounds) for size in batches)
            if all(ratio <= 1 - GAIN for ratio in ratios):  # the large batch only where the small one gains
                found.append(resolution)
    return tuple(found)


def _spread(variants: Sequence[Variant], size: int) -> list[Variant]:
    """`size` variants from the first to the last."""
    return [variants[round(place)] for place in np.linspace(0, len(variants) - 1, size)]


def _ratio(
    detect: Detect, detect_mixed: DetectMixed, batch: list[Variant], clock: Callable[[], float], rounds: int
) -> float:
    width, height = fitted_size(1920, 1080, batch[0].resolution)
    images = list(np.random.default_rng(0).integers(0, 256, (len(batch), height, width, 3), dtype=np.uint8))
    ratios = []
    for _ in range(1 + rounds):
        start = clock()
        detect_mixed(batch, images)
        between = clock()
        for variant, size in Counter(batch).items():
            detect(variant, images[:size])
        ratios.append((between - start) / (clock() - between))
    return median(ratios[1:])
