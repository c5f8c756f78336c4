"""What each variant finds in sets of labelled frames, seen through the same resize and JPEG as in service."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jellyfish.camera.frames import scaled_jpeg
from jellyfish.core import Answer, Detection, InputSize, LabelledObject, Variant
from jellyfish.errors import InputError, RunError
from jellyfish.evaluation.average_precision import AveragePrecision, Found, GroundTruth
from jellyfish.evaluation.matching import Judged, joined, judge
from jellyfish.lab.street import StreetScene
from jellyfish.lab.training.augment import Image, LabelledFrame
from jellyfish.lab.training.coco import spread_numbers
from jellyfish.lab.training.data import Frames
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.models.model import Description, Engine, answers
from jellyfish.models.slimmable.card import Evaluation, VariantAccuracy, VariantEvaluation

IOU_THRESHOLD = 0.5
THRESHOLDS: tuple[float, ...] = tuple(round(0.10 + 0.025 * i, 3) for i in range(25))
"""Score thresholds among which the one that serves is looked for."""

LEAST_SCORE = 0.01
"""Of a detection that counts for average precision: engines to be examined should answer with all of these."""
_BATCH = 8


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


class Examinee(NamedTuple):
    """What is examined."""

    engine: Engine
    sizes: Mapping[Variant, InputSize]
    """What each variant takes; those of one resolution follow each other."""
    most: int = _BATCH
    """Images in a batch, at most."""

    def answers(self, images: Sequence[Image]) -> Iterator[tuple[Variant, list[Answer]]]:
        """What each variant says of each image, as it is in service; images are prepared once per resolution."""
        for size, group in itertools.groupby(self.sizes, key=lambda variant: self.sizes[variant]):
            seen = [served(image, size) for image in images]
            for variant in group:
                yield variant, [answer for batch in self._batches(seen) for answer in self._run(batch, variant)]

    def _batches(self, images: Sequence[Image]) -> Iterator[Sequence[Image]]:
        return (images[first : first + self.most] for first in range(0, len(images), self.most))

    def _run(self, images: Sequence[Image], variant: Variant) -> list[Answer]:
        found = answers(self.engine, images, [variant] * len(images))
        if len(found) != len(images):
            raise RunError(f"the model gave {len(found)} answers for {len(images)} images")
        return found


def subject_of(model: Description, engine: Engine) -> Examinee:
    """All sizes of a model."""
    return Examinee(engine, {size.variant: size.input for size in model.sizes}, model.most(_BATCH))


def examine(subject: Examinee, frame_set: FrameSet, advance: Callable[[int], None] = lambda done: None) -> Examined:
    """Run each variant over a set. Frames are read once; `advance` is told how many are done.

    Raises InputError for a set without a single object to ask for: it would tell nothing.
    """
    objects, done = [], 0
    found: dict[Variant, list[Found]] = {variant: [] for variant in subject.sizes}
    judged: dict[Variant, list[Judged]] = {variant: [] for variant in subject.sizes}
    for some in batched(frame_set.frames):
        for variant, told in subject.answers([image for image, _ in some]):
            detections = [_spoken_of(answer.detections, frame_set.spoken_of) for answer in told]
            found[variant] += [_rows(each) for each in detections]
            judged[variant] += [_judge(each, there) for each, (_, there) in zip(detections, some, strict=True)]
        objects += [there for _, there in some]
        advance(done := done + len(some))
    require_objects(objects, frame_set.name)
    truth = GroundTruth(objects, frame_set.classes)
    findings = {v: Findings(truth.average_precision(found.pop(v)), joined(judged[v])) for v in subject.sizes}
    return Examined(frame_set.name, done, findings)


def batched(frames: Iterable[LabelledFrame]) -> Iterator[list[LabelledFrame]]:
    """A few at a time."""
    rest = iter(frames)
    while some := list(itertools.islice(rest, _BATCH)):
        yield some


def require_objects(images: Sequence[Sequence[LabelledObject]], name: str) -> None:
    """InputError for a set without a single object to ask for: it would tell nothing."""
    if all(thing.ignore for there in images for thing in there):
        raise InputError(f"the {len(images)} images of {name} have no labelled objects: nothing can be measured")


def serving(examined: Sequence[Examined], variants: Sequence[Variant]) -> tuple[VariantAccuracy, ...]:
    """Per variant the score threshold of `THRESHOLDS` with the best mean F1 over the sets, and that mean."""
    return tuple(_best(variant, [part.findings[variant].judged for part in examined]) for variant in variants)


def evaluation(examined: Examined, thresholds: Mapping[Variant, float]) -> Evaluation:
    """The figures of a set at each variant's score threshold."""
    lines = (_line(v, findings, thresholds[v]) for v, findings in examined.findings.items())
    return Evaluation(examined.name, examined.images, IOU_THRESHOLD, tuple(lines))


def served(image: Image, size: InputSize) -> Image:
    """What a server gets of an image: as a camera scales and encodes it."""
    width, height = size.fitted(image.shape[1], image.shape[0])
    return decode_jpeg(scaled_jpeg(image, size), width, height)


def _spoken_of(answer: Sequence[Detection], labels: Container[int] | None) -> Sequence[Detection]:
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
