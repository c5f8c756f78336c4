"""The JSON card beside a classifier's weights: what they are and what they are worth. Read without torch, at once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jellyfish.core import Variant
from jellyfish.errors import InputError
from jellyfish.models.classification.sizes import VARIANTS
from jellyfish.models.slimmable.card import OfVariant, Training
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.models.weights_file import CardKind, CarriedCard, card_path, read_carded

KIND = CardKind(schema=1, architecture="street-classes-1", classes=CLASSES)
SHIPPED = Path(__file__).parent / "shipped" / "street-classes.safetensors"


class VariantTop1(OfVariant, frozen=True):
    """How often one variant was right about one set of pictures."""

    top1: float
    """Share of the pictures whose class is its first guess, 0..1."""
    mean_recall: float
    """The same for each class apart, and the mean of these: what a common class cannot make up for."""


class ClassifierEvaluation(msgspec.Struct, frozen=True):
    """What was measured on one set of labelled pictures."""

    name: str
    pictures: int
    majority: str
    """The class that most of them show."""
    majority_share: float
    """How often it would be right to say that every time."""
    variants: tuple[VariantTop1, ...]


class ClassifierCard(CarriedCard, frozen=True):
    """The JSON beside a classifier's weights."""

    evaluations: tuple[ClassifierEvaluation, ...]
    """Planners go by the first."""
    training: Training
    licences: tuple[str, ...]
    """Of what was learned from, a line each."""

    @property
    def top1(self) -> dict[Variant, float]:
        """What planners know of each variant."""
        return {line.variant: line.top1 for line in self.evaluations[0].variants}

    @property
    def source(self) -> str:
        """Where these figures are from, in words."""
        first = self.evaluations[0]
        return f"top-1 of {first.pictures:,} {first.name}; {first.majority} every time: {first.majority_share:.3f}"


def read_classifier(path: Path | None = None) -> tuple[ClassifierCard, bytes]:
    """A card and the file that it describes; the shipped ones without a path.

    Raises InputError for what `read_carded` refuses, and for a card that does not say how good every variant is.
    """
    path = path or SHIPPED
    card, data = read_carded(path, ClassifierCard, KIND)
    measured = card.top1 if card.evaluations else {}
    missing = [variant.name for variant in VARIANTS if variant not in measured]
    if missing:
        raise InputError(
            f"{card_path(path)} does not say how often {missing[0]} is right (and {len(missing) - 1} more)"
        )
    return card, data
