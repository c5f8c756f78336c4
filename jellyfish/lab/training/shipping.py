"""From trained tensors to a measured card: what a run ships, and how far it is meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from jellyfish.core import Variant
from jellyfish.lab.training.data import Frames
from jellyfish.lab.training.evaluate import LEAST_SCORE, Examinee, FrameSet, evaluation, examine, serving, spread
from jellyfish.models.slimmable.card import ARCHITECTURE, SCHEMA, Card, Training
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.sizes import VARIANTS
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.models.slimmable.weights import Weights, as_stored

_UNKNOWN = Training("", 0, 0, 0.0, "", ())


def engine_of(tensors: dict[str, Tensor], device: torch.device) -> DetectorEngine:
    """An engine that runs these tensors as a weights file would hold them, to be examined: it answers with all.

    It has no score thresholds of its own yet.
    """
    card = Card(SCHEMA, ARCHITECTURE, CLASSES, "", (), (), _UNKNOWN)
    return DetectorEngine(Weights(card, as_stored(tensors)), device, least_score=LEAST_SCORE)


def measure_card(
    engine: DetectorEngine,
    sets: Sequence[FrameSet],
    training: Training,
    advance: Callable[[int], None] = lambda done: None,
) -> Card:
    """The card of the engine's weights (its checksum is filled in when it is saved), every variant measured on every
    set.

    `advance` is told how many images are done, over all sets. Raises InputError for a set without objects.
    """
    variants, examined, before = engine.variants(), [], 0
    for frame_set in sets:
        examined.append(examine(_subject(engine, variants), frame_set, _after(before, advance)))
        before += examined[-1].images
    accuracy = serving(examined, variants)
    thresholds = {entry.variant: entry.score_threshold for entry in accuracy}
    evaluations = tuple(evaluation(part, thresholds) for part in examined)
    return Card(SCHEMA, ARCHITECTURE, CLASSES, "", accuracy, evaluations, training)


def progress_ap50(engine: DetectorEngine, frames: Frames, images: int = 300) -> float:
    """AP50 of the largest variant on some held-out frames, spread evenly: how far a run is."""
    largest = VARIANTS[-1]
    frame_set = FrameSet("progress", spread(frames, images), CLASSES)
    return examine(_subject(engine, [largest]), frame_set).findings[largest].precision.ap50


def _subject(engine: DetectorEngine, variants: Sequence[Variant]) -> Examinee:
    return Examinee(engine, {variant: input_size(variant.resolution) for variant in variants})


def _after(before: int, advance: Callable[[int], None]) -> Callable[[int], None]:
    """`advance` for the next of several sets."""
    return lambda done: advance(before + done)
