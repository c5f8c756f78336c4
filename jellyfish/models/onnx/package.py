"""A package as a model: a folder, a .zip, or one .onnx file beside its `model.toml`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from jellyfish.core import Task
from jellyfish.errors import InputError
from jellyfish.models.model import Description, EngineOptions, Size
from jellyfish.models.onnx.archive import unpacked
from jellyfish.models.onnx.engine import OnnxEngine
from jellyfish.models.onnx.files import checksum, inside
from jellyfish.models.onnx.manifest import FILE_NAME, Manifest, SizeEntry
from jellyfish.models.onnx.manifest_reader import read_manifest
from jellyfish.models.onnx.runtime import libraries


@dataclass(frozen=True)
class OnnxModel:
    """See `jellyfish.models.model.Model`. It may be pickled: it holds paths and values."""

    folder: Path
    manifest: Manifest
    description: Description

    def engine(self, options: EngineOptions) -> OnnxEngine:
        """See `Model.engine`."""
        return OnnxEngine(self.manifest, self.folder, options)


def open_package(path: Path) -> OnnxModel:
    """The model at `path`. Its files are read for their checksums; no graph is loaded.

    Raises InputError: a file is missing, is not what its checksum says or lies outside, `model.toml` is wrong, or
    onnxruntime is not installed.
    """
    needed = libraries()
    folder, manifest = _opened(path)
    words = [checksum(folder / FILE_NAME), *_checksums(folder, manifest)]
    sizes = sorted(
        (_size(manifest, size) for size in manifest.sizes),
        key=lambda size: size.input.resolution,
    )
    description = Description(
        name=manifest.name,
        version=manifest.version,
        task=manifest.task,
        classes=manifest.classes,
        sizes=tuple(sizes),
        identity=hashlib.sha256("\n".join(words).encode()).hexdigest(),
        batches=manifest.batches,
        libraries=needed,
        preload=("jellyfish.models.onnx.engine", "onnxruntime"),
        movable=True,
        notes=(f"Licence: {manifest.licence}.",) if manifest.licence else (),
    )
    return OnnxModel(folder, manifest, description)


def _size(manifest: Manifest, size: SizeEntry) -> Size:
    least_score = manifest.score_threshold(size) if manifest.task is Task.DETECTION else None
    return Size(size.variant, size.input, size.accuracy, size.source, least_score)


def _opened(path: Path) -> tuple[Path, Manifest]:
    """The folder, and what its manifest says; of one file alone, if that is what was named."""
    if path.is_dir():
        _require_manifest(path, path)
        return path.resolve(), read_manifest(path / FILE_NAME)
    if not path.is_file():
        raise InputError(f"there is no model {path}: give a folder with {FILE_NAME}, a .zip of one, or an .onnx file")
    if path.suffix.lower() == ".zip":
        folder = unpacked(path)
        return folder, read_manifest(folder / FILE_NAME)
    _require_manifest(path.parent, path)
    manifest = read_manifest(path.parent / FILE_NAME)
    own = tuple(size for size in manifest.sizes if size.file == path.name)
    if not own:
        raise InputError(f"{path.parent / FILE_NAME} says nothing of {path.name}: give it a [[sizes]] there")
    return path.parent.resolve(), msgspec.structs.replace(manifest, sizes=own)


def _require_manifest(folder: Path, given: Path) -> None:
    if not (folder / FILE_NAME).is_file():
        raise InputError(
            f"there is no {FILE_NAME} in {folder}, which says what {given.name} takes and finds: "
            "`jellyfish model inspect FILE.onnx` writes one"
        )


def _checksums(folder: Path, manifest: Manifest) -> list[str]:
    """Of every file that the sizes name."""
    return [f"{name} {_checked(folder, size, name)}" for size in manifest.sizes for name in (size.file, *size.data)]


def _checked(folder: Path, size: SizeEntry, name: str) -> str:
    path = inside(folder, name)
    if not path.is_file():
        raise InputError(f"{folder / FILE_NAME}: size {size.name} has the file {name}, which is not there")
    found = checksum(path)
    if name == size.file and size.sha256 and found != size.sha256.lower():
        raise InputError(
            f"{path} is not the file that {FILE_NAME} describes: get it again, or write its own sha256 there: {found}"
        )
    return found
