"""`jellyfish variants`: what sizes a model has, what they are called, and how much each is worth."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jellyfish.core import Task
from jellyfish.models.model import Description
from jellyfish.models.opening import open_model

MEASURE = {Task.DETECTION: "F1", Task.CLASSIFICATION: "top-1"}
"""What a task's accuracy is."""
FINDS = {Task.DETECTION: "It finds", Task.CLASSIFICATION: "It tells apart"}
LINE = 110
"""Characters of the list of classes."""


def variants(name: str, weights: Path | None, console: Console) -> None:
    """Print every size of the model called so. InputError if it cannot be used."""
    model = open_model(name, weights).description
    console.print(_table(model))
    for line in _in_words(model):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(model: Description) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("variant", no_wrap=True)
    for heading in ("frame", "input", MEASURE[model.task]):
        table.add_column(heading, justify="right")
    for size in model.sizes:
        resolution = f"{size.variant.resolution} px"
        table.add_row(
            size.variant.name, resolution, f"{size.input.width} x {size.input.height}", f"{size.accuracy:.3f}"
        )
    return table


def _in_words(model: Description) -> list[str]:
    """What the columns are, where the figures come from, what is found."""
    classes = f"{FINDS[model.task]}, by name: {', '.join(model.classes)}."
    return [
        "",
        f"{model}: {model.task}. frame: its longest side. input: what the network gets.",
        *(f"{MEASURE[model.task]}, by which plans choose, {where}" for where in _sources(model)),
        *textwrap.wrap(classes, LINE),
        *model.notes,
        "On images of your own: jellyfish evaluate. How long each takes on this machine: jellyfish profile.",
    ]


def _sources(model: Description) -> list[str]:
    """Where the accuracy of sizes is from, each source once."""
    counts = Counter(size.source or "nobody has said" for size in model.sizes)
    if len(counts) == 1:
        return [f"is {source}." for source in counts]
    return [f"of {count} sizes is {source}." for source, count in counts.items()]
