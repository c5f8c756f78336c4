"""How long batches take, at every size; what a change of size costs; and what mixed batches gain."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Sequence

from benchmarks.gpu_check.agreement import Differences
from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.place import Place, high_s
from jellyfish.core import Variant
from jellyfish.models.model import Engine, Image, answers

MOST_SWITCH_S = 0.0001
"""What is aimed at: a batch of another size than the one before costs no more on top."""
FURTHEST_SIDE = 0.02
"""Of a box in a mixed batch and the same one alone, as a share of the frame."""


def loading(place: Place, budget_s: float) -> Found:
    """What passes until the engine is ready: with all that it captures and allocates before."""
    memory_bytes, seconds = place.engine.memory_bytes, place.load_s
    gist = f"ready after {seconds:.1f} s; {memory_bytes / 1e6:.0f} MB, {place.stated}, as the engine says"
    return Found(gist, {"load_s": seconds, "memory_bytes": memory_bytes, "stated": place.stated})


def profile(place: Place, budget_s: float) -> Found:
    """Every size and batch, frames in to answers out, in turns."""
    rounds = place.measure(place.variants, place.batches, time.perf_counter() + budget_s)
    figures, rows = {}, []
    for variant in place.variants:
        of_batch = {batch: place.times_s(variant, batch) for batch in place.batches}
        best = max(batch / statistics.median(times) for batch, times in of_batch.items())
        figures[variant.name] = {
            str(batch): {"p50_s": statistics.median(times), "p99_s": high_s(times)} for batch, times in of_batch.items()
        }
        shown = [place.batches[0], place.batches[len(place.batches) // 2], place.batches[-1]]
        cells = [_cell(of_batch[batch]) for batch in shown]
        rows.append([variant.name, *cells, f"{best:,.0f}"])
    header = ["size", *(f"batch {batch}: ms p50 (p99)" for batch in shown), "best frames/s"]
    gist = f"{place.largest.name}: {rows[-1][1]} ms one by one, {rows[-1][-1]} frames/s at best; {rounds} rounds"
    return Found(gist, {"of size": figures}, [Sheet("Times of batches", header, rows)])


def _cell(times_s: Sequence[float]) -> str:
    return f"{1e3 * statistics.median(times_s):.2f} ({1e3 * high_s(times_s):.2f})"


def switching(place: Place, budget_s: float) -> Found:
    """Two sizes in turns, beside each of them again and again."""
    smallest = next(each for each in place.variants if each.resolution == place.largest.resolution)
    first, second = (smallest if smallest != place.largest else place.variants[0]), place.largest
    ends_s = time.perf_counter() + budget_s
    extras_s: list[float] = []
    while len(extras_s) < 10 or (time.perf_counter() < ends_s and len(extras_s) < 400):
        stays_s = sum([place.seconds(each, 1) for each in (first, first, second, second)][1::2])
        changes_s = sum([place.seconds(each, 1) for each in (first, second, first, second)][2:])
        extras_s.append((changes_s - stays_s) / 2)
    extra_s = statistics.median(extras_s[2:])
    gist = f"a batch of another size than the one before: {1e3 * extra_s:+.3f} ms (aim: {1e3 * MOST_SWITCH_S:g})"
    missed = [gist] if extra_s > MOST_SWITCH_S else []
    return Found(gist, {"extra_s": extra_s, "rounds": len(extras_s)}, missed=missed)


def mixing(place: Place, budget_s: float) -> Found:
    """Frames for different sizes as one batch, beside a batch for each size: the same answers, and what that takes."""
    resolutions = sorted({each.resolution for each in place.variants})
    each_s, rows, wrong = budget_s / (2 * len(resolutions)), [], []
    figures: dict[str, dict[str, float]] = {}
    for resolution in resolutions:
        own = [each for each in place.model.variants if each.resolution == resolution]
        mixes = {"two": [own[0], own[-1]]} if place.options.short else {"two": [own[0], own[-1]], "all": own}
        for name, variants in mixes.items():
            images = place.images(own[0], len(variants))
            mixed_s, apart_s, ratio = _compared(place, images, variants, each_s)
            figures[f"{resolution}, {name}"] = {"mixed_s": mixed_s, "apart_s": apart_s, "ratio": ratio}
            rows.append([f"{resolution}", name, f"{1e3 * mixed_s:.2f}", f"{1e3 * apart_s:.2f}", f"{ratio:.2f}"])
            wrong += _differing(place, images, variants)
    best = min(figures.values(), key=lambda each: each["ratio"])["ratio"]
    header = ["pixels", "sizes in a batch", "mixed, ms", "apart, ms", "ratio"]
    return Found(f"mixed / apart {best:.2f} at best", figures, [Sheet("Mixed batches", header, rows)], wrong=wrong)


def _both(engine: Engine, images: Sequence[Image], variants: Sequence[Variant]) -> tuple[float, float]:
    """Seconds of one batch for all, and of one for each size."""
    began_s = time.perf_counter()
    answers(engine, images, variants)
    between_s = time.perf_counter()
    for variant, count in Counter(variants).items():
        answers(engine, images[:count], [variant] * count)
    return between_s - began_s, time.perf_counter() - between_s


def _compared(
    place: Place, images: Sequence[Image], variants: Sequence[Variant], budget_s: float
) -> tuple[float, float, float]:
    """(median seconds mixed, apart, median of their ratio)."""
    ends_s, pairs = time.perf_counter() + budget_s, list[tuple[float, float]]()
    while len(pairs) < 4 or (time.perf_counter() < ends_s and len(pairs) < 60):
        pairs += place.executor.on_all(_both, images, variants)
    pairs = pairs[1:]  # the first is to warm up
    return (
        statistics.median(mixed for mixed, _ in pairs),
        statistics.median(apart for _, apart in pairs),
        statistics.median(mixed / apart for mixed, apart in pairs),
    )


def _differing(place: Place, images: Sequence[Image], variants: Sequence[Variant]) -> list[str]:
    """Which frames are answered in another way in a mixed batch than alone."""
    (mixed,) = place.executor.on_all(answers, images, variants)
    words = []
    for image, variant, found in zip(images, variants, mixed, strict=True):
        (alone,) = place.executor.on_all(answers, [image], [variant])
        differences = Differences()
        differences.add(alone[0], found, place.model.size(variant).least_score or 0.0)
        if differences.strange or differences.side > FURTHEST_SIDE:
            words.append(f"{variant.name}: in a mixed batch it answers in another way than alone")
    return words
