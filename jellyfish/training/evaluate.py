"""What each variant is worth: F1 against exact labels, through the same resize and JPEG as in service."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import LabelledObject, Variant, canvas_size, fitted_size
from jellyfish.media.resize import Letterboxed, fit, letterbox
from jellyfish.media.street import StreetScene
from jellyfish.model.engine import DetectorEngine
from jellyfish.model.matching import Counts, match
from jellyfish.model.weights import VariantAccuracy
from jellyfish.training.augment import Image, through_jpeg

IOU_THRESHOLD = 0.5
THRESHOLDS: tuple[float, ...] = tuple(round(0.10 + 0.025 * i, 3) for i in range(25))
"""Score thresholds among which the best F1 is looked for."""

_JPEG_QUALITY = 90
_BATCH = 8

LabelledFrame = tuple[Image, Sequence[LabelledObject]]
"""RGB [h, w, 3] and the objects that are truly in it."""


class Evaluation(NamedTuple):
    """What was measured, and on how much."""

    frames: int
    accuracy: tuple[VariantAccuracy, ...]


def scene_frames(seeds: range, frames_per_scene: int, spacing: int = 30) -> Iterator[LabelledFrame]:
    """Frames of generated scenes, `spacing` frames apart."""
    for seed in seeds:
        scene = StreetScene(seed)
        for number in range(frames_per_scene):
            yield scene.frame(number * spacing)


def evaluate(
    engine: DetectorEngine,
    frames: Iterable[LabelledFrame],
    variants: Sequence[Variant],
    thresholds: Sequence[float] = THRESHOLDS,
    advance: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Accuracy of each variant over all frames, at the score threshold where its F1 is best.

    Give one threshold to measure at that. `advance` is told how many frames are done.
    """
    counts = {variant: np.zeros((len(thresholds), 3), dtype=np.int64) for variant in variants}
    frames, done = iter(frames), 0
    while some := list(itertools.islice(frames, _BATCH)):
        _count(engine, some, counts, thresholds)
        done += len(some)
        advance(done)
    return Evaluation(done, tuple(_best(variant, table, thresholds) for variant, table in counts.items()))


def served(image: Image, resolution: int) -> Letterboxed:
    """The canvas the detector gets in service: fitted to the resolution, JPEG, decoded, letterboxed."""
    size = fitted_size(image.shape[1], image.shape[0], resolution)
    return letterbox(through_jpeg(fit(image, *size), _JPEG_QUALITY), *canvas_size(resolution))


def _count(
    engine: DetectorEngine,
    frames: Sequence[LabelledFrame],
    counts: dict[Variant, NDArray[np.int64]],
    thresholds: Sequence[float],
) -> None:
    """Add the counts of some frames, per variant and threshold."""
    resolutions = {variant.resolution for variant in counts}
    fitted = {resolution: [served(image, resolution) for image, _ in frames] for resolution in resolutions}
    for variant, table in counts.items():
        boxes = fitted[variant.resolution]
        answers = engine.detect(np.stack([box.canvas for box in boxes]), variant, min(thresholds))
        for box, (_, objects), answer in zip(boxes, frames, answers, strict=True):
            found = box.on_frame(answer)
            for row, threshold in enumerate(thresholds):
                table[row] += match([d for d in found if d.score >= threshold], objects, IOU_THRESHOLD)


def _best(variant: Variant, table: NDArray[np.int64], thresholds: Sequence[float]) -> VariantAccuracy:
    """The accuracy at the threshold where F1 is best."""
    rows = [Counts(*(int(value) for value in row)) for row in table]
    row, counts = max(enumerate(rows), key=lambda item: item[1].f1)
    return VariantAccuracy(
        resolution=variant.resolution,
        network=variant.network,
        score_threshold=thresholds[row],
        f1=round(counts.f1, 4),
        precision=round(counts.precision, 4),
        recall=round(counts.recall, 4),
    )
