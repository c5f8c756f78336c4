"""Weights on disk: a safetensors file and a JSON card beside it that says what it is and what it is worth.

Never pickle: a weights file cannot run code. Every way in which the pair can be wrong is an `InputError`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from jellyfish.core import CLASSES, Variant
from jellyfish.errors import InputError
from jellyfish.models.slimmable.detector import SlimmableDetector

SCHEMA = 2
ARCHITECTURE = "slimmable-street-2"
_CONVOLUTION = 4
"""Dimensions of a convolution's weights."""

SHIPPED = Path(__file__).parent / "shipped" / "street.safetensors"


class VariantAccuracy(msgspec.Struct, frozen=True):
    """What planners know of a variant."""

    resolution: int
    network: str
    score_threshold: float
    """The least score of a detection worth answering with: where `f1` is best."""
    f1: float
    """Mean over the card's evaluations of F1 at that threshold."""

    @property
    def variant(self) -> Variant:
        """The variant this is about."""
        return Variant(self.resolution, self.network)


class VariantEvaluation(msgspec.Struct, frozen=True):
    """What one variant found in one set of images.

    Average precision is COCO's, over the classes that the set has objects of; the rest is counted over all objects at
    the score threshold.
    """

    resolution: int
    network: str
    score_threshold: float
    ap50: float
    ap: float
    """Mean over the IoU thresholds 0.50, 0.55 .. 0.95."""
    f1: float
    precision: float
    recall: float

    @property
    def variant(self) -> Variant:
        """The variant this is about."""
        return Variant(self.resolution, self.network)


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


class Card(msgspec.Struct, frozen=True):
    """The JSON beside a weights file."""

    schema: int
    architecture: str
    classes: tuple[str, ...]
    sha256: str
    accuracy: tuple[VariantAccuracy, ...]
    evaluations: tuple[Evaluation, ...]
    training: Training


class _Schema(msgspec.Struct, frozen=True):
    """Just enough of a card to tell one of another schema, whatever else it says."""

    schema: int


class Weights:
    """A card and the tensors it speaks of, checked against each other."""

    def __init__(self, card: Card, tensors: dict[str, Tensor]) -> None:
        self.card, self.tensors = card, tensors
        self._accuracy = {entry.variant: entry for entry in card.accuracy}

    def detector(self) -> SlimmableDetector:
        """A new network in eval mode that holds copies of the tensors."""
        detector = SlimmableDetector()
        detector.load_state_dict(self.tensors)
        return detector.eval()

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


def card_path(path: Path) -> Path:
    """Where the card of a weights file lies: beside it, the same name with `.json`."""
    return path.with_suffix(".json")


def load_weights(path: Path | None = None) -> Weights:
    """Read and check a weights file and its card; the shipped ones without a path.

    Raises InputError: a file is missing or unreadable, another schema, architecture or class list, a
    checksum that does not fit, tensors missing, unknown or of another shape.
    """
    path = path or SHIPPED
    data = _read(path, f"the weights {path}")
    if not _is_safetensors(data):
        raise InputError(f"{path} is not a safetensors file; give weights as `jellyfish train` writes them")
    card = _read_card(path)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise InputError(f"{path} is not the file its card {card_path(path)} describes (SHA-256 differs)")
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise InputError(f"{path} is not a safetensors file: {error}") from error
    _check_tensors(path, tensors)
    return Weights(card, tensors)


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
    data = save(as_stored(tensors))
    card = msgspec.structs.replace(card, sha256=hashlib.sha256(data).hexdigest())
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, content in ((path, data), (card_path(path), msgspec.json.format(msgspec.json.encode(card)) + b"\n")):
        partial = target.with_name(target.name + ".partial")
        partial.write_bytes(content)
        partial.replace(target)
    return load_weights(path)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {what}: {error.strerror or error}") from error


def _is_safetensors(data: bytes) -> bool:
    """Whether it begins like one: with the length of a JSON object, and that."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def _read_card(weights: Path) -> Card:
    """The card of the weights at this path, if this program can use weights such as it describes."""
    path = card_path(weights)
    data = _read(path, f"the card {path} of the weights {weights}, which must lie beside them")
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema != SCHEMA:
            raise InputError(f"{path} has schema {schema}; this version reads schema {SCHEMA}")
        card = msgspec.json.decode(data, type=Card)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a weights card: {error}") from error
    if card.architecture != ARCHITECTURE:
        raise InputError(f"{path} is for the network {card.architecture!r}; this version has {ARCHITECTURE!r}")
    if card.classes != CLASSES:
        raise InputError(f"{path} is for the classes {', '.join(card.classes)}; this version has {', '.join(CLASSES)}")
    return card


def _check_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Raise InputError unless names and shapes are those of the network."""
    expected = {name: tuple(tensor.shape) for name, tensor in SlimmableDetector().state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for problem, names in (
        ("lacks", expected.keys() - found.keys()),
        ("has the unknown", found.keys() - expected.keys()),
        ("has another shape of", {n for n in expected.keys() & found.keys() if expected[n] != found[n]}),
    ):
        if names:
            raise InputError(f"{path} {problem} tensor {min(names)} (and {len(names) - 1} more)")
