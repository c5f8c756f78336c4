"""The classifier as a `Model`: what it is, known at once, and its engines, for which torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jellyfish.core import Task
from jellyfish.errors import InputError
from jellyfish.models.classification.card import ClassifierCard, read_classifier
from jellyfish.models.classification.sizes import VARIANTS, input_size
from jellyfish.models.model import Description, EngineOptions, Size

if TYPE_CHECKING:
    from jellyfish.models.classification.engine import ClassifierEngine

NAME = "classification"
_VERSION_DIGITS = 8


@dataclass(frozen=True)
class ClassificationModel:
    """A classifier in a weights file. It may be pickled: the file is read again where an engine is made."""

    card: ClassifierCard
    weights: Path | None
    """None: those shipped."""

    @cached_property
    def description(self) -> Description:
        """See `Model.description`."""
        card = self.card
        sizes = (Size(variant, input_size(variant.resolution), card.top1[variant], card.source) for variant in VARIANTS)
        return Description(
            name=NAME,
            version=card.sha256[:_VERSION_DIGITS],
            task=Task.CLASSIFICATION,
            classes=card.classes,
            sizes=tuple(sizes),
            identity=card.sha256,
            libraries=("torch",),
            preload=("jellyfish.models.classification.engine", "jellyfish.models.classification.weights"),
            movable=True,
        )

    def engine(self, options: EngineOptions) -> ClassifierEngine:
        """See `Model.engine`. InputError if the weights have changed into something that cannot be used."""
        from jellyfish.models.classification.engine import ClassifierEngine  # torch: only where it is run
        from jellyfish.models.classification.weights import load_classifier
        from jellyfish.models.torch_device import opened_device

        return ClassifierEngine(load_classifier(self.weights), opened_device(options))


def open_classifier(part: str = "", weights: Path | None = None) -> ClassificationModel:
    """The classifier in `weights`; the shipped one without. InputError for a file or a card that cannot be used."""
    if part:
        raise InputError(f"the classifier has no part {part!r}: --variant names one of its sizes")
    return ClassificationModel(read_classifier(weights)[0], weights)
