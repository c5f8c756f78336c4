"""Files that people name: whether there is one to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from jellyfish.errors import InputError

_KINDS = {
    stat.S_IFDIR: "it is a folder",
    stat.S_IFIFO: "it is a pipe, which cannot be read twice: save what comes out of it to a file first",
    stat.S_IFCHR: "it is a device: record it to a file first",
    stat.S_IFBLK: "it is a device: record it to a file first",
    stat.S_IFSOCK: "it is a socket: save what comes out of it to a file first",
}


def legible(path: Path | str) -> str:
    """The path, or another argument of a command, as text that can be written anywhere: names need not be UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def require_file(path: Path, what: str) -> None:
    """InputError where no `what` can lie at `path`, said before it is opened: a pipe would wait for its other end."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        raise InputError(f"there is no {what} {path}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if kind != stat.S_IFREG:
        raise InputError(f"there is no {what} {path} ({_KINDS.get(kind, 'it is no file')})")
