"""`jellyfish evaluate`: what each variant finds in a set of labelled images, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.devices.opening import parse_variant, torch_device
from jellyfish.errors import InputError
from jellyfish.lab.training.coco import CocoFrames
from jellyfish.lab.training.evaluate import FrameSet, evaluation, examine, spread, spread_numbers
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.weights import Evaluation, Weights, load_weights
from jellyfish.modes.progress import ProgressReport


def evaluate(
    coco: Path,
    images: Path,
    weights_path: Path | None,
    names: Sequence[str] | None,
    limit: int | None,
    device: str,
    output: Path | None,
    console: Console,
) -> None:
    """Measure the variants called `names` (all by default) on at most `limit` images; show and write the figures.

    Raises InputError for weights, labels, images, variants or a device that cannot be used, or an output that cannot be
    written.
    """
    weights = load_weights(weights_path)
    variants = _variants(weights, names)
    engine = DetectorEngine(weights, torch_device(device))
    frames = CocoFrames(coco, images)
    count = min(limit or len(frames), len(frames))
    frames.check(spread_numbers(len(frames), count))
    for note in frames.notes:
        console.print(note, soft_wrap=True, markup=False, highlight=False)
    words = f"measuring {len(variants)} variants on {count} images"
    with ProgressReport(console) as progress:
        subject = FrameSet(coco.name, spread(frames, count))
        examined = examine(engine, subject, variants, lambda done: progress(words, done, count))
    measured = evaluation(examined, {variant: weights.score_threshold(variant) for variant in variants})
    console.print(evaluation_table(measured))
    if output is not None:
        _write(output, measured)
        console.print(f"written: {output}", soft_wrap=True, markup=False)


def evaluation_table(measured: Evaluation) -> Table:
    """The figures of a set, a line per variant."""
    table = Table(title=f"{escape(measured.name)}: {measured.images:,} images")
    table.add_column("variant", no_wrap=True)
    for heading in ("AP50", "AP50:95", "F1", "precision", "recall", "at score"):
        table.add_column(heading, justify="right")
    for line in measured.variants:
        figures = (line.ap50, line.ap, line.f1, line.precision, line.recall, line.score_threshold)
        table.add_row(line.variant.name, *(f"{figure:.3f}" for figure in figures))
    return table


def _variants(weights: Weights, names: Sequence[str] | None) -> tuple[Variant, ...]:
    """Those called `names`, or all; images are prepared once per resolution, so they come in that order."""
    known = weights.variants()
    return tuple(sorted({parse_variant(name, known) for name in names})) if names else known


def _write(path: Path, measured: Evaluation) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
