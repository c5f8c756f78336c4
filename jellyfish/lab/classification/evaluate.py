"""How often each variant is right about labelled objects that were cut out, seen through the resize of service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from jellyfish.core import Variant
from jellyfish.errors import InputError
from jellyfish.lab.classification.crops import addresses, square_around
from jellyfish.lab.training.augment import Image
from jellyfish.lab.training.data import Frames
from jellyfish.media.resize import fit
from jellyfish.models.classification.card import ClassifierEvaluation, VariantTop1
from jellyfish.models.classification.sizes import VARIANTS, input_size
from jellyfish.models.model import Engine, answers
from jellyfish.models.slimmable.street import CLASSES

LEAST_PX = 32.0
"""Longer side of an object to measure on, in its frame."""
_BATCH = 16


class LabelledCrop(NamedTuple):
    """An object cut out, and what it is."""

    image: Image
    label: int


def crops_of(frames: Frames) -> list[LabelledCrop]:
    """Every object large enough, with the surroundings that it is asked for with."""
    found = []
    for number, thing in addresses(frames, LEAST_PX):
        image, _ = frames[number]
        window = square_around(thing, image.shape[1], image.shape[0])
        found.append(LabelledCrop(window.cut(image), thing.label))
    return found


def classifier_evaluation(
    engine: Engine,
    name: str,
    crops: Sequence[LabelledCrop],
    variants: Sequence[Variant] = VARIANTS,
    advance: Callable[[int], None] = lambda done: None,
) -> ClassifierEvaluation:
    """Every variant's figures on these. InputError if there are none. `advance` is told how many variants are done."""
    if not crops:
        raise InputError(f"{name}: no labelled object is {LEAST_PX:g} pixels large, so nothing can be measured")
    labels = np.array([crop.label for crop in crops])
    lines = []
    for done, variant in enumerate(variants, start=1):
        guesses = np.array([*_guesses(engine, crops, variant)])
        right = guesses == labels
        recalls = [right[labels == label].mean() for label in np.unique(labels)]
        figures = (round(float(value), 4) for value in (right.mean(), np.mean(recalls)))
        lines.append(VariantTop1(variant.resolution, variant.network, *figures))
        advance(done)
    (majority, count), *_ = Counter(labels.tolist()).most_common(1)
    return ClassifierEvaluation(name, len(crops), CLASSES[majority], round(count / len(crops), 4), tuple(lines))


def _guesses(engine: Engine, crops: Sequence[LabelledCrop], variant: Variant) -> Iterator[int]:
    """The first guess about each, as a camera would send it."""
    rest = iter(crops)
    while batch := [*islice(rest, _BATCH)]:
        images = [_as_sent(crop.image, variant) for crop in batch]
        for answer in answers(engine, images, [variant] * len(images)):
            yield answer.scores[0].label


def _as_sent(image: Image, variant: Variant) -> Image:
    return fit(image, *input_size(variant.resolution).fitted(image.shape[1], image.shape[0]))
