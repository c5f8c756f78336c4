"""Whether the detector and the classifier learn on the device, and how fast."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.gpu_check.findings import Found, Sheet
from benchmarks.gpu_check.place import Place, frames_at
from jellyfish.models.model import Engine, answers

if TYPE_CHECKING:
    import torch

STEPS, SHORT_STEPS = 100, 3
BATCH, SHORT_BATCH = 8, 2
RESOLUTION, SHORT_RESOLUTION = 448, 128
CROP_SIDE, CROP_BATCH = 224, 32
JUDGED = 60
"""From so many steps on the loss must have fallen."""
PEAK_RATE = 0.01
"""Of which the learner's warm-up lets through a few per cent in so few steps."""
FIRST = 5
"""Steps that the means of a run's begin and end are over."""


class Lesson(NamedTuple):
    """A run of steps."""

    losses: list[float]
    step_s: list[float]
    images: int
    """Of each step."""

    @property
    def images_per_s(self) -> float:
        """By the median step of the second half: the first steps choose kernels."""
        return self.images / statistics.median(self.step_s[len(self.step_s) // 2 :])

    @property
    def ends(self) -> tuple[float, float]:
        """Mean loss of the first steps and of the last."""
        few = min(FIRST, len(self.losses) // 2) or 1
        return statistics.mean(self.losses[:few]), statistics.mean(self.losses[-few:])


def training(place: Place, budget_s: float) -> Found:
    """Steps of both learners, again and again on the same frames, whose loss must fall."""
    lessons = {
        "detector": _lesson(_detector(place), place, 0.75 * budget_s),
        "classifier": _lesson(_classifier(place), place, 0.25 * budget_s),
    }
    rows, wrong, missed = [], [], []
    steps = SHORT_STEPS if place.options.short else STEPS
    for name, lesson in lessons.items():
        first, last = lesson.ends
        rows.append([name, str(len(lesson.losses)), f"{first:.3f}", f"{last:.3f}", f"{lesson.images_per_s:,.1f}"])
        if not math.isfinite(sum(lesson.losses)):
            wrong.append(f"the {name}'s loss is no number from step {_first_nonsense(lesson.losses)} on")
        elif len(lesson.losses) >= JUDGED and last >= first:
            wrong.append(f"the {name}'s loss has not fallen: {first:.3f}, then {last:.3f}")
        if len(lesson.losses) < steps:
            missed.append(f"there was time for {len(lesson.losses)} of the {name}'s {steps} steps")
    figures = {name: each._asdict() | {"images_per_s": each.images_per_s} for name, each in lessons.items()}
    header = ["what learns", "steps", "loss at first", "at last", "images/s"]
    gist = ", ".join(f"{row[0]}: {row[1]} steps, loss {row[2]} to {row[3]}, {row[4]} images/s" for row in rows)
    notes = ["Batches are ready in memory: what preparing them takes is the processor's."]
    return Found(gist, figures, [Sheet("Training", header, rows)], notes, wrong, missed)


def _lesson(step: tuple[Callable[[int], float], int], place: Place, budget_s: float) -> Lesson:
    """As many steps as there is time for, three at least."""
    take, images = step
    ends_s = time.perf_counter() + budget_s
    lesson = Lesson([], [], images)
    for number in range(SHORT_STEPS if place.options.short else STEPS):
        if number >= SHORT_STEPS and time.perf_counter() > ends_s:
            break
        began_s = time.perf_counter()
        lesson.losses.append(take(number))  # a number on the host: the device has been waited for
        lesson.step_s.append(time.perf_counter() - began_s)
    return lesson


def _detector(place: Place) -> tuple[Callable[[int], float], int]:
    """A step of a detector from scratch, on frames labelled with what the shipped one finds there."""

    from jellyfish.lab.training.batch import Batch
    from jellyfish.lab.training.learner import Learner
    from jellyfish.models.slimmable.street import input_size

    short = place.options.short
    resolution, count = (SHORT_RESOLUTION, SHORT_BATCH) if short else (RESOLUTION, BATCH)
    size = input_size(resolution)
    frames = frames_at(size.width, size.height)[:count]
    variant = next(each for each in reversed(place.model.variants) if each.resolution == resolution)

    def found(engine: Engine) -> Any:
        return answers(engine, frames, [variant] * len(frames))

    (seen,) = place.executor.on_all(found)
    sides = [[(box.left, box.top, box.right, box.bottom) for box in answer.detections] for answer in seen]
    labels = [[box.label for box in answer.detections] for answer in seen]
    batch = Batch(resolution, _pixels(frames, place), _labels(labels, sides, size.width, size.height))
    learner = Learner(0, place.device, peak_rate=PEAK_RATE)
    return lambda number: learner.step(batch, STEPS), len(frames)


def _labels(labels: list[list[int]], sides: list[list[Any]], width: int, height: int) -> Any:
    """Padded to the largest number of objects."""
    import torch

    from jellyfish.lab.training.targets import Labels

    most = max(1, *map(len, labels))
    padded = Labels(
        torch.zeros(len(labels), most, dtype=torch.long),
        torch.zeros(len(labels), most, 4),
        torch.zeros(len(labels), most, dtype=torch.bool),
        torch.zeros(len(labels), most, dtype=torch.bool),
    )
    for row, (own, boxes) in enumerate(zip(labels, sides, strict=True)):
        if own:
            padded.label[row, : len(own)] = torch.tensor(own)
            padded.sides[row, : len(own)] = torch.tensor(boxes) * torch.tensor([width, height] * 2)
            padded.valid[row, : len(own)] = True
    return padded


def _classifier(place: Place) -> tuple[Callable[[int], float], int]:
    """A step of a classifier begun with the shipped detector, on frames with a label each."""
    import torch

    from jellyfish.lab.classification.batch import CropBatch
    from jellyfish.lab.classification.learner import ClassLearner
    from jellyfish.models.slimmable.street import CLASSES
    from jellyfish.models.slimmable.weights import load_weights

    side, count = (64, SHORT_BATCH) if place.options.short else (CROP_SIDE, CROP_BATCH)
    frames = frames_at(side, side)
    labels = torch.arange(count) % len(CLASSES)
    batch = CropBatch(_pixels([frames[number % len(frames)] for number in range(count)], place), labels)
    learner = ClassLearner(0, place.device, load_weights().detector())
    return lambda number: learner.step(batch, STEPS), count


def _pixels(frames: Any, place: Place) -> torch.Tensor:
    """[n, 3, h, w] bytes, channels last; for a GPU in memory that it reads by itself."""
    import numpy as np
    import torch

    pixels = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    return pixels if place.gpu is None else place.gpu.pinned(pixels)


def _first_nonsense(losses: list[float]) -> int:
    return next(number for number, loss in enumerate(losses) if not math.isfinite(loss))
