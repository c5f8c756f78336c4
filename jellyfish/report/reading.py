"""Reads the folder of one run or server's log, whatever state it was left in, in one pass and in bounded memory.

What is missing, cut off or not understood ends up as a plain sentence in `Run.notes`; only a folder from which nothing
can be told is an InputError.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from jellyfish.errors import InputError
from jellyfish.report.bins import BINS, FIRST_WIDTH_S, TimeBins
from jellyfish.report.file_notes import (
    NESTED_SCHEMA,
    note_counts,
    note_lines,
    note_streams,
    note_versions,
    outages_within,
    without_windows,
)
from jellyfish.report.lines import (
    ClientRow,
    FrameRow,
    LineReader,
    LoggedClient,
    LoggedFrames,
    LoggedWindow,
    WindowRow,
)  # fmt: skip
from jellyfish.report.recordings import RecordedFiles, recording
from jellyfish.report.silences import Silences
from jellyfish.report.slices import PartWanted, Slice, part_of
from jellyfish.report.tally import FrameTally
from jellyfish.report.windows import WindowTally
from jellyfish.results import records
from jellyfish.results.outcome_lines import OutcomeLine
from jellyfish.results.window_lines import ClientLine, WindowLine

Timed = TypeVar("Timed", WindowRow, ClientRow)
Advance = Callable[[int], None]
"""Told how many more bytes were read."""

NESTED_KEYS = ("snapshot", "plan", "host")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run as its files tell it."""

    name: str
    info: dict[str, Any]
    """`run.json`, empty if it cannot be read."""
    summary: dict[str, Any]
    """`summary.json`, empty for a run that was not finished."""
    frames: FrameTally
    windows: WindowTally
    bins: TimeBins
    notes: tuple[str, ...]
    """What a reader must know of the files."""
    part: Slice | None = None
    """Of the recording, where this is not all of a run."""

    @property
    def config(self) -> dict[str, Any]:
        """How the run was configured."""
        config = self.info.get("config")
        return config if isinstance(config, dict) else {}

    @property
    def seed(self) -> int | None:
        """Seed of everything that was drawn at random."""
        seed = self.info.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def duration_s(self) -> float:
        """As summed up, or up to the last frame where the run was not finished; of a part, its own."""
        if self.part is not None:
            return max(self.part.duration_s, FIRST_WIDTH_S)
        duration_s = self.summary.get("duration_s")
        if isinstance(duration_s, int | float) and duration_s > 0:
            return float(duration_s)
        return max(self.frames.last_s, FIRST_WIDTH_S)

    @property
    def used_bins(self) -> int:
        """How many bins of time the run took, its last frame included."""
        used = max(math.ceil(self.duration_s / self.bins.width_s), int(self.frames.last_s / self.bins.width_s) + 1)
        return min(used, BINS)


def read_run(
    folder: Path,
    name: str,
    advance: Advance = lambda _: None,
    wanted: PartWanted = PartWanted(),  # noqa: B008 (frozen)
) -> Run:
    """Read the run or log in `folder`, or the part of it that is wanted.

    InputError when not even one of its frames can be read.
    """
    found = recording(folder)
    if found.logged or not wanted.is_all:
        return _RunReader(found, name, advance).part(wanted)
    return _RunReader(found, name, advance).all()


class _RunReader:
    """Of one recording."""

    def __init__(self, found: RecordedFiles, name: str, advance: Advance) -> None:
        self._found, self._name, self._advance = found, name, advance
        self._notes: list[str] = []
        self._part: Slice | None = None
        self._silences: Silences | None = None
        self._clients = set[str]()
        """Those that have frames in the part."""

    def all(self) -> Run:
        """A whole run."""
        info = self._info()
        summary = _read_json(
            self._found.folder / "summary.json",
            "the run was not finished, or goes on; figures are of the frames written so far",
            self._notes,
        )
        bins = TimeBins()
        frames = self._frames(bins)
        note_counts(summary, frames, self._notes)
        note_streams(summary, self._notes)
        return self._run(info, summary, frames, bins)

    def part(self, wanted: PartWanted) -> Run:
        """Some of a run or of a log, as far as that can be told of a part: no summary."""
        extent = self._found.extent()
        if extent is None:
            raise InputError(f"{self._found.folder}: no line tells when it was recorded")
        self._part = part = part_of(extent, wanted)
        self._found = self._found.within(part)
        info = self._info()
        bins = TimeBins(part.begin_s)
        if self._found.logged:
            self._silences = Silences(part)
            self._notes.append(
                "A server's own log counts frames and keeps none: latency and accuracy are not known of it, and times "
                "are those at which cameras reported, once a second."
            )
        frames = self._frames(bins)
        part.require_cameras(self._clients)
        note_counts({}, frames, self._notes)
        self._notes += self._silences.notes if self._silences is not None else outages_within(self._found.folder, part)
        return self._run(info, {}, frames, bins)

    def _run(self, info: dict[str, Any], summary: dict[str, Any], frames: FrameTally, bins: TimeBins) -> Run:
        windows = WindowTally(bins, frames.clients)
        if self._found.windows:
            self._windows(windows, info.get("schema") == NESTED_SCHEMA)
        else:
            self._notes.append(without_windows(info))
        return Run(self._name, info, summary, frames, windows, bins, tuple(self._notes), self._part)

    def _info(self) -> dict[str, Any]:
        """How it was configured: of a log's part the last server's."""
        consequence = "how the run was configured is not known"
        headers = [_read_json(path, consequence, self._notes) for path in self._found.headers]
        starts = {str(header.get("started")): header for header in headers}
        if len(starts) > 1:
            self._notes.append(f"The server was started anew: {', '.join(list(starts)[1:])}.")
        info = headers[-1] if headers else {}
        if not headers:
            self._notes.append(f"run.json is missing: {consequence}.")
        note_versions(info, self._notes)
        return info

    def _frames(self, bins: TimeBins) -> FrameTally:
        frames = FrameTally(bins)
        read = 0
        for path in self._found.frames:
            reader = self._frame_lines(path)
            for some in reader:
                frames.add(self._within(some))
            note_lines(path.name, reader, self._notes)
            read += reader.read
        if not self._found.frames and self._part is not None:
            raise InputError(f"{self._found.folder}: no frame was recorded {self._part.words}")
        if not read:
            file = self._found.frames[0].name if self._found.frames else "its files"
            raise InputError(f"{self._found.folder}: no frame can be read from {file}. {' '.join(self._notes)}")
        if not frames.outcomes and self._part is not None:
            self._part.require_cameras(self._clients)
            raise InputError(f"{self._found.folder}: no frame was recorded {self._part.words}")
        return frames

    def _frame_lines(self, path: Path) -> LineReader[FrameRow]:
        if self._found.logged:
            return LineReader(path, LoggedFrames, OutcomeLine.__struct_fields__, self._advance)
        return LineReader(path, FrameRow, records.FrameRecord.__struct_fields__, self._advance)

    def _within(self, frames: list[FrameRow]) -> list[FrameRow]:
        """Those of the part, if it is one."""
        if (part := self._part) is None:
            return frames
        held = [frame for frame in frames if part.holds(frame.captured_s)]
        self._clients.update(frame.client for frame in held)
        taken = [frame for frame in held if part.takes(frame.client)]
        if self._silences is not None:
            self._silences.add(taken)
        return taken

    def _windows(self, windows: WindowTally, nested: bool) -> None:
        """`nested`: of an older version, whose clients' part of a window is left out."""
        known = WindowLine.__struct_fields__ + (NESTED_KEYS if nested else ())
        window_kind = LoggedWindow if self._found.logged else WindowRow
        for path in self._found.windows:
            window_lines = LineReader(path, window_kind, known, self._advance)
            for some in window_lines:
                windows.add(self._timely(some))
            note_lines(path.name, window_lines, self._notes)
        client_kind = LoggedClient if self._found.logged else ClientRow
        for path in self._found.window_clients:
            client_lines = LineReader(path, client_kind, ClientLine.__struct_fields__, self._advance)
            for more in client_lines:
                windows.add_clients(self._timely(more))
            note_lines(path.name, client_lines, self._notes)
        if not self._found.window_clients and not nested:
            self._notes.append("window_clients.jsonl is missing: what plans reckoned with of each client is not known.")

    def _timely(self, rows: list[Timed]) -> list[Timed]:
        return rows if (part := self._part) is None else [row for row in rows if part.holds(row.t_s)]


def _read_json(path: Path, consequence: str, notes: list[str]) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        notes.append(f"{path.name} is missing: {consequence}.")
        return {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (msgspec.MsgspecError, ValueError, RecursionError):
        notes.append(f"{path.name} is cut off or is no JSON: {consequence}.")
        return {}
    if isinstance(value, dict):
        return value
    notes.append(f"{path.name} is not what this program writes: {consequence}.")
    return {}
