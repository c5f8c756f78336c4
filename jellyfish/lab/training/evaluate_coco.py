"""`jellyfish evaluate`: what each variant finds in a set of labelled images, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.devices.naming import check_device, parse_variant
from jellyfish.errors import InputError
from jellyfish.lab.training.coco import CocoFrames, spread_numbers
from jellyfish.models.slimmable.card import CardedVariants, Evaluation, read_weights
from jellyfish.models.slimmable.street import CLASSES
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
    check_device(device)
    known = CardedVariants(read_weights(weights_path)[0])
    variants = _variants(known, names)
    frames = CocoFrames(coco, images, CLASSES)
    if output is not None and output.is_dir():
        raise InputError(f"cannot write {output}: it is a folder")
    count = min(limit or len(frames), len(frames))
    frames.check(spread_numbers(len(frames), count))
    for note in frames.notes:
        console.print(note, soft_wrap=True, markup=False, highlight=False)
    words = f"measuring {len(variants)} variants on {count} images"
    with ProgressReport(console) as progress:
        told = partial(progress, words)
        measured = _measured(coco.name, frames, count, variants, known, weights_path, device, told)
    console.print(evaluation_table(measured))
    if output is not None:
        _write(output, measured)
        console.print(f"written: {output}", soft_wrap=True, markup=False)


def _measured(
    name: str,
    frames: CocoFrames,
    count: int,
    variants: Sequence[Variant],
    known: CardedVariants,
    weights_path: Path | None,
    device: str,
    told: Callable[[int, int], None],
) -> Evaluation:
    """The figures, once it is known that all is there to measure: torch takes seconds to load."""
    from jellyfish.lab.training.evaluate import FrameSet, evaluation, examine, spread
    from jellyfish.models.slimmable.engine import DetectorEngine
    from jellyfish.models.slimmable.weights import load_weights
    from jellyfish.models.torch_device import torch_device

    engine = DetectorEngine(load_weights(weights_path), torch_device(device))
    subject = FrameSet(name, spread(frames, count), CLASSES, frames.spoken_of)
    examined = examine(engine, subject, variants, lambda done: told(done, count))
    return evaluation(examined, {variant: known.score_threshold(variant) for variant in variants})


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


def _variants(weights: CardedVariants, names: Sequence[str] | None) -> tuple[Variant, ...]:
    """Those called `names`, or all; images are prepared once per resolution, so they come in that order."""
    known = weights.variants()
    return tuple(sorted({parse_variant(name, known) for name in names})) if names else known


def _write(path: Path, measured: Evaluation) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
