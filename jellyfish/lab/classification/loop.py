"""The classifier's training run: find the objects, learn, save now and then, measure, ship. Thin."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
import torch

from jellyfish.lab.classification.data import REFINING_SHARES, SHARES, CropBatches, CropSource
from jellyfish.lab.classification.evaluate import LabelledCrop, classifier_evaluation, crops_of
from jellyfish.lab.classification.learner import ClassLearner
from jellyfish.lab.training.checkpoint import load_checkpoint, save_checkpoint
from jellyfish.lab.training.coco import spread_numbers
from jellyfish.lab.training.config import Progress, Report, TrainingConfig
from jellyfish.lab.training.data import batches
from jellyfish.lab.training.files import checkpoint_path
from jellyfish.lab.training.loop import data_in_words, held_out_of, photographs_held_out, sources_of
from jellyfish.models.classification.card import KIND, ClassifierCard
from jellyfish.models.classification.engine import ClassifierEngine
from jellyfish.models.classification.network import Classifier
from jellyfish.models.classification.sizes import VARIANTS
from jellyfish.models.classification.weights import load_classifier, save_classifier
from jellyfish.models.slimmable.card import Training
from jellyfish.models.slimmable.weights import as_stored, load_weights

_GLANCE, _MEASURED = 150, 1_100
"""Crops of a set that are looked at now and then, to tell how far a run is, and in the end; spread evenly over it."""

Held = Mapping[str, Sequence[LabelledCrop]]
"""What is measured on, by name."""


class ClassLogLine(msgspec.Struct, frozen=True):
    """One line of the folder's `log.jsonl`: how the run went since the line before."""

    step: int
    loss: float
    """Mean loss of the wide network."""
    hours: float
    top1: float
    """Of the wide network at the largest resolution, on some crops held out."""


class _License(msgspec.Struct, frozen=True):
    name: str


class _Licensed(msgspec.Struct, frozen=True):
    """Just enough of a COCO file to tell under which licences its images are."""

    licenses: tuple[_License, ...] = ()


def train(config: TrainingConfig, report: Report = lambda progress: None) -> ClassifierCard:
    """Learn, measure every variant on objects held out, and write weights and card to `config.output`.

    Raises InputError if a file of the config cannot be used, or if it should resume and there is no checkpoint.
    """
    held_out = held_out_of(config, report) if config.validation is None else photographs_held_out(config)
    held = {f"crops of {name}": _spread(crops_of(frames)) for name, frames in held_out.items()}
    sources = [CropSource(source, config.output.name) for source in sources_of(config, report)]
    begun = load_weights().detector() if config.backbone is None else load_classifier(config.backbone)
    learner = ClassLearner(config.seed, torch.device(config.device), begun)
    if config.resume:
        learner.restore(load_checkpoint(checkpoint_path(config)))
    learn(config, learner, sources, next(iter(held.values())), report)
    return ship(config, learner, sources, held, report)


def learn(
    config: TrainingConfig,
    learner: ClassLearner,
    sources: Sequence[CropSource],
    held: Sequence[LabelledCrop],
    report: Report = lambda progress: None,
) -> None:
    """Run the steps that are left; now and then and at the end, save a checkpoint and write a line of the log."""
    glance = _spread(held, _GLANCE)
    losses: list[float] = []
    started = time.monotonic() - 3600 * learner.hours
    shares = SHARES if config.backbone is None else REFINING_SHARES
    dataset = CropBatches(sources, config.batch_size, config.seed, shares)
    steps, device = range(learner.steps_done, config.steps), torch.device(config.device)
    for batch in batches(dataset, steps, config.workers, device):
        losses.append(learner.step(batch, config.steps))
        learner.hours = (time.monotonic() - started) / 3600
        report(Progress("learn", learner.steps_done, config.steps, losses[-1]))
        if learner.steps_done % config.checkpoint_steps == 0 or learner.steps_done == config.steps:
            save_checkpoint(checkpoint_path(config), learner.state())
            top1 = classifier_evaluation(_engine(config, learner), "", glance, VARIANTS[-1:]).variants[0].top1
            _log(config.folder, learner, sum(losses) / len(losses), top1)
            losses.clear()


def ship(
    config: TrainingConfig,
    learner: ClassLearner,
    sources: Sequence[CropSource],
    held: Held,
    report: Report = lambda progress: None,
) -> ClassifierCard:
    """Measure every variant of the averaged network on what was held out; write weights and card."""
    engine, total, measured = _engine(config, learner), len(held) * len(VARIANTS), []
    for number, (name, crops) in enumerate(held.items()):
        advance = partial(_told, report, number * len(VARIANTS), total)
        measured.append(classifier_evaluation(engine, name, crops, advance=advance))
    objects = f"{sum(source.objects for source in sources):,} labelled objects"
    training = Training(
        config.command,
        learner.steps_done,
        config.seed,
        round(learner.hours, 2),
        config.machine,
        (*data_in_words(config), objects),
    )
    card = ClassifierCard(*KIND, "", tuple(measured), training, _licences(config.coco))
    save_classifier(config.output, learner.average.state_dict(), card)
    return card


def _spread(crops: Sequence[LabelledCrop], most: int = _MEASURED) -> list[LabelledCrop]:
    return [crops[number] for number in spread_numbers(len(crops), min(most, len(crops)))]


def _engine(config: TrainingConfig, learner: ClassLearner) -> ClassifierEngine:
    """Runs the averaged network as a weights file would hold it."""
    classifier = Classifier()
    classifier.load_state_dict(as_stored(learner.average.state_dict()))
    return ClassifierEngine(classifier.eval(), torch.device(config.device))


def _told(report: Report, before: int, total: int, done: int) -> None:
    report(Progress("evaluate", before + done, total))


def _licences(coco: Path | None) -> tuple[str, ...]:
    """As the file of photographs states them."""
    if coco is None:
        return ()
    return tuple(one.name for one in msgspec.json.decode(coco.read_bytes(), type=_Licensed).licenses)


def _log(folder: Path, learner: ClassLearner, loss: float, top1: float) -> None:
    line = ClassLogLine(learner.steps_done, round(loss, 4), round(learner.hours, 3), top1)
    with (folder / "log.jsonl").open("ab") as log:
        log.write(msgspec.json.encode(line) + b"\n")
