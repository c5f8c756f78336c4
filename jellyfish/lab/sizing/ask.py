"""`jellyfish plan` for cameras, as a person runs it."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from rich.console import Console

from jellyfish.control.planners import check_planner
from jellyfish.devices.process import usable_cores
from jellyfish.lab.simulation.model import SimulatedModel
from jellyfish.lab.sizing.needed import Wish, devices_needed
from jellyfish.lab.sizing.shown import check_plot, draw, in_words, table_of
from jellyfish.link.synthetic import resolve_trace
from jellyfish.modes.progress import ProgressReport


def ask(kind: SimulatedModel, wish: Wish, as_json: bool, plot: Path | None, console: Console) -> None:
    """Answer, as a table and words or as JSON on standard output; InputError for what cannot be planned."""
    check_planner(wish.planner)
    if plot is not None:
        check_plot(plot)
    for group in wish.groups:
        resolve_trace(group.trace, 0)
    wish = msgspec.structs.replace(wish, workers=len(usable_cores()))
    with ProgressReport(Console(stderr=True) if as_json else console) as progress:
        needed = devices_needed(kind, wish, progress)
    if plot is not None:
        draw(needed, plot)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(needed) + b"\n")
        sys.stdout.flush()
        return
    console.print(table_of(needed))
    for line in ("", *in_words(needed)):
        console.print(line, highlight=False, markup=False)
    if plot is not None:
        console.print(f"drawn: {plot}", soft_wrap=True, markup=False)
