"""Whether the device's answers are those of float32 on the processor, at every size and batch."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.gpu_check.agreement import Differences
from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.place import Place, engine_on
from jellyfish.core import Answer, Variant
from jellyfish.models.model import Engine, Image, answers

LEAST_SHARE = 0.95
"""Of the reference's boxes, at each size: what is seen at the score threshold comes and goes with rounding."""
MOST_STRANGE = 0.02
"""Boxes that only one of the two is sure of, as a share of the reference's."""


def correctness(place: Place, budget_s: float) -> Found:
    """Each batch beside the same frames' answers in float32, one by one, on the processor."""
    import torch

    reference = engine_on(torch.device("cpu"), torch.float32)
    ends_s = math.inf if place.options.short else time.perf_counter() + budget_s
    rows: list[list[str]] = []
    figures: dict[str, dict[str, Any]] = {}
    wrong: list[str] = []
    total, left = Differences(), 0
    for number, variant in enumerate(place.variants):
        if time.perf_counter() > ends_s:
            left = len(place.variants) - number
            break
        found = _compared(place, variant, reference)
        figures[variant.name] = asdict(found)
        rows.append([variant.name, *_cells(found, variant)])
        wrong += _wrong(found, variant)
        total.join([found])
    if left:
        wrong.append(f"there was no time for {left} of {len(place.variants)} sizes")
    gist = (
        f"{len(rows)} sizes x batches of {_range(place.batches)}: {100 * total.share:.2f} % of {total.boxes:,} boxes "
        f"are the reference's, {total.strange} strange; scores differ by {total.score:.3f} at most"
    )
    sheet = Sheet("Answers beside float32 on the processor", ["size", "boxes", "same %", "strange", *_WORST], rows)
    return Found(gist, {"of size": figures, "same": total.share}, [sheet], wrong=wrong)


_WORST = ["score differs by", "a side by, pixels"]


def _compared(place: Place, variant: Variant, reference: Engine) -> Differences:
    images = place.images(variant, max(place.batches))
    expected = [answer for image in images for answer in answers(reference, [image], [variant])]
    least = place.model.size(variant).least_score or 0.0
    differences = Differences()
    for batch in place.batches:
        for one, other in zip(expected, _answers(place, images[:batch], variant), strict=False):
            differences.add(one, other, least)
    return differences


def _answers(place: Place, images: Sequence[Image], variant: Variant) -> list[Answer]:
    return place.executor.on_all(answers, images, [variant] * len(images))[0]


def _cells(found: Differences, variant: Variant) -> list[str]:
    pixels = found.side * variant.resolution
    return [str(found.boxes), f"{100 * found.share:.2f}", str(found.strange), f"{found.score:.4f}", f"{pixels:.2f}"]


def _wrong(found: Differences, variant: Variant) -> list[str]:
    words = []
    if not found.boxes:
        words.append(f"{variant.name}: the reference found nothing, so nothing was compared")
    if found.share < LEAST_SHARE:
        words.append(f"{variant.name}: only {100 * found.share:.1f} % of the reference's boxes were found")
    if found.strange > MOST_STRANGE * found.boxes:
        words.append(f"{variant.name}: {found.strange} boxes that only one of the two has and is sure of")
    return words


def _range(batches: Sequence[int]) -> str:
    return f"1 to {batches[-1]}" if len(batches) == batches[-1] else ", ".join(map(str, batches))
