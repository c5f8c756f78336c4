"""Measuring a device: how long every variant takes at every batch size, images in to detections out.

Shapes are run in turns, round after round, so that a moment in which the machine does something else falls on all of
them alike instead of bending the table; twice each time, of which the second run counts (a quick profile runs large
batches twice only in its first round). Knows nothing of torch or of
engines: what is timed is the function that serves, handed in by the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Variant
from jellyfish.devices.profile.persistence import persistence_of
from jellyfish.devices.profile.table import LatencyProfile, Subject, VariantLatency
from jellyfish.devices.profile.variation import Variation, usual_variation, variation_of
from jellyfish.models.model import Description


class BatchTimes(NamedTuple):
    """Of one batch, in seconds: see `VariantLatency`."""

    latency_s: float
    prepare_s: float
    occupancy_s: float


Timed = Callable[[Variant, Sequence[NDArray[np.uint8]]], BatchTimes]
"""Runs a batch of RGB images on every worker at once; what one of them took."""
Progress = Callable[[int, int], None]
"""Told (steps done, steps in all)."""
Floats = NDArray[np.float64]
Shape = tuple[Variant, int]
"""A variant and a batch size."""

WARM_ROUNDS, THOROUGH_ROUNDS = 3, 30
THOROUGH_S = 480.0
"""No new round of a thorough measurement is begun that would end later than this."""
LEAST_ROUNDS = 2
QUICK_BATCH = 4
"""Of a quick profile, besides 1; and the largest, where that is more than twice as large: a line reaches so far."""
LEAST_S = 1e-7
"""What is told as less took no time."""
ENOUGH_SAMPLES = 100
"""From so many samples on, a variant's own spread is used; below, that of all variants together."""


def measure_profile(
    timed: Timed,
    subject: Subject,
    model: Description,
    max_batch: int,
    budget_s: float | None = None,
    progress: Progress = lambda done, total: None,
    clock: Callable[[], float] = time.perf_counter,
) -> LatencyProfile:
    """Latency of every variant in batches of 1 to `max_batch`.

    Thorough without a budget: every batch size, 30 rounds after 3 to warm up, fewer where that would take longer than
    `THOROUGH_S`. With `budget_s`, batches of 1, 4 and maybe the largest, as many rounds as the time allows (2 at the
    least, so a slow device may take longer), and a straight line through the medians: with few samples it is nearer to
    the truth than they are. p99 is p50 times the 99th percentile of sample / median. Images are
    noise, as large as what becomes of a camera's frame at the variant's resolution.
    """
    variants, quick = model.variants, budget_s is not None
    batches = _quick_batches(max_batch) if quick else list(range(1, max_batch + 1))
    shapes = [(variant, batch) for variant in variants for batch in batches]
    images = {variant: noise(model, variant, max(batches)) for variant in variants}
    rounds = _timed_rounds(timed, shapes, images, budget_s, progress, clock)
    kinds = np.array(rounds).reshape(len(rounds), len(variants), len(batches), len(BatchTimes._fields))
    samples = kinds[..., 0]
    medians, prepared, kept = np.moveaxis(np.median(kinds, axis=0), -1, 0)
    spread = _spread(samples / medians)
    variations = _variations(samples / medians, quick)
    rows = []
    for number, variant in enumerate(variants):
        p50, prepare, occupancy = (
            tuple((_line(batches, row[number], max_batch) if quick else np.maximum.accumulate(row[number])).tolist())
            for row in (medians, prepared, kept)
        )
        p99 = tuple(seconds * float(spread[number]) for seconds in p50)
        rows.append(VariantLatency(variant, p50, p99, variations[number], prepare, occupancy))
    return LatencyProfile(
        subject.device, subject.hardware, subject.weights, tuple(rows), software=subject.software, model=subject.model
    )


def _quick_batches(max_batch: int) -> list[int]:
    return sorted({1, min(QUICK_BATCH, max_batch), max_batch if max_batch > 2 * QUICK_BATCH else 1})


def _timed_rounds(
    timed: Timed,
    shapes: Sequence[Shape],
    images: Mapping[Variant, Sequence[NDArray[np.uint8]]],
    budget_s: float | None,
    progress: Progress,
    clock: Callable[[], float],
) -> list[list[BatchTimes]]:
    """Times of every shape, round by round, without the rounds that warm up. In a quick profile there are none: there
    each shape runs twice in the first round, so that its first time is none that counts.
    """
    warm = WARM_ROUNDS if budget_s is None else 0
    most_s = THOROUGH_S if budget_s is None else budget_s
    begin = clock()
    rounds: list[list[BatchTimes]] = []
    while len(rounds) < warm + THOROUGH_ROUNDS:
        enough = len(rounds) >= warm + LEAST_ROUNDS
        if enough and (clock() - begin) * (1 + 1 / len(rounds)) > most_s:
            break
        rounds.append([])
        for variant, batch in shapes:
            if budget_s is None or batch == 1 or len(rounds) == 1:
                timed(variant, images[variant][:batch])  # as in service, where the same variant ran just before
            rounds[-1].append(timed(variant, images[variant][:batch]))
            if budget_s is None:
                progress((len(rounds) - 1) * len(shapes) + len(rounds[-1]), (warm + THOROUGH_ROUNDS) * len(shapes))
            else:
                spent = (clock() - begin) / budget_s
                least = ((len(rounds) - 1) * len(shapes) + len(rounds[-1])) / (LEAST_ROUNDS * len(shapes))
                progress(round(1000 * min(spent, least, 1.0)), 1000)
    return rounds[warm:]


def noise(model: Description, variant: Variant, count: int) -> list[NDArray[np.uint8]]:
    """Frames without a picture, as large as they come for a variant."""
    width, height = model.usual_frame(variant.resolution)
    return list(np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def _spread(ratios: Floats) -> Floats:
    """99th percentile of sample / median per variant; `ratios`: [rounds, variants, batches]."""
    rounds, variants, batches = ratios.shape
    if rounds * batches < ENOUGH_SAMPLES:
        return np.full(variants, max(1.0, np.percentile(ratios, 99)))
    return np.maximum(1.0, np.percentile(ratios, 99, axis=(0, 2)))


def _variations(ratios: Floats, quick: bool) -> list[Variation]:
    """Per variant; `ratios`: [rounds, variants, batches], as they were measured one after the other."""
    rounds, variants, batches = ratios.shape
    persistence = persistence_of(ratios.ravel().tolist())
    if quick:
        return [usual_variation(ratios, persistence)] * variants
    if rounds * batches < ENOUGH_SAMPLES:
        return [variation_of(ratios, persistence)] * variants
    return [variation_of(ratios[:, variant], persistence) for variant in range(variants)]


def _line(batches: Sequence[int], medians: Floats, max_batch: int) -> Floats:
    """Latency of 1 to `max_batch` as fixed + each x batch, neither below 0, by least squares of the relative error."""
    from scipy.optimize import nnls  # half a second to load, and needed by those alone who measure

    medians = np.maximum(medians, LEAST_S)
    terms = np.stack([np.ones(len(batches)), np.array(batches, dtype=np.float64)], axis=1)
    (fixed, each), _ = nnls(terms / medians[:, None], np.ones(len(batches)))
    return np.asarray(fixed + each * np.arange(1, max_batch + 1))
