"""The JSON card beside a weights file: what the weights are and what they are worth. Read without torch, at once.

Every way in which card and file do not go together is an `InputError`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from jellyfish.core import Variant
from jellyfish.errors import InputError
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.models.weights_file import CardKind, CarriedCard, read_carded

SCHEMA = 2
ARCHITECTURE = "slimmable-street-2"
KIND = CardKind(SCHEMA, ARCHITECTURE, CLASSES)
SHIPPED = Path(__file__).parent / "shipped" / "street.safetensors"


class OfVariant(msgspec.Struct, frozen=True):
    """What is said of one variant."""

    resolution: int
    network: str

    @property
    def variant(self) -> Variant:
        """The variant this is about."""
        return Variant(self.resolution, self.network)


class VariantAccuracy(OfVariant, frozen=True):
    """What planners know of a variant."""

    score_threshold: float
    """The least score of a detection worth answering with: where `f1` is best."""
    f1: float
    """Mean over the card's evaluations of F1 at that threshold."""


class VariantEvaluation(OfVariant, frozen=True):
    """What one variant found in one set of images.

    Average precision is COCO's, over the classes that the set has objects of; the rest is counted over all objects at
    the score threshold.
    """

    score_threshold: float
    ap50: float
    ap: float
    """Mean over the IoU thresholds 0.50, 0.55 .. 0.95."""
    f1: float
    precision: float
    recall: float


class Evaluation(msgspec.Struct, frozen=True):
    """What was measured on one set of labelled images."""

    name: str
    images: int
    iou_threshold: float
    """Least overlap of a right detection, for F1, precision and recall."""
    variants: tuple[VariantEvaluation, ...]


class Training(msgspec.Struct, frozen=True):
    """How the weights came to be."""

    command: str
    steps: int
    seed: int
    hours: float
    machine: str
    data: tuple[str, ...]
    """What was learned from, a line each."""


class Card(CarriedCard, frozen=True):
    """The JSON beside a weights file."""

    accuracy: tuple[VariantAccuracy, ...]
    evaluations: tuple[Evaluation, ...]
    training: Training


class CardedVariants:
    """The variants that a card speaks of, and what each is worth."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self._accuracy = {entry.variant: entry for entry in card.accuracy}

    @property
    def identity(self) -> str:
        """The checksum that latency profiles are kept under."""
        return self.card.sha256

    def variants(self) -> tuple[Variant, ...]:
        """Every variant the card speaks of, small resolutions first."""
        return tuple(sorted(self._accuracy))

    def accuracy(self, variant: Variant) -> float:
        """Measured F1 (0..1) of a variant; InputError for one the card does not speak of."""
        return self.entry(variant).f1

    def score_threshold(self, variant: Variant) -> float:
        """The least score of a detection worth answering with, per variant where F1 is best."""
        return self.entry(variant).score_threshold

    def entry(self, variant: Variant) -> VariantAccuracy:
        """The card's line about a variant; InputError for one the card does not speak of."""
        try:
            return self._accuracy[variant]
        except KeyError:
            known = ", ".join(v.name for v in self.variants())
            raise InputError(f"The weights know no variant {variant.name}; they know: {known}") from None


def read_weights(path: Path | None = None) -> tuple[Card, bytes]:
    """A card and the file that it describes; the shipped ones without a path.

    InputError for what `read_carded` refuses.
    """
    return read_carded(path or SHIPPED, Card, KIND)
