"""What the folder of a run, or of a server's own log, holds: which files, from when to when, by their ends alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

import msgspec

from jellyfish.errors import InputError
from jellyfish.report.slices import Clock, Extent, Slice

END_BYTES = 1 << 15
"""What is read of a file's beginning and of its end, to know its times."""
LATE_S = 2.0
"""Lines of a part may tell of moments so long before it began."""
_PART = re.compile(r"outcomes-(?P<number>\d{6,})\.jsonl\Z")


@dataclass(frozen=True, slots=True)
class RecordedFiles:
    """Files of one kind each, in the order of their writing."""

    folder: Path
    headers: tuple[Path, ...]
    frames: tuple[Path, ...]
    windows: tuple[Path, ...]
    window_clients: tuple[Path, ...]
    logged: bool
    """Whether it is a server's own log, whose `frames` count frames and whose times are the machine's."""

    @property
    def bytes(self) -> int:
        """Of what is read line by line."""
        return sum(path.stat().st_size for path in (*self.frames, *self.windows, *self.window_clients))

    def extent(self, zone: tzinfo | None = None) -> Extent | None:
        """From when to when; None where no line tells."""
        if self.logged:
            spans = [span for path in self.frames if (span := _logged_span(path)) is not None]
            clock = Clock(0.0, zone)
            return Extent(min(spans)[0], max(end_s for _, end_s in spans), clock) if spans else None
        return _run_extent(self.frames[0], zone)

    def within(self, part: Slice) -> RecordedFiles:
        """The same with those parts alone that may hold something of this one."""
        if not self.logged:
            return self
        spans = {path.stem.partition("-")[2]: _logged_span(path) for path in self.frames}
        kept = {number for number, span in spans.items() if span is not None and _touches(span, part)}
        return _logged(self.folder, sorted(kept))


def recording(folder: Path) -> RecordedFiles:
    """InputError when `folder` is neither a run's nor a server's log."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; name the results folder of a run, such as results/bench-DATE")
    numbers = sorted(found["number"] for path in folder.iterdir() if (found := _PART.match(path.name)) is not None)
    if numbers:
        return _logged(folder, numbers)
    if any(folder.glob("windows-*.jsonl")):
        raise InputError(
            f"{folder}: is the log of a server that had no camera, or that did not yet log what became of frames"
        )
    if not (folder / "frames.jsonl").is_file():
        raise InputError(f"{folder}: has no frames.jsonl, so it is not the results folder of a run")
    return RecordedFiles(
        folder,
        (folder / "run.json",),
        (folder / "frames.jsonl",),
        _there(folder / "windows.jsonl"),
        _there(folder / "window_clients.jsonl"),
        logged=False,
    )


def _logged(folder: Path, numbers: list[str]) -> RecordedFiles:
    def of(kind: str, ending: str = "jsonl") -> tuple[Path, ...]:
        return tuple(path for number in numbers for path in _there(folder / f"{kind}-{number}.{ending}"))

    return RecordedFiles(folder, of("run", "json"), of("outcomes"), of("windows"), of("window_clients"), logged=True)


def _there(path: Path) -> tuple[Path, ...]:
    return (path,) if path.is_file() else ()


def _touches(span: tuple[float, float], part: Slice) -> bool:
    return span[0] - LATE_S <= part.end_s and span[1] >= part.begin_s


def _logged_span(path: Path) -> tuple[float, float] | None:
    times_s = [line["unix_s"] for line in _ends(path) if _is_number(line.get("unix_s"))]
    return (min(times_s), max(times_s)) if times_s else None


def _run_extent(path: Path, zone: tzinfo | None) -> Extent | None:
    lines = [line for line in _ends(path) if _is_number(line.get("captured_s"))]
    if not lines:
        return None
    ahead_s = [
        line["captured_unix_s"] - line["captured_s"] for line in lines if _is_number(line.get("captured_unix_s"))
    ]
    times_s = [line["captured_s"] for line in lines]
    return Extent(min(0.0, min(times_s)), max(times_s), Clock(ahead_s[0] if ahead_s else None, zone))


def _ends(path: Path) -> Iterator[dict[str, Any]]:
    """The lines at a file's two ends, as far as they can be read."""
    try:
        with path.open("rb") as file:
            first = file.read(END_BYTES)
            begin = max(len(first), path.stat().st_size - END_BYTES)
            file.seek(begin)
            last = file.read(END_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    for text in first.splitlines() + last.splitlines():
        try:
            line = msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            yield line


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
