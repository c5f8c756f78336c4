"""Reads the folder of one run, whatever state it was left in, in one pass and in bounded memory.

The one module of `report` that reads files. What is missing, cut off or not understood ends up as a plain
sentence in `Run.remarks`; only a folder from which nothing can be told is an InputError.
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
from jellyfish.report.lines import FrameLine, LineReader, WindowLine
from jellyfish.report.tally import MOST_CLIENTS, FrameTally
from jellyfish.report.windows import WindowTally
from jellyfish.results import records

Advance = Callable[[int], None]
"""Told how many more bytes were read."""

LINE_FILES = ("frames.jsonl", "windows.jsonl")
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
    remarks: tuple[str, ...]
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
    if not (folder / "frames.jsonl").is_file():
        raise InputError(f"{folder}: has no frames.jsonl, so it is not the results folder of a run")
    return sum((folder / name).stat().st_size for name in LINE_FILES if (folder / name).is_file())


def read_run(folder: Path, name: str, advance: Advance = lambda _: None) -> Run:
    """Read the run in `folder`; InputError when not even one of its frames can be read."""
    bytes_to_read(folder)
    remarks: list[str] = []
    info = _read_json(folder / "run.json", "how the run was configured is not known", remarks)
    _compare_versions(info, remarks)
    summary = _read_json(
        folder / "summary.json",
        "the run was not finished, or goes on; figures are of the frames written so far",
        remarks,
    )
    bins = TimeBins()
    frames = FrameTally(bins)
    frame_lines = LineReader(folder / "frames.jsonl", FrameLine, records.FrameRecord.__struct_fields__, advance)
    for some in frame_lines:
        frames.add(some)
    _remark_lines("frames.jsonl", frame_lines, remarks)
    if not frame_lines.read:
        raise InputError(f"{folder}: no frame can be read from frames.jsonl. {' '.join(remarks)}")
    _compare_counts(summary, frames, remarks)
    windows = WindowTally(bins, frames.clients)
    if (folder / "windows.jsonl").is_file():
        window_lines = LineReader(folder / "windows.jsonl", WindowLine, records.WindowLine.__struct_fields__, advance)
        for more in window_lines:
            windows.add(more)
        _remark_lines("windows.jsonl", window_lines, remarks)
    else:
        remarks.append("windows.jsonl is missing: nothing is known of the planner.")
    return Run(name, info, summary, frames, windows, bins, tuple(remarks))


def _read_json(path: Path, consequence: str, remarks: list[str]) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        remarks.append(f"{path.name} is missing: {consequence}.")
        return {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    except (msgspec.MsgspecError, ValueError, RecursionError):
        remarks.append(f"{path.name} is cut off or is no JSON: {consequence}.")
        return {}
    if isinstance(value, dict):
        return value
    remarks.append(f"{path.name} is not what this program writes: {consequence}.")
    return {}


def _compare_versions(info: dict[str, Any], remarks: list[str]) -> None:
    if not info:
        return
    schema = info.get("schema")
    if schema != records.SCHEMA:
        remarks.append(
            f"The files have schema {schema}, and this program (version {__version__}) knows schema {records.SCHEMA}: "
            "what has changed its meaning may be shown wrongly."
        )
    unknown = info.keys() - set(records.RunInfo.__struct_fields__)
    _remark_keys("run.json", unknown, remarks)


def _compare_counts(summary: dict[str, Any], frames: FrameTally, remarks: list[str]) -> None:
    unknown = sorted(frames.outcomes.keys() - set(Outcome))
    if unknown:
        remarks.append(f"Outcomes that this version does not know count as misses: {', '.join(unknown[:SHOWN_KEYS])}.")
    captured, offered = frames.outcomes.total(), summary.get("offered")
    if summary and offered != captured:
        remarks.append(
            f"summary.json counts {offered} frames, frames.jsonl holds {captured}: figures are of the latter."
        )
    if frames.clients.rows > MOST_CLIENTS:
        remarks.append(f"More than {MOST_CLIENTS} clients: the frames of the further ones are counted as one.")


def _remark_lines(name: str, lines: LineReader[Any], remarks: list[str]) -> None:
    if lines.cut:
        remarks.append(f"The last line of {name} is cut off, as by a crash; it is left out.")
    if lines.unreadable:
        what = "1 line" if lines.unreadable == 1 else f"{lines.unreadable} lines"
        remarks.append(f"{what} of {name} cannot be read and are left out; the first: {lines.first_unreadable}.")
    if not lines.read:
        remarks.append(f"{name} holds no line that can be read.")
    _remark_keys(name, lines.unknown_keys, remarks)


def _remark_keys(name: str, unknown: set[str], remarks: list[str]) -> None:
    if unknown:
        shown = sorted(unknown)[:SHOWN_KEYS]
        more = "" if len(unknown) <= SHOWN_KEYS else f" and {len(unknown) - SHOWN_KEYS} more"
        remarks.append(f"{name} has keys that this version does not know and leaves out: {', '.join(shown)}{more}.")
