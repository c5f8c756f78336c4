"""Reads the folder of one run, whatever state it was left in, in one pass and in bounded memory.

The one module of `report` that reads files. What is missing, cut off or not understood ends up as a plain
sentence in `Run.notes`; only a folder from which nothing can be told is an InputError.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from jellyfish import __version__
from jellyfish.core import Outcome
from jellyfish.errors import InputError
from jellyfish.report.bins import BINS, FIRST_WIDTH_S, TimeBins
from jellyfish.report.lines import ClientRow, FrameRow, LineReader, WindowRow
from jellyfish.report.tally import MOST_CLIENTS, FrameTally
from jellyfish.report.windows import WindowTally
from jellyfish.results import records
from jellyfish.results.streams import AgreementFigures, OutageFigures, agreement_in_words, outages_in_words
from jellyfish.results.window_lines import ClientLine, WindowLine

Advance = Callable[[int], None]
"""Told how many more bytes were read."""

LINE_FILES = ("frames.jsonl", "windows.jsonl", "window_clients.jsonl")
NESTED_SCHEMA = 1
"""Of folders whose `windows.jsonl` holds all of a window in one nested line."""
NESTED_KEYS = ("snapshot", "plan", "host")
SHOWN_KEYS = 6


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
        """As summed up, or up to the last frame where the run was not finished."""
        duration_s = self.summary.get("duration_s")
        if isinstance(duration_s, int | float) and duration_s > 0:
            return float(duration_s)
        return max(self.frames.last_s, FIRST_WIDTH_S)

    @property
    def used_bins(self) -> int:
        """How many bins of time the run took, its last frame included."""
        used = max(math.ceil(self.duration_s / self.bins.width_s), int(self.frames.last_s / self.bins.width_s) + 1)
        return min(used, BINS)


def bytes_to_read(folder: Path) -> int:
    """Size of what `read_run` reads line by line. Raises InputError when `folder` is no folder of a run."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder; name the results folder of a run, such as results/bench-DATE")
    if any(folder.glob("windows-*.jsonl")):
        raise InputError(f"{folder}: is a server's own log, which holds no frames; name the results folder of a run")
    if not (folder / "frames.jsonl").is_file():
        raise InputError(f"{folder}: has no frames.jsonl, so it is not the results folder of a run")
    return sum((folder / name).stat().st_size for name in LINE_FILES if (folder / name).is_file())


def read_run(folder: Path, name: str, advance: Advance = lambda _: None) -> Run:
    """Read the run in `folder`; InputError when not even one of its frames can be read."""
    bytes_to_read(folder)
    notes: list[str] = []
    info = _read_json(folder / "run.json", "how the run was configured is not known", notes)
    _compare_versions(info, notes)
    summary = _read_json(
        folder / "summary.json",
        "the run was not finished, or goes on; figures are of the frames written so far",
        notes,
    )
    bins = TimeBins()
    frames = FrameTally(bins)
    frame_lines = LineReader(folder / "frames.jsonl", FrameRow, records.FrameRecord.__struct_fields__, advance)
    for some in frame_lines:
        frames.add(some)
    _note_lines("frames.jsonl", frame_lines, notes)
    if not frame_lines.read:
        raise InputError(f"{folder}: no frame can be read from frames.jsonl. {' '.join(notes)}")
    _compare_counts(summary, frames, notes)
    _note_streams(summary, notes)
    windows = WindowTally(bins, frames.clients)
    if (folder / "windows.jsonl").is_file():
        _read_windows(folder, windows, info.get("schema") == NESTED_SCHEMA, advance, notes)
    else:
        notes.append(_without_windows(info))
    return Run(name, info, summary, frames, windows, bins, tuple(notes))


def _read_windows(folder: Path, windows: WindowTally, nested: bool, advance: Advance, notes: list[str]) -> None:
    """`nested`: of an older version, whose clients' part of a window is left out."""
    known = WindowLine.__struct_fields__ + (NESTED_KEYS if nested else ())
    window_lines = LineReader(folder / "windows.jsonl", WindowRow, known, advance)
    for some in window_lines:
        windows.add(some)
    _note_lines("windows.jsonl", window_lines, notes)
    if (folder / "window_clients.jsonl").is_file():
        client_lines = LineReader(folder / "window_clients.jsonl", ClientRow, ClientLine.__struct_fields__, advance)
        for more in client_lines:
            windows.add_clients(more)
        _note_lines("window_clients.jsonl", client_lines, notes)
    elif not nested:
        notes.append("window_clients.jsonl is missing: what plans reckoned with of each client is not known.")


def _without_windows(info: dict[str, Any]) -> str:
    config = info.get("config")
    elsewhere = isinstance(config, dict) and bool(config.get("connect") or config.get("cloud"))
    if elsewhere:
        return (
            "The server was elsewhere, and so are its windows: `jellyfish serve --results FOLDER` keeps them there. "
            "plans.jsonl has the plans that clients were told."
        )
    return "windows.jsonl is missing: nothing is known of the planner."


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


def _compare_versions(info: dict[str, Any], notes: list[str]) -> None:
    if not info:
        return
    schema = info.get("schema")
    if schema == NESTED_SCHEMA:
        notes.append(
            f"The files have schema {schema}, of an older version: frames and windows are read as ever, but what was "
            "known of each client in a window (bandwidth, care, the longest time planned) is left out."
        )
    elif schema != records.SCHEMA:
        notes.append(
            f"The files have schema {schema}, and this program (version {__version__}) knows schema {records.SCHEMA}: "
            "what has changed its meaning may be shown wrongly."
        )
    unknown = info.keys() - set(records.RunInfo.__struct_fields__)
    _note_keys("run.json", unknown, notes)


def _compare_counts(summary: dict[str, Any], frames: FrameTally, notes: list[str]) -> None:
    unknown = sorted(frames.outcomes.keys() - set(Outcome))
    if unknown:
        notes.append(f"Outcomes that this version does not know count as misses: {', '.join(unknown[:SHOWN_KEYS])}.")
    captured, offered = frames.outcomes.total(), summary.get("offered")
    if summary and offered != captured:
        notes.append(f"summary.json counts {offered} frames, frames.jsonl holds {captured}: figures are of the latter.")
    if frames.clients.rows > MOST_CLIENTS:
        notes.append(f"More than {MOST_CLIENTS} clients: the frames of the further ones are counted as one.")


def _note_streams(summary: dict[str, Any], notes: list[str]) -> None:
    """Say when clients had no server, and what could not be compared with its account."""
    try:
        compared = msgspec.convert(summary.get("agreement"), AgreementFigures | None)
        outages = msgspec.convert(summary.get("outages"), OutageFigures | None)
    except msgspec.ValidationError:
        return
    if compared is not None and compared.compared < compared.sent:
        notes.append(agreement_in_words(compared))
    notes += outages_in_words(outages)


def _note_lines(name: str, lines: LineReader[Any], notes: list[str]) -> None:
    if lines.cut:
        notes.append(f"The last line of {name} is cut off, as by a crash; it is left out.")
    if lines.unreadable:
        what = "1 line" if lines.unreadable == 1 else f"{lines.unreadable} lines"
        notes.append(f"{what} of {name} cannot be read and are left out; the first: {lines.first_unreadable}.")
    if not lines.read:
        notes.append(f"{name} holds no line that can be read.")
    _note_keys(name, lines.unknown_keys, notes)


def _note_keys(name: str, unknown: set[str], notes: list[str]) -> None:
    if unknown:
        shown = sorted(unknown)[:SHOWN_KEYS]
        more = "" if len(unknown) <= SHOWN_KEYS else f" and {len(unknown) - SHOWN_KEYS} more"
        notes.append(f"{name} has keys that this version does not know and leaves out: {', '.join(shown)}{more}.")
