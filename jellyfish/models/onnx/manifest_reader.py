"""`model.toml` read: everything that may be wrong with it is one line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from jellyfish.errors import InputError
from jellyfish.models.onnx.decoders import DECODERS
from jellyfish.models.onnx.decoders.decoder import Decoder
from jellyfish.models.onnx.files import inside
from jellyfish.models.onnx.manifest import InputSpec, Manifest, ManifestFile

_PLACE = re.compile(r" - at `\$\.?([^`]*)`")
"""How msgspec says where something is."""


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`. InputError that says where it is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        given = msgspec.convert(tomllib.loads(text), ManifestFile)
        return _completed(given, path.parent)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: {in_words(error)}; docs/onnx.md has every key") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def in_words(error: msgspec.ValidationError, table: str = "") -> str:
    """What is wrong, and where; `table`: the one that was read, where that is not the whole file."""
    said = str(error)
    place = _PLACE.search(said)
    where = ".".join(part for part in (table, place[1] if place else "") if part)
    what = _PLACE.sub("", said).replace("Object contains", "there is an").replace("Object missing", "there is no")
    return f"{what} in [{where}]" if where else what


def _completed(given: ManifestFile, folder: Path) -> Manifest:
    labels = given.classes if isinstance(given.classes, tuple) else _read_labels(folder, given.classes)
    _check_labels(labels)
    for size in given.sizes:
        assert size.input
    _check_input(given.input)
    if list(given.batches) != sorted(set(given.batches)):
        raise InputError("`batches` must ascend, e.g. [1, 2, 4]")
    return Manifest(
        given.name, given.version, given.licence, given.task, labels, given.sizes, given.input,
        _decoder(given), given.thresholds, given.batches,
    )  # fmt: skip


def _read_labels(folder: Path, name: str) -> tuple[str, ...]:
    path = inside(folder, name)
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").rstrip().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the classes {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _check_labels(labels: tuple[str, ...]) -> None:
    named = [label for label in labels if label]
    if not named:
        raise InputError("`classes` names none")
    twice = next((label for label in named if named.count(label) > 1), None)
    if twice is not None:
        raise InputError(f"`classes` has {twice!r} twice: give each class a name of its own, or '' to leave it out")


def _check_input(given: InputSpec) -> None:
    for key, values in (("std", given.std), ("padding", given.padding)):
        if len(values) != 3:
            raise InputError(f"`{key}` in [input] must have 3 numbers, one for each colour")


def _decoder(given: ManifestFile) -> Decoder:
    """The decoder that [output] names, with what else it says there."""
    known = DECODERS[given.task]
    options = dict(given.output)
    name = options.pop("decoder", None)
    if name not in known:
        raise InputError(f"`decoder` in [output] is {name!r}; for {given.task} there are: {', '.join(known)}")
    try:
        return msgspec.convert(options, known[name])
    except msgspec.ValidationError as error:
        raise InputError(f"{in_words(error, 'output')} for the decoder {name}") from error
