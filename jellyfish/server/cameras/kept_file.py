"""The file in which cameras stand that were added at run time. It has their URLs, so only its owner may read it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from jellyfish.config import ServedCamera
from jellyfish.errors import InputError
from jellyfish.server.cameras.entries import entry_of, read_entries
from jellyfish.whole_files import written_whole

MOST_BYTES = 16_000_000


class KeptCameras(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    cameras: list[dict[str, object]]


def read_kept(path: Path) -> tuple[ServedCamera, ...]:
    """The cameras of a file; none where there is no file yet, or nothing in it. InputError for what cannot be used."""
    if path.exists() and not path.is_file():  # to read a pipe is to wait for ever
        raise InputError(f"the kept cameras cannot be read: {path} is no file")
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise InputError(f"{path} cannot be written: there is no folder {path.parent}") from None
        return ()
    except OSError as error:
        raise InputError(f"the kept cameras cannot be read: {path}: {error.strerror}") from error
    if len(text) > MOST_BYTES:
        raise InputError(f"{path} is no file of kept cameras: it has more than {MOST_BYTES:,} bytes")
    if not text.strip():
        return ()
    try:
        return read_entries(msgspec.json.decode(text, type=KeptCameras).cameras)
    except (msgspec.MsgspecError, UnicodeDecodeError, InputError) as error:
        raise InputError(f"{path} is no file of kept cameras: {error}") from error


def write_kept(path: Path, cameras: Iterable[ServedCamera]) -> None:
    """Have these in the file. InputError, and the file as it was, where it cannot be written."""
    entries = [msgspec.to_builtins(entry_of(camera)) for camera in cameras]
    text = msgspec.json.format(msgspec.json.encode(KeptCameras(entries)))
    try:
        with written_whole(path) as partial, os.fdopen(_private(partial), "wb") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _private(path: Path) -> int:
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
