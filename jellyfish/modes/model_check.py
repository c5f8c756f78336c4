"""`jellyfish model check`: a package beside a picture, its sizes by time, and what looks wrong."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from jellyfish.core import Answer, Task, Variant
from jellyfish.devices.naming import check_device
from jellyfish.errors import InputError
from jellyfish.media.draw import draw
from jellyfish.media.files import legible
from jellyfish.media.picture import read_picture, write_picture
from jellyfish.models.model import Description, EngineOptions, Image, answers
from jellyfish.models.onnx.engine import OnnxEngine
from jellyfish.models.onnx.loaded_graph import Look
from jellyfish.models.onnx.package import open_package

TIMED_RUNS = 5
NAMED = 8
"""Classes of a line of the table."""


class SizeLook(NamedTuple):
    """What one size made of the picture."""

    variant: Variant
    look: Look
    answer: Answer
    each_ms: float
    """Median of all three steps."""


def check(package: Path, image: Path, output: Path, device: str, threads: int, console: Console) -> None:
    """Run every size of the package on the picture; show what it finds and how long it takes, and draw the largest's.

    Raises InputError for a package that cannot be used, no picture, or a file that cannot be written.
    """
    check_device(device)
    if output.exists() and output.resolve() in (image.resolve(), package.resolve()):
        raise InputError(f"--output {output} is what is looked at: choose another name to write to")
    model = open_package(package)
    picture = read_picture(image)
    engine = model.engine(EngineOptions(device, threads))
    looks = [_looked(engine, variant, picture) for variant in model.description.variants]
    console.print(looks_table(model.description, looks))
    for line in problems(model.description, looks):
        console.print(f"looks wrong: {line}", soft_wrap=True, markup=False, highlight=False)
    console.print(f"weights: {engine.memory_bytes / 1e6:.1f} MB on {device}", highlight=False)
    if model.description.task is Task.DETECTION:
        write_picture(output, draw(picture, looks[-1].answer.detections, model.description.classes))
        console.print(f"written: {legible(output)}, by {looks[-1].variant.name}", soft_wrap=True, markup=False)
    else:
        console.print("no picture is written: a classifier finds nothing that could be drawn")


def _looked(engine: OnnxEngine, variant: Variant, picture: Image) -> SizeLook:
    answer = answers(engine, [picture], [variant])[0]
    times_s = []
    for _ in range(TIMED_RUNS):
        began_s = time.perf_counter()
        answers(engine, [picture], [variant])
        times_s.append(time.perf_counter() - began_s)
    return SizeLook(variant, engine.graph(variant).look(picture), answer, 1000 * statistics.median(times_s))


def looks_table(description: Description, looks: list[SizeLook]) -> Table:
    """A line per size."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("size", "input", "ms", "finds"):
        table.add_column(heading, justify="right" if heading == "ms" else "left", overflow="fold")
    for each in looks:
        taken = description.size(each.variant).input
        finds = in_words(each.answer, description.classes)
        table.add_row(each.variant.name, f"{taken.width} x {taken.height}", f"{each.each_ms:.1f}", finds)
    return table


def in_words(answer: Answer, classes: tuple[str, ...]) -> str:
    """How many of which class, the surest first; or the likeliest classes."""
    if answer.scores:
        return ", ".join(f"{classes[each.label]} {each.score:.2f}" for each in answer.scores)
    best: dict[str, list[float]] = {}
    for each in answer.detections:
        best.setdefault(classes[each.label], []).append(each.score)
    told = [f"{len(scores)} {name} ({max(scores):.2f})" for name, scores in list(best.items())[:NAMED]]
    return ", ".join(told + ["..."] * (len(best) > NAMED)) or "nothing"


def problems(description: Description, looks: list[SizeLook]) -> list[str]:
    """What speaks for a wrong guess in `model.toml`."""
    return [
        f"{each.variant.name}: {what}" for each in looks for what in _problems(description.task, each.look, each.answer)
    ]


def _problems(task: Task, look: Look, answer: Answer) -> list[str]:
    found = []
    scores = look.candidates.scores
    if len(scores) and (scores.min() < 0 or scores.max() > 1):
        found.append(
            f"scores go from {scores.min():.2f} to {scores.max():.2f}, not from 0 to 1: set `activation` in [output], "
            "or another decoder"
        )
    if task is Task.CLASSIFICATION:
        return found
    if not answer.detections:
        best = f"the best scores {look.best:.3f}" if look.best is not None else "there are no boxes at all"
        found.append(
            f"nothing is found at a score of {look.threshold:g}; {best}: are scale, mean, std and colour right?"
        )
    outside = float(np.mean(look.outside)) if len(look.outside) else 0.0
    if outside > 0.2:
        found.append(
            f"{outside:.0%} of the boxes lie beside the picture or are inside out: are `format`, `normalised` and "
            "`fit` right?"
        )
    small = [each for each in answer.detections if (each.right - each.left) * (each.bottom - each.top) < 1e-5]
    if answer.detections and len(small) > len(answer.detections) / 2:
        found.append("most boxes have no size to speak of: is `normalised` right?")
    return found
