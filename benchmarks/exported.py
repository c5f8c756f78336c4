"""The detector as `jellyfish export` writes it, run by onnxruntime, beside itself in torch: what both find, and in what
time.

    jellyfish export street-onnx
    python -m benchmarks.exported street-onnx [--coco LABELS.json --images PHOTOGRAPHS [--limit 350]] [--rounds 30]

One run, one thread each. Accuracy is what `jellyfish evaluate` measures (photographs through JPEG and letterbox as in
service), of both on the same photographs. Times are of all three steps of an engine: pictures in, answers out; a ratio
is the median over rounds in which the two take turns, each batch right after one of its own.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.pictures import pictures, seconds
from jellyfish.lab.training.coco import CocoFrames
from jellyfish.lab.training.evaluate import LEAST_SCORE, FrameSet, evaluation, examine, spread, subject_of
from jellyfish.models.model import EngineOptions, Model, Size
from jellyfish.models.opening import open_model
from jellyfish.models.slimmable.card import VariantEvaluation
from jellyfish.models.slimmable.runtimes import Runtime

BATCHES = (1, 4, 8)


def examined(model: Model, arguments: argparse.Namespace, sizes: Sequence[Size]) -> list[VariantEvaluation]:
    """What each of these sizes finds in the photographs."""
    known = model.description
    frames = CocoFrames(arguments.coco, arguments.images or arguments.coco.parent, known.classes)
    frame_set = FrameSet(arguments.coco.name, spread(frames, arguments.limit), known.classes, frames.spoken_of)
    subject = subject_of(replace(known, sizes=tuple(sizes)), model.engine(EngineOptions(least_score=LEAST_SCORE)))
    return list(
        evaluation(examine(subject, frame_set), {size.variant: size.least_score or 0.0 for size in sizes}).variants
    )


def accuracy(exported: Model, ours: Model, arguments: argparse.Namespace) -> Table:
    """AP and F1 of both, a row per variant."""
    sizes = exported.description.sizes
    table = Table(title=f"{arguments.coco.name}, {arguments.limit} photographs: onnxruntime / torch / difference")
    table.add_column("variant", no_wrap=True)
    for name in ("AP50", "AP50:95", "F1"):
        table.add_column(name, justify="right")
    pairs = zip(examined(exported, arguments, sizes), examined(ours, arguments, sizes), strict=True)
    for theirs, own in pairs:
        figures = ((theirs.ap50, own.ap50), (theirs.ap, own.ap), (theirs.f1, own.f1))
        table.add_row(own.variant.name, *(f"{a:.4f} / {b:.4f} / {a - b:+.4f}" for a, b in figures))
    return table


def times(exported: Model, ours: Model, rounds: int) -> Table:
    """Milliseconds of a batch, and how they compare."""
    engines = [model.engine(EngineOptions()) for model in (exported, ours)]
    table = Table(title="ms for a batch: onnxruntime / torch / ratio")
    table.add_column("variant", no_wrap=True)
    for batch in BATCHES:
        table.add_column(f"batch {batch}", justify="right")
    for size in exported.description.sizes:
        cells = []
        for batch in BATCHES:
            measure = partial(seconds, images=pictures(batch, size.input), variant=size.variant)
            pairs = [[measure(engine) for engine in engines] for _ in range(rounds + 2)][2:]
            theirs, own = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            cells.append(f"{theirs:.1f} / {own:.1f} / {ratio:.2f}")
        table.add_row(size.variant.name, *cells)
    return table


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="what `jellyfish export` wrote")
    parser.add_argument("--weights", type=Path, help="what it was written from; by default the shipped weights")
    parser.add_argument("--coco", type=Path, help="labelled photographs; without them accuracy is not measured")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--limit", type=int, default=350)
    parser.add_argument("--rounds", type=int, default=30, help="of the times; 0: none")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=120)
    exported, ours = open_model(str(arguments.package)), open_model(f"slimmable:{Runtime.TORCH}", arguments.weights)
    if arguments.rounds:
        console.print(times(exported, ours, arguments.rounds))
    if arguments.coco is not None:
        console.print(accuracy(exported, ours, arguments))


if __name__ == "__main__":
    main()
