"""A folder of log files in numbered parts, bounded by size and age. Writes files; `now` is an argument."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from jellyfish.errors import InputError
from jellyfish.results.rotation import Part, Rotation

HEADER = "run"
_NAME = re.compile(r"(?P<kind>[a-z_]+)-(?P<number>\d{6,})\.jsonl?\Z")


class PartedFiles:
    """`<kind>-<number>.jsonl` for each kind of line, and beside each part `run-<number>.json`, of whoever wrote it.

    Raises `InputError` when `folder` holds anything else or cannot be made. Parts that are there already count.
    """

    def __init__(self, folder: Path, most_bytes: int, most_age_s: float) -> None:
        self.folder = folder
        self._rotation = Rotation(most_bytes, most_age_s, _found(folder))
        self._header = b""
        self._number = 0

    def begin(self, header: bytes) -> None:
        """From now on this is the header of new parts."""
        self._header = header
        self._rotation.end()

    def write(self, chunks: Mapping[str, bytes], now_unix_s: float) -> None:
        """Add lines by kind. OSError when that fails; what comes next then goes into a new part."""
        size_bytes = sum(map(len, chunks.values()))
        self.tidy(size_bytes + len(self._header), now_unix_s)
        try:
            if not self._rotation.takes(size_bytes, now_unix_s):
                self._number = self._rotation.begin(now_unix_s)
                self._add(f"{HEADER}-{self._number:06}.json", self._header)
            for kind, lines in chunks.items():
                self._add(f"{kind}-{self._number:06}.jsonl", lines)
        except OSError:
            self._rotation.end()  # half a line may be there
            raise

    def tidy(self, size_bytes: int, now_unix_s: float) -> None:
        """Delete what is too old, and the oldest parts so that `size_bytes` more can be written."""
        for number in self._rotation.surplus(size_bytes, now_unix_s):
            for path in self.folder.glob(f"*-{number:06}.json*"):
                path.unlink(missing_ok=True)

    def _add(self, name: str, data: bytes) -> None:
        with (self.folder / name).open("ab") as file:
            self._rotation.wrote(len(data))
            file.write(data)


def _found(folder: Path) -> list[Part]:
    """The parts in a folder, which is made if it is not there."""
    sizes, begun = defaultdict[int, int](int), dict[int, float]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            if (name := _NAME.match(path.name)) is None:
                raise InputError(f"{folder}: holds {path.name}, which no server's log does; name another folder for it")
            number, told = int(name["number"]), path.stat()
            sizes[number] += told.st_size
            if name["kind"] == HEADER:
                begun[number] = told.st_mtime
            begun.setdefault(number, told.st_mtime)
        (folder / f"{HEADER}-000000.json").touch()
        (folder / f"{HEADER}-000000.json").unlink()
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be used for the server's log ({error.strerror}); name another folder"
        ) from error
    return [Part(number, begun[number], size) for number, size in sizes.items()]
