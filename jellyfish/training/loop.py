"""The training run: render, learn, save now and then, measure, ship.

`train` is what the command line calls. Thin: the decisions are the learner's, the data's and the evaluation's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import torch

from jellyfish.core import CLASSES
from jellyfish.model.engine import DetectorEngine
from jellyfish.model.weights import ARCHITECTURE, SCHEMA, Card, Training, Weights, as_stored, save_weights
from jellyfish.training.checkpoint import load_checkpoint, save_checkpoint
from jellyfish.training.data import Frames, StepBatches, batches
from jellyfish.training.evaluate import IOU_THRESHOLD, LabelledFrame, evaluate, scene_frames
from jellyfish.training.frames import FrameCache, render
from jellyfish.training.learner import Learner

TRAINING_SEEDS_START = 10_000
VALIDATION_SEEDS = range(1_000, 1_080)
"""Scenes that choose thresholds and are never trained on; shipped clips have seeds below 1,000."""

RESOLUTION_SHARES: dict[int, float] = {128: 0.10, 192: 0.10, 256: 0.15, 320: 0.15, 384: 0.20, 448: 0.30}
"""How often a step trains each resolution; the large ones have more to learn."""

_VALIDATION_FRAMES_PER_SCENE = 4


class TrainingConfig(msgspec.Struct, frozen=True):
    """A training run. The same config on the same machine gives the same weights."""

    output: Path
    """The weights file to write; its card goes beside it."""
    folder: Path
    """Where rendered frames and checkpoints are kept."""
    scenes: int = 1_000
    frames_per_scene: int = 10
    steps: int = 6_000
    batch_size: int = 8
    """Images per step at the largest resolution."""
    seed: int = 0
    device: str = "cpu"
    workers: int = 1
    """Processes that prepare batches."""
    checkpoint_steps: int = 200
    """Steps between two checkpoints."""
    resume: bool = False
    """Go on from the folder's last checkpoint."""
    command: str = "jellyfish train"
    """How the run was started, for the card."""


class Progress(msgspec.Struct, frozen=True):
    """How far a run is: told after every unit of work."""

    phase: str
    """`render`, `learn` or `evaluate`."""
    done: int
    total: int
    loss: float | None = None


Report = Callable[[Progress], None]


def train(config: TrainingConfig, report: Report = lambda progress: None) -> Weights:
    """Train, measure every variant on scenes held out, and write weights and card to `config.output`.

    Raises InputError if it should resume and there is no checkpoint.
    """
    learner = start(config)
    learn(config, learner, _render(config, report), report)
    total = len(VALIDATION_SEEDS) * _VALIDATION_FRAMES_PER_SCENE
    held_out = scene_frames(VALIDATION_SEEDS, _VALIDATION_FRAMES_PER_SCENE)
    return ship(config, learner, held_out, lambda done: report(Progress("evaluate", done, total)))


def start(config: TrainingConfig) -> Learner:
    """A new learner, or the one of the folder's last checkpoint."""
    learner = Learner(config.seed, torch.device(config.device))
    if config.resume:
        learner.restore(load_checkpoint(_checkpoint(config)))
    return learner


def learn(config: TrainingConfig, learner: Learner, frames: Frames, report: Report = lambda progress: None) -> None:
    """Run the steps that are left, saving a checkpoint now and then and at the end."""
    dataset = StepBatches(frames, RESOLUTION_SHARES, config.batch_size, config.seed)
    hours_before, started = learner.hours, time.monotonic()
    for batch in batches(dataset, range(learner.steps_done, config.steps), config.workers):
        loss = learner.step(batch, config.steps)
        learner.hours = hours_before + (time.monotonic() - started) / 3600
        report(Progress("learn", learner.steps_done, config.steps, loss))
        if learner.steps_done % config.checkpoint_steps == 0 or learner.steps_done == config.steps:
            save_checkpoint(_checkpoint(config), learner.state())


def ship(
    config: TrainingConfig,
    learner: Learner,
    held_out: Iterable[LabelledFrame],
    advance: Callable[[int], None] = lambda done: None,
) -> Weights:
    """Measure every variant of the averaged network on frames held out; write weights and card."""
    tensors = as_stored(learner.average.state_dict())
    card = Card(
        schema=SCHEMA,
        architecture=ARCHITECTURE,
        classes=CLASSES,
        sha256="",
        iou_threshold=IOU_THRESHOLD,
        evaluated_frames=0,
        accuracy=(),
        training=Training(config.command, learner.steps_done, config.seed, round(learner.hours, 2)),
    )
    engine = DetectorEngine(Weights(card, tensors), torch.device(config.device))
    measured = evaluate(engine, held_out, engine.variants(), advance=advance)
    card = msgspec.structs.replace(card, evaluated_frames=measured.frames, accuracy=measured.accuracy)
    return save_weights(config.output, tensors, card)


def _render(config: TrainingConfig, report: Report) -> FrameCache:
    return render(
        config.folder / "frames",
        range(TRAINING_SEEDS_START, TRAINING_SEEDS_START + config.scenes),
        config.frames_per_scene,
        processes=config.workers + 1,
        advance=lambda done: report(Progress("render", done, config.scenes)),
    )


def _checkpoint(config: TrainingConfig) -> Path:
    return config.folder / "checkpoint.pt"
