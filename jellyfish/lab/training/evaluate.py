"""What each variant finds in sets of labelled frames, seen through the same resize and JPEG as in service."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Detection, LabelledObject, Variant
from jellyfish.errors import InputError
from jellyfish.evaluation.average_precision import AveragePrecision, Found, GroundTruth
from jellyfish.evaluation.matching import Judged, joined, judge
from jellyfish.lab.street import StreetScene
from jellyfish.lab.training.augment import Image, LabelledFrame, through_jpeg
from jellyfish.lab.training.coco import spread_numbers
from jellyfish.lab.training.data import Frames
from jellyfish.media.resize import Letterboxed, fit, letterbox
from jellyfish.models.slimmable.card import Evaluation, VariantAccuracy, VariantEvaluation
from jellyfish.models.slimmable.street import input_size

IOU_THRESHOLD = 0.5
THRESHOLDS: tuple[float, ...] = tuple(round(0.10 + 0.025 * i, 3) for i in range(25))
"""Score thresholds among which the one that serves is looked for."""

_FLOOR = 0.01
"""Least score of a detection that counts for average precision."""
_JPEG_QUALITY = 90
_BATCH = 8


class Detector(Protocol):
    """What can be evaluated: a `DetectorEngine`, or anything that answers as one."""

    def detect(
        self, canvases: NDArray[np.uint8], variant: Variant, score_threshold: float | None = None
    ) -> list[list[Detection]]:
        """Objects in each canvas that score at least the threshold."""


class FrameSet(NamedTuple):
    """Labelled frames to evaluate on, and what reports call them."""

    name: str
    frames: Iterable[LabelledFrame]
    classes: Sequence[str]
    """Names by label, of frames and detections."""
    spoken_of: Container[int] | None = None
    """Labels of the classes that are labelled in them; detections of others are neither right nor wrong. None: all."""


class Findings(NamedTuple):
    """What one variant found in a set: its figures at any score threshold."""

    precision: AveragePrecision
    judged: Judged


class Examined(NamedTuple):
    """What every variant found in a set."""

    name: str
    images: int
    findings: Mapping[Variant, Findings]


def scene_frames(seeds: range, frames_per_scene: int, spacing: int = 30) -> Iterator[LabelledFrame]:
    """Frames of generated scenes, `spacing` frames apart."""
    for seed in seeds:
        scene = StreetScene(seed)
        for number in range(frames_per_scene):
            yield scene.frame(number * spacing)


def spread(frames: Frames, most: int | None = None) -> Iterator[LabelledFrame]:
    """All frames, or `most` of them spread evenly over all, decoded one at a time."""
    count = len(frames) if most is None else min(most, len(frames))
    return (frames[number] for number in spread_numbers(len(frames), count))


def examine(
    detector: Detector,
    subject: FrameSet,
    variants: Sequence[Variant],
    advance: Callable[[int], None] = lambda done: None,
) -> Examined:
    """Run each variant over a set. Frames are read once; `advance` is told how many are done.

    Raises InputError for a set without a single object to ask for: it would tell nothing.
    """
    objects, done = [], 0
    found: dict[Variant, list[Found]] = {variant: [] for variant in variants}
    judged: dict[Variant, list[Judged]] = {variant: [] for variant in variants}
    frames = iter(subject.frames)
    while some := list(itertools.islice(frames, _BATCH)):
        for variant, answers in _answers(detector, [image for image, _ in some], variants):
            answers = [_spoken_of(answer, subject.spoken_of) for answer in answers]
            found[variant] += [_rows(answer) for answer in answers]
            judged[variant] += [_judge(answer, there) for answer, (_, there) in zip(answers, some, strict=True)]
        objects += [there for _, there in some]
        advance(done := done + len(some))
    if all(thing.ignore for there in objects for thing in there):
        raise InputError(f"the {done} images of {subject.name} have no labelled objects: nothing can be measured")
    truth = GroundTruth(objects, subject.classes)
    findings = {v: Findings(truth.average_precision(found.pop(v)), joined(judged[v])) for v in variants}
    return Examined(subject.name, done, findings)


def serving(examined: Sequence[Examined], variants: Sequence[Variant]) -> tuple[VariantAccuracy, ...]:
    """Per variant the score threshold of `THRESHOLDS` with the best mean F1 over the sets, and that mean."""
    return tuple(_best(variant, [part.findings[variant].judged for part in examined]) for variant in variants)


def evaluation(examined: Examined, thresholds: Mapping[Variant, float]) -> Evaluation:
    """The figures of a set at each variant's score threshold."""
    lines = (_line(v, findings, thresholds[v]) for v, findings in examined.findings.items())
    return Evaluation(examined.name, examined.images, IOU_THRESHOLD, tuple(lines))


def served(image: Image, resolution: int) -> Letterboxed:
    """The canvas the detector gets in service: fitted to the resolution, JPEG, decoded, letterboxed."""
    size = input_size(resolution)
    sent = through_jpeg(fit(image, *size.fitted(image.shape[1], image.shape[0])), _JPEG_QUALITY)
    return letterbox(sent, size.height, size.width)


def _answers(
    detector: Detector, images: Sequence[Image], variants: Sequence[Variant]
) -> Iterator[tuple[Variant, list[list[Detection]]]]:
    """What each variant finds in each image; images are prepared once per resolution."""
    for resolution, group in itertools.groupby(variants, key=lambda variant: variant.resolution):
        boxes = [served(image, resolution) for image in images]
        canvases = np.stack([box.canvas for box in boxes])
        for variant in group:
            answers = detector.detect(canvases, variant, _FLOOR)
            yield variant, [box.on_frame(answer) for box, answer in zip(boxes, answers, strict=True)]


def _spoken_of(answer: list[Detection], labels: Container[int] | None) -> list[Detection]:
    return answer if labels is None else [one for one in answer if one.label in labels]


def _rows(answer: Sequence[Detection]) -> Found:
    rows = [(d.label, d.score, d.left, d.top, d.right, d.bottom) for d in answer]
    return np.array(rows, dtype=np.float64).reshape(-1, 6)


def _judge(answer: Sequence[Detection], objects: Sequence[LabelledObject]) -> Judged:
    return judge([d for d in answer if d.score >= min(THRESHOLDS)], objects, IOU_THRESHOLD)


def _best(variant: Variant, judged: Sequence[Judged]) -> VariantAccuracy:
    """The threshold where the mean F1 is best; of equals the lowest."""
    means = {t: sum(part.counts(t).f1 for part in judged) / len(judged) for t in THRESHOLDS}
    threshold = max(means, key=lambda t: means[t])
    return VariantAccuracy(variant.resolution, variant.network, threshold, round(means[threshold], 4))


def _line(variant: Variant, findings: Findings, threshold: float) -> VariantEvaluation:
    counts = findings.judged.counts(threshold)
    figures = (*findings.precision, counts.f1, counts.precision, counts.recall)
    return VariantEvaluation(variant.resolution, variant.network, threshold, *(round(figure, 4) for figure in figures))
