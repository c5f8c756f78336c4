"""A classifier's weights on disk: a safetensors file, and the card beside it (`card`)."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from jellyfish.models.classification.card import SHIPPED, ClassifierCard, read_classifier
from jellyfish.models.classification.network import Classifier
from jellyfish.models.slimmable.weights import as_stored, read_tensors
from jellyfish.models.weights_file import write_carded


def load_classifier(path: Path | None = None) -> Classifier:
    """The network of a weights file, in eval mode; the shipped one without a path.

    Raises InputError for what `read_classifier` refuses, and for tensors missing, unknown or of another shape.
    """
    _, data = read_classifier(path)
    classifier = Classifier()
    classifier.load_state_dict(read_tensors(path or SHIPPED, data, classifier.state_dict()))
    return classifier.eval()


def save_classifier(path: Path, tensors: dict[str, Tensor], card: ClassifierCard) -> None:
    """Write weights and card (its checksum filled in); a reader never sees half of either file."""
    write_carded(path, save(as_stored(tensors)), card)
