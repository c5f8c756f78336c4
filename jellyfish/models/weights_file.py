"""A weights file in safetensors, and the JSON card beside it that says what it is. Both are read without torch.

Never pickle: a weights file cannot run code. Every way in which the two do not go together is an `InputError`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from jellyfish.errors import InputError
from jellyfish.whole_files import written_whole


class CarriedCard(msgspec.Struct, frozen=True):
    """What every card says first."""

    schema: int
    architecture: str
    classes: tuple[str, ...]
    sha256: str
    """Of the weights file."""


class CardKind(NamedTuple):
    """Which cards this program can use."""

    schema: int
    architecture: str
    classes: tuple[str, ...]


class _Schema(msgspec.Struct, frozen=True):
    """Just enough of a card to tell one of another schema, whatever else it says."""

    schema: int


CardT = TypeVar("CardT", bound=CarriedCard)


def card_path(path: Path) -> Path:
    """Where the card of a weights file lies: beside it, the same name with `.json`."""
    return path.with_suffix(".json")


def read_carded(path: Path, type_: type[CardT], kind: CardKind) -> tuple[CardT, bytes]:
    """The card of the weights at `path`, and the file that it describes, by its checksum.

    Raises InputError: a file is missing or unreadable, another schema, architecture or class list, a checksum that does
    not fit.
    """
    data = _read(path, f"the weights {path}")
    if not _is_safetensors(data):
        raise InputError(f"{path} is not a safetensors file; give weights as `jellyfish train` writes them")
    card = _read_card(path, type_, kind)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise InputError(f"{path} is not the file its card {card_path(path)} describes (SHA-256 differs)")
    return card, data


def write_carded(path: Path, data: bytes, card: CarriedCard) -> None:
    """Write weights and card (its checksum filled in); a reader never sees half of either file."""
    card = msgspec.structs.replace(card, sha256=hashlib.sha256(data).hexdigest())
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, content in ((path, data), (card_path(path), msgspec.json.format(msgspec.json.encode(card)) + b"\n")):
        with written_whole(target) as place:
            place.write_bytes(content)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {what}: {error.strerror or error}") from error


def _is_safetensors(data: bytes) -> bool:
    """Whether it begins like one: with the length of a JSON object, and that."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data) - 8


def _read_card(weights: Path, type_: type[CardT], kind: CardKind) -> CardT:
    """The card of the weights at this path, if this program can use weights such as it describes."""
    path = card_path(weights)
    data = _read(path, f"the card {path} of the weights {weights}, which must lie beside them")
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
        if schema != kind.schema:
            raise InputError(f"{path} has schema {schema}; this version reads schema {kind.schema}")
        card = msgspec.json.decode(data, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a weights card: {error}") from error
    if card.architecture != kind.architecture:
        raise InputError(f"{path} is for the network {card.architecture!r}; this version has {kind.architecture!r}")
    if card.classes != kind.classes:
        raise InputError(
            f"{path} is for the classes {', '.join(card.classes)}; this version has {', '.join(kind.classes)}"
        )
    return card
