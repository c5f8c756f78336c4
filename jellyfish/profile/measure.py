"""Measuring a device: how long every variant takes at every batch size, images in to detections out.

Knows nothing of torch or of engines: what is timed is the function that serves, handed in by the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Variant, fitted_size
from jellyfish.profile.table import LatencyProfile, VariantLatency

Detect = Callable[[Variant, Sequence[NDArray[np.uint8]]], object]
"""Runs a batch of RGB images and returns when the detections are there."""
Progress = Callable[[int, int], None]
"""Told (steps done, steps in all)."""

_WARM_RUNS = 3
_LEAST_RUNS = 2
_ENOUGH_RUNS = 30
_QUICK_BATCHES = (1, 2, 4, 8)


class Subject(msgspec.Struct, frozen=True):
    """What is measured, in the words of `LatencyProfile`."""

    device: str
    hardware: str
    weights: str


def measure_profile(
    detect: Detect,
    subject: Subject,
    variants: Sequence[Variant],
    max_batch: int,
    budget_s: float | None = None,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> LatencyProfile:
    """Latency of every variant in batches of 1 to `max_batch`.

    Thorough without a budget: every batch size, 30 runs after 3 to warm up. With `budget_s` batches of 1, 2, 4, 8
    and the largest, the rest by linear interpolation, and as many runs of each (at most 30) as its share of the
    time left allows, but at least 2 after 1 to warm up: a slow device may take longer than the budget.
    Images are noise in 16:9 at the variant's resolution, as a client would send them.
    """
    quick = budget_s is not None
    batches = sorted({*(b for b in _QUICK_BATCHES if b < max_batch), max_batch}) if quick else range(1, max_batch + 1)
    steps, done = len(variants) * len(batches), 0
    end = None if budget_s is None else clock() + budget_s
    latencies: list[VariantLatency] = []
    for variant in variants:
        samples: list[list[float]] = []
        for batch in batches:
            share = None if end is None else (end - clock()) / (steps - done)
            samples.append(_time_batch(detect, variant, batch, share, clock))
            done += 1
            if progress is not None:
                progress(done, steps)
        latencies.append(_summarise(variant, batches, samples))
    return LatencyProfile(subject.device, subject.hardware, subject.weights, tuple(latencies))


def _time_batch(
    detect: Detect, variant: Variant, batch: int, budget_s: float | None, clock: Callable[[], float]
) -> list[float]:
    """Seconds of each run of one shape; in `budget_s`, warming up included, unless the least runs take longer."""
    width, height = fitted_size(1920, 1080, variant.resolution)
    images = list(np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8))
    begin = clock()
    for _ in range(_WARM_RUNS if budget_s is None else 1):
        detect(variant, images)
    samples: list[float] = []
    while len(samples) < _ENOUGH_RUNS:
        start = clock()
        if budget_s is not None and len(samples) >= _LEAST_RUNS and start - begin >= budget_s:
            break
        detect(variant, images)
        samples.append(clock() - start)
    return samples


def _summarise(variant: Variant, batches: Sequence[int], samples: Sequence[Sequence[float]]) -> VariantLatency:
    """Samples of the measured batch sizes -> a full row of the table.

    p99 is the largest sample: with 30 runs or fewer there is no honest 99th percentile below it. A larger batch
    that came out faster than a smaller one is noise and gets the smaller one's time.
    """
    p50 = np.maximum.accumulate([float(np.median(runs)) for runs in samples])
    p99 = np.maximum.accumulate([max(runs) for runs in samples])
    every = np.arange(1, batches[-1] + 1)
    return VariantLatency(
        variant,
        tuple(np.interp(every, batches, p50).tolist()),
        tuple(np.interp(every, batches, p99).tolist()),
    )
