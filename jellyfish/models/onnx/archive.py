"""A package in a .zip: unpacked once, into the user's cache, under its checksum."""

from __future__ import annotations

import contextlib
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import platformdirs

from jellyfish.errors import InputError
from jellyfish.models.onnx.files import checksum
from jellyfish.models.onnx.manifest import FILE_NAME

MOST_BYTES = 16 * 1024**3
"""Of all files of a package together."""
MOST_FILES = 1000
_KINDS = (0, stat.S_IFREG, stat.S_IFDIR)
"""What may be in it; 0: whoever packed it did not say."""


def unpacked(path: Path) -> Path:
    """The folder of the package in the .zip at `path`. InputError for one that is damaged, or that is no package."""
    target = Path(platformdirs.user_cache_dir("jellyfish")) / "packages" / checksum(path)[:32]
    if not target.is_dir():
        _unpack(path, target)
    if not target.is_dir():
        raise InputError(f"{path} cannot be unpacked into {target.parent}: is there room, and may it be written to?")
    if (target / FILE_NAME).is_file():
        return target
    for folder in target.iterdir():  # of one that was packed with its folder
        if (folder / FILE_NAME).is_file():
            return folder
    raise InputError(f"{path} holds no {FILE_NAME}: a package has it at its top, or in its only folder")


def _unpack(path: Path, target: Path) -> None:
    """All or nothing: whoever else unpacks the same at the same time is not met."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(dir=target.parent, prefix="unpacking-") as place,
            zipfile.ZipFile(path) as archive,
        ):
            _check_members(path, archive.infolist())
            whole = Path(place) / "whole"
            whole.mkdir()
            archive.extractall(whole)
            with contextlib.suppress(OSError):  # somebody else was quicker
                whole.rename(target)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be unpacked: {error}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be unpacked into {target.parent}: {error.strerror or error}") from error


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """InputError for what would lie outside, or is no file, or is too much."""
    if len(members) > MOST_FILES or sum(member.file_size for member in members) > MOST_BYTES:
        raise InputError(f"{path} is no package: it has over {MOST_FILES} files, or {MOST_BYTES >> 30} GB unpacked")
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        outside = name.is_absolute() or ".." in name.parts or ":" in member.filename
        if outside or stat.S_IFMT(member.external_attr >> 16) not in _KINDS:
            raise InputError(f"{path} holds {member.filename!r}, which is no file inside it: pack plain files alone")
