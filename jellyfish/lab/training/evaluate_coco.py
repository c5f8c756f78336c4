"""`jellyfish evaluate`: what each variant of a model is worth on a set of labelled images, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jellyfish.core import Task
from jellyfish.devices.naming import check_device, parse_variant
from jellyfish.devices.process import usable_cores
from jellyfish.errors import InputError
from jellyfish.lab.training.coco import CocoFrames, spread_numbers
from jellyfish.models.model import Description, EngineOptions, Model
from jellyfish.models.opening import open_model
from jellyfish.models.slimmable.card import Evaluation
from jellyfish.modes.progress import ProgressReport

if TYPE_CHECKING:
    from jellyfish.lab.training.evaluate_classes import GuessEvaluation


def evaluate(
    coco: Path,
    images: Path,
    model_name: str,
    weights: Path | None,
    names: Sequence[str] | None,
    limit: int | None,
    device: str,
    output: Path | None,
    console: Console,
) -> None:
    """Measure the variants called `names` (all by default) on at most `limit` images; show and write the figures.

    Raises InputError for a model, labels, images, variants or a device that cannot be used, or an output that cannot be
    written.
    """
    check_device(device)
    model = open_model(model_name, weights)
    known = _chosen(model.description, names)
    frames = CocoFrames(coco, images, known.classes)
    if output is not None and output.is_dir():
        raise InputError(f"cannot write {output}: it is a folder")
    count = min(limit or len(frames), len(frames))
    frames.check(spread_numbers(len(frames), count))
    for note in frames.notes:
        console.print(note, soft_wrap=True, markup=False, highlight=False)
    with ProgressReport(console) as progress:
        told = partial(progress, f"measuring {len(known.sizes)} variants on {count} images")
        measured = _measured(coco.name, frames, count, model, known, device, lambda done: told(done, count))
    console.print(evaluation_table(measured) if isinstance(measured, Evaluation) else guess_table(measured))
    if output is not None:
        _write(output, measured)
        console.print(f"written: {output}", soft_wrap=True, markup=False)


def _measured(
    name: str,
    frames: CocoFrames,
    count: int,
    model: Model,
    known: Description,
    device: str,
    told: Callable[[int], None],
) -> Evaluation | GuessEvaluation:
    """The figures, once it is known that all is there to measure: torch takes seconds to load."""
    from jellyfish.lab.training.evaluate import LEAST_SCORE, FrameSet, evaluation, examine, spread, subject_of
    from jellyfish.lab.training.evaluate_classes import examine_guesses

    frame_set = FrameSet(name, spread(frames, count), known.classes, frames.spoken_of)
    thresholds = {size.variant: size.least_score for size in known.sizes}
    # A model that does not say from which score on it answers is taken as it answers.
    all_of_them = None if None in thresholds.values() else LEAST_SCORE
    engine = model.engine(EngineOptions(device, len(usable_cores()), all_of_them))
    subject = subject_of(known, engine)
    if known.task is Task.CLASSIFICATION:
        return examine_guesses(subject, frame_set, told)
    return evaluation(examine(subject, frame_set, told), {each: score or 0.0 for each, score in thresholds.items()})


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


def guess_table(measured: GuessEvaluation) -> Table:
    """The same of a classifier."""
    table = Table(title=f"{escape(measured.name)}: {measured.images:,} images, {measured.judged:,} with an object")
    table.add_column("variant", no_wrap=True)
    table.add_column("top-1", justify="right")
    for line in measured.variants:
        table.add_row(line.variant.name, f"{line.top1:.3f}")
    return table


def _chosen(model: Description, names: Sequence[str] | None) -> Description:
    """With the variants called `names` alone, or with all."""
    return model.offering({parse_variant(name, model.variants) for name in names}) if names else model


def _write(path: Path, measured: Evaluation | GuessEvaluation) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
