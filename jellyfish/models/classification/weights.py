"""A classifier's weights on disk: a safetensors file, and the card beside it (`card`)."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from jellyfish.errors import InputError
from jellyfish.models.classification.card import SHIPPED, ClassifierCard, read_classifier
from jellyfish.models.classification.network import Classifier
from jellyfish.models.slimmable.weights import as_stored, check_tensors
from jellyfish.models.weights_file import write_carded


def load_classifier(path: Path | None = None) -> Classifier:
    """The network of a weights file, in eval mode; the shipped one without a path.

    Raises InputError for what `read_classifier` refuses, and for tensors missing, unknown or of another shape.
    """
    _, data = read_classifier(path)
    path = path or SHIPPED
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file: {error}") from error
    classifier = Classifier()
    check_tensors(path, tensors, classifier.state_dict())
    classifier.load_state_dict(tensors)
    return classifier.eval()


def save_classifier(path: Path, tensors: dict[str, Tensor], card: ClassifierCard) -> None:
    """Write weights and card (its checksum filled in); a reader never sees half of either file."""
    write_carded(path, save(as_stored(tensors)), card)
