"""The training run: render, learn, save now and then, measure, ship.

`train` is what the command line calls. Thin: the decisions are the learner's, the data's and the evaluation's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec
import torch

from jellyfish.lab.training.checkpoint import load_checkpoint, save_checkpoint
from jellyfish.lab.training.config import LogLine, Progress, Report, TrainingConfig
from jellyfish.lab.training.data import Frames, Source, StepBatches, batches
from jellyfish.lab.training.evaluate import FrameSet, spread
from jellyfish.lab.training.files import checkpoint_path, photographs
from jellyfish.lab.training.frames import render
from jellyfish.lab.training.initial import load_backbone
from jellyfish.lab.training.learner import Learner
from jellyfish.lab.training.shipping import engine_of, measure_card, progress_ap50
from jellyfish.models.slimmable.card import Training
from jellyfish.models.slimmable.street import CLASSES
from jellyfish.models.slimmable.weights import Weights, save_weights

TRAINING_SEEDS_START = 10_000
VALIDATION_SEEDS = range(1_000, 1_080)
"""Scenes that are measured on and never trained on; shipped clips have seeds below 1,000."""

RESOLUTION_SHARES: dict[int, float] = {128: 0.08, 192: 0.14, 256: 0.20, 320: 0.24, 384: 0.17, 448: 0.17}
"""How often a step trains each resolution; the large ones have more to learn, and cost more."""

_VALIDATION_FRAMES_PER_SCENE = 4

Check = Callable[[Learner], float | None]
"""AP50 of a learner's running average on some frames held out."""


def train(config: TrainingConfig, report: Report = lambda progress: None) -> Weights:
    """Learn, measure every variant on frames held out, and write weights and card to `config.output`.

    Raises InputError if a file of the config cannot be used, or if it should resume and there is no checkpoint.
    """
    held_out = held_out_of(config, report)
    sources = sources_of(config, report)
    learner = start(config)
    learn(config, learner, sources, report, lambda now: _progress_ap50(config, now, held_out))
    total = sum(len(frames) for frames in held_out.values())
    return ship(config, learner, held_out, lambda done: report(Progress("evaluate", done, total)))


def start(config: TrainingConfig) -> Learner:
    """A new learner, or the one of the folder's last checkpoint."""
    backbone = config.backbone
    initialise = None if backbone is None else lambda detector: load_backbone(detector, backbone)
    learner = Learner(config.seed, torch.device(config.device), initialise)
    if config.resume:
        learner.restore(load_checkpoint(checkpoint_path(config)))
    return learner


def learn(
    config: TrainingConfig,
    learner: Learner,
    sources: Sequence[Source],
    report: Report = lambda progress: None,
    check: Check = lambda learner: None,
) -> None:
    """Run the steps that are left; now and then and at the end, save a checkpoint and write a line of the log."""
    dataset = StepBatches(sources, RESOLUTION_SHARES, config.batch_size, config.seed)
    losses: list[float] = []
    ap50: float | None = None
    started = time.monotonic() - 3600 * learner.hours
    steps, device = range(learner.steps_done, config.steps), torch.device(config.device)
    for batch in batches(dataset, steps, config.workers, device):
        loss = learner.step(batch, config.steps)
        losses.append(loss)
        learner.hours = (time.monotonic() - started) / 3600
        report(Progress("learn", learner.steps_done, config.steps, loss, ap50))
        if learner.steps_done % config.checkpoint_steps == 0 or learner.steps_done == config.steps:
            save_checkpoint(checkpoint_path(config), learner.state())
            ap50 = check(learner)
            _log(
                config, LogLine(learner.steps_done, round(sum(losses) / len(losses), 4), round(learner.hours, 3), ap50)
            )
            losses.clear()


def ship(
    config: TrainingConfig,
    learner: Learner,
    held_out: dict[str, Frames],
    advance: Callable[[int], None] = lambda done: None,
) -> Weights:
    """Measure every variant of the averaged network on the sets held out; write weights and card."""
    training = Training(
        config.command, learner.steps_done, config.seed, round(learner.hours, 2), config.machine, data_in_words(config)
    )
    tensors = learner.average.state_dict()
    sets = [FrameSet(name, spread(frames), CLASSES) for name, frames in held_out.items()]
    card = measure_card(engine_of(tensors, torch.device(config.device)), sets, training, advance)
    return save_weights(config.output, tensors, card)


def sources_of(config: TrainingConfig, report: Report) -> list[Source]:
    """Where the run's frames come from."""
    sources = []
    if config.coco is not None:
        sources.append(Source(photographs(config, config.coco), config.coco_share))
    left = 1 - sum(source.share for source in sources)
    if left > 0:
        seeds = range(TRAINING_SEEDS_START, TRAINING_SEEDS_START + config.scenes)
        sources.append(Source(_scenes(config, seeds, config.frames_per_scene, report), left))
    return sources


def held_out_of(config: TrainingConfig, report: Report) -> dict[str, Frames]:
    """What is measured on, by name."""
    held_out = photographs_held_out(config)
    held_out["generated scenes"] = _scenes(config, VALIDATION_SEEDS, _VALIDATION_FRAMES_PER_SCENE, report)
    return held_out


def photographs_held_out(config: TrainingConfig) -> dict[str, Frames]:
    """Those of the validation file, where there is one."""
    if config.validation is None:
        return {}
    return {f"photographs ({config.validation.name})": photographs(config, config.validation)}


def _scenes(config: TrainingConfig, seeds: range, frames_per_scene: int, report: Report) -> Frames:
    return render(
        config.folder / "frames",
        seeds,
        frames_per_scene,
        processes=config.workers + 1,
        advance=lambda done: report(Progress("render", done, len(seeds))),
    )


def data_in_words(config: TrainingConfig) -> tuple[str, ...]:
    """What was learned from, in words."""
    share = 0.0 if config.coco is None else config.coco_share
    photographs = f"{share:.0%} photographs of {config.coco.name}" if config.coco is not None else ""
    scenes = f"{1 - share:.0%} frames of {config.scenes} generated scenes" if share < 1 else ""
    backbone = f"begun with {config.backbone.name}" if config.backbone is not None else ""
    return tuple(line for line in (photographs, scenes, backbone) if line)


def _progress_ap50(config: TrainingConfig, learner: Learner, held_out: dict[str, Frames]) -> float:
    """On the first set held out: the photographs, where there are some."""
    frames = next(iter(held_out.values()))
    return progress_ap50(engine_of(learner.average.state_dict(), torch.device(config.device)), frames)


def _log(config: TrainingConfig, line: LogLine) -> None:
    with (config.folder / "log.jsonl").open("ab") as log:
        log.write(msgspec.json.encode(line) + b"\n")
