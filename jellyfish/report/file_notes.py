"""What a reader must know of a run's files, as plain sentences: other versions, lines left out, times without a server.

Only `outages_within` reads a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from jellyfish import __version__
from jellyfish.core import Outcome
from jellyfish.report.lines import LineReader
from jellyfish.report.slices import Slice
from jellyfish.report.tally import MOST_CLIENTS, FrameTally
from jellyfish.results import records
from jellyfish.results.streams import AgreementFigures, OutageFigures, agreement_in_words, outages_in_words

NESTED_SCHEMA = 1
"""Of folders whose `windows.jsonl` holds all of a window in one nested line."""
SHOWN_KEYS = 6
SHOWN_OUTAGES = 8


def without_windows(info: dict[str, Any]) -> str:
    """Why there are none, as far as the run's header tells."""
    config = info.get("config")
    elsewhere = isinstance(config, dict) and bool(config.get("connect") or config.get("cloud"))
    if elsewhere:
        return (
            "The server was elsewhere, and so are its windows: `jellyfish serve --results FOLDER` keeps them there. "
            "plans.jsonl has the plans that clients were told."
        )
    return "windows.jsonl is missing: nothing is known of the planner."


def note_versions(info: dict[str, Any], notes: list[str]) -> None:
    """Of files that another version wrote."""
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


def note_counts(summary: dict[str, Any], frames: FrameTally, notes: list[str]) -> None:
    """Of frames that are not counted as they should be."""
    unknown = sorted(frames.outcomes.keys() - set(Outcome))
    if unknown:
        notes.append(f"Outcomes that this version does not know count as misses: {', '.join(unknown[:SHOWN_KEYS])}.")
    captured, offered = frames.outcomes.total(), summary.get("offered")
    if summary and offered != captured:
        notes.append(f"summary.json counts {offered} frames, frames.jsonl holds {captured}: figures are of the latter.")
    if frames.clients.rows > MOST_CLIENTS:
        notes.append(f"More than {MOST_CLIENTS} clients: the frames of the further ones are counted as one.")


def note_streams(summary: dict[str, Any], notes: list[str]) -> None:
    """Say when clients had no server, and what could not be compared with its account."""
    try:
        compared = msgspec.convert(summary.get("agreement"), AgreementFigures | None)
        outages = msgspec.convert(summary.get("outages"), OutageFigures | None)
    except msgspec.ValidationError:
        return
    if compared is not None and compared.compared < compared.sent:
        notes.append(agreement_in_words(compared))
    notes += outages_in_words(outages)


def outages_within(folder: Path, part: Slice) -> list[str]:
    """When cameras of this part had no server, a sentence for each time; of many the longest."""
    path = folder / "outages.jsonl"
    if not path.is_file():
        return []
    lines = LineReader(path, records.OutageRecord, records.OutageRecord.__struct_fields__, lambda _: None)
    away = [outage for some in lines for outage in some if _touched(outage, part)]
    away.sort(key=lambda outage: -outage.lasted_s)
    kept = sorted(away[:SHOWN_OUTAGES], key=lambda outage: outage.began_s)
    more = [f"And {len(away) - len(kept)} shorter ones (outages.jsonl)."] if len(away) > len(kept) else []
    return [
        f"{outage.client} had no server from {part.clock.at(outage.began_s)} for {outage.lasted_s:.1f} s: {outage.why}"
        for outage in kept
    ] + more


def _touched(outage: records.OutageRecord, part: Slice) -> bool:
    until_s = outage.began_s + outage.lasted_s
    return part.takes(outage.client) and outage.began_s <= part.end_s and until_s >= part.begin_s


def note_lines(name: str, lines: LineReader[Any], notes: list[str]) -> None:
    """Of what a file's lines held that was left out."""
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
