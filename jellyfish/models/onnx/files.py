"""Files of a package: none lies outside it, and each has a checksum."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from jellyfish.errors import InputError


def inside(folder: Path, name: str) -> Path:
    """The file called so in the package. InputError for one that would lie elsewhere.

    It may be a link to elsewhere: whoever made the folder put it there. Archives hold none.
    """
    path = Path(os.path.normpath(folder / name))
    if not name or not path.is_relative_to(os.path.normpath(folder)):
        raise InputError(f"the file {name!r} lies outside the package: name files in its folder")
    return path


def checksum(path: Path) -> str:
    """SHA-256 of the file's content. InputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
