"""The folder of one run, written as the run goes: whole lines only, once a second while lines come.

The one module of `results` that writes files. `now` is an argument; a run that is killed leaves readable
lines of all but its last second.
"""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from jellyfish.errors import InputError, RunError
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.records import FrameRecord, OutageRecord, PlanRecord, RunInfo, answering
from jellyfish.results.summary import Summary
from jellyfish.results.window_lines import WindowLines

PICTURES = "pictures.jpg"
"""A few frames with what was found in them, where a run has pictures."""
FLUSH_INTERVAL_S = 1.0
FLUSH_BYTES = 1 << 18
LINE_FILES = (
    *("frames.jsonl", "plans.jsonl", "outages.jsonl"),
    *("windows.jsonl", "window_clients.jsonl", "window_devices.jsonl"),
)


def default_folder(mode: str, started: datetime, root: Path = Path("results")) -> Path:
    """A folder below `root` that does not exist: `<mode>-YYYYmmdd-HHMMSS`, with -2, -3, ... when taken."""
    first = root / f"{mode}-{started:%Y%m%d-%H%M%S}"
    folder, number = first, 1
    while folder.exists():
        number += 1
        folder = first.with_name(f"{first.name}-{number}")
    return folder


class ResultWriter:
    """Writes `run.json` at once (and again when the model is known), lines as they come, and `summary.json` at the end.

    There is no file without a line.

    Raises `InputError` when `folder` is not empty or cannot be made, `RunError` when a file can no longer be
    written (a full disk, say).
    """

    def __init__(self, folder: Path, info: RunInfo) -> None:
        _prepare(folder)
        self.folder, self._info = folder, info
        _write_json(folder / "run.json", info)
        self._files = {name: _LineFile(folder / name) for name in LINE_FILES}

    def model(self, model: ServedModel) -> None:
        """Say in `run.json` what answers."""
        known = answering(model.name, model.version, model.task, model.classes)
        self._info = msgspec.structs.replace(self._info, **known)
        _write_json(self.folder / "run.json", self._info)

    def frame(self, record: FrameRecord, now: float) -> None:
        """Add a line to `frames.jsonl`."""
        self._files["frames.jsonl"].add(record, now)

    def window(self, lines: WindowLines, now: float) -> None:
        """Add the lines of a window to its three files."""
        self._files["windows.jsonl"].add(lines.window, now)
        for client in lines.clients:
            self._files["window_clients.jsonl"].add(client, now)
        for device in lines.devices:
            self._files["window_devices.jsonl"].add(device, now)

    def plan(self, record: PlanRecord, now: float) -> None:
        """Add a line to `plans.jsonl`."""
        self._files["plans.jsonl"].add(record, now)

    def outage(self, record: OutageRecord, now: float) -> None:
        """Add a line to `outages.jsonl`."""
        self._files["outages.jsonl"].add(record, now)

    def summary(self, summary: Summary) -> None:
        """Write `summary.json`."""
        _write_json(self.folder / "summary.json", summary)

    def close(self) -> None:
        """Write what is still buffered and close the files."""
        with contextlib.ExitStack() as stack:  # each, whatever becomes of the others
            for file in self._files.values():
                stack.callback(file.close)

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _LineFile:
    """A JSON Lines file that receives whole lines only: a reader never meets half of one before the last write.

    It is made with its first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._buffer = bytearray()
        self._encoder = msgspec.json.Encoder()
        self._flushed_s = float("-inf")

    def add(self, line: msgspec.Struct, now: float) -> None:
        self._buffer += self._encoder.encode(line)
        self._buffer += b"\n"
        if now - self._flushed_s >= FLUSH_INTERVAL_S or len(self._buffer) >= FLUSH_BYTES:
            self._flushed_s = now
            self._flush()

    def close(self) -> None:
        try:
            if self._buffer:
                self._flush()
        finally:
            if self._file is not None:
                self._file.close()

    def _flush(self) -> None:
        try:
            if self._file is None:
                self._file = self._path.open("xb")
            self._file.write(self._buffer)
            self._file.flush()
        except OSError as error:
            raise RunError(f"{self._path}: cannot be written any more ({error.strerror or error})") from error
        self._buffer.clear()


def require_empty(folder: Path) -> None:
    """Raise `InputError` if `folder` holds something already, or is no folder."""
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: is not empty; name a new folder for the results, or remove this one")
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be used for the results ({error.strerror or error}); name another folder"
        ) from error


def _prepare(folder: Path) -> None:
    require_empty(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be used for the results ({error.strerror or error}); name another folder"
        ) from error


def _write_json(path: Path, value: msgspec.Struct) -> None:
    """Write in one move, so that the file is either whole or not there."""
    part = path.with_suffix(".part")
    try:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        part.replace(path)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror or error})") from error
