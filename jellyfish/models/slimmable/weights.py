"""Weights on disk: a safetensors file, and the JSON card beside it (`card`).

Never pickle: a weights file cannot run code. Every way in which the pair can be wrong is an `InputError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from jellyfish.errors import InputError
from jellyfish.models.slimmable.card import SHIPPED, Card, CardedVariants, read_weights
from jellyfish.models.slimmable.detector import SlimmableDetector
from jellyfish.models.weights_file import write_carded

_CONVOLUTION = 4
"""Dimensions of a convolution's weights."""


class Weights(CardedVariants):
    """A card and the tensors it speaks of, checked against each other."""

    def __init__(self, card: Card, tensors: dict[str, Tensor]) -> None:
        super().__init__(card)
        self.tensors = tensors

    def detector(self) -> SlimmableDetector:
        """A new network in eval mode that holds copies of the tensors."""
        detector = SlimmableDetector()
        detector.load_state_dict(self.tensors)
        return detector.eval()


def load_weights(path: Path | None = None) -> Weights:
    """Read and check a weights file and its card; the shipped ones without a path.

    Raises InputError for what `read_weights` refuses, and for tensors missing, unknown or of another shape.
    """
    card, data = read_weights(path)
    return Weights(card, read_tensors(path or SHIPPED, data, SlimmableDetector().state_dict()))


def read_tensors(path: Path, data: bytes, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in `data`, the file at `path`; InputError unless they are those `wanted`: a network's state."""
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file: {error}") from error
    _check_tensors(path, tensors, wanted)
    return tensors


def as_stored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as a file holds them: convolutions in half precision, which halves the file and is exact to
    0.05 %; norm statistics, which may be very small or large, in full.
    """
    return {
        name: (tensor.detach().half() if tensor.ndim == _CONVOLUTION else tensor.detach()).contiguous().cpu()
        for name, tensor in tensors.items()
    }


def save_weights(path: Path, tensors: dict[str, Tensor], card: Card) -> Weights:
    """Write weights and card (its checksum filled in); a reader never sees half of either file."""
    write_carded(path, save(as_stored(tensors)), card)
    return load_weights(path)


def _check_tensors(path: Path, tensors: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Raise InputError unless names and shapes are those `wanted`: a network's state."""
    expected = {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for problem, names in (
        ("lacks", expected.keys() - found.keys()),
        ("has the unknown", found.keys() - expected.keys()),
        ("has another shape of", {n for n in expected.keys() & found.keys() if expected[n] != found[n]}),
    ):
        if names:
            raise InputError(f"{path} {problem} tensor {min(names)} (and {len(names) - 1} more)")
