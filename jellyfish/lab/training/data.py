"""Batches by step number: the batch of a step is a function of the seed and the step alone.

So a run that is resumed sees what an uninterrupted one would have seen, with any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from jellyfish.devices.process import deaf_children
from jellyfish.errors import InputError
from jellyfish.lab.training.augment import LabelledFrame, Sample, augment
from jellyfish.lab.training.batch import Batch
from jellyfish.lab.training.targets import Labels
from jellyfish.models.slimmable.street import input_size

BatchT = TypeVar("BatchT")
_LEAST_PAIRED = 256
_PAIRED = 0.4
"""How often, and from which resolution on, a canvas holds two frames side by side."""


class Frames(Protocol):
    """Frames with labels by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> LabelledFrame: ...


class Source(NamedTuple):
    """Where frames come from, and how often."""

    frames: Frames
    share: float
    """Of all frames; the shares of a run add up to 1."""


class StepBatches(Dataset[Batch]):
    """The batch of each step: sources, frames, augmentation and resolution drawn from (seed, step).

    `shares` weighs the resolutions; `batch_size` is that of the largest canvas, smaller canvases come in
    batches of up to twice as many for steadier norms.
    """

    def __init__(self, sources: Sequence[Source], shares: dict[int, float], batch_size: int, seed: int) -> None:
        self._sources, self._shares, self._batch_size, self._seed = sources, shares, batch_size, seed

    def __getitem__(self, step: int) -> Batch:
        random = np.random.default_rng((self._seed, step))
        resolution = int(random.choice(list(self._shares), p=list(self._shares.values())))
        samples = [self._sample(resolution, random) for _ in range(self._size_at(resolution))]
        images = torch.from_numpy(np.stack([sample.canvas for sample in samples])).permute(0, 3, 1, 2)
        return Batch(resolution, images, _pad(samples))

    def _sample(self, resolution: int, random: np.random.Generator) -> Sample:
        """One canvas; a large one often holds two frames, which fill it better than one upright photograph."""
        pair = resolution >= _LEAST_PAIRED and random.random() < _PAIRED
        source = self._sources[int(random.choice(len(self._sources), p=[source.share for source in self._sources]))]
        frames = [source.frames[int(number)] for number in random.integers(len(source.frames), size=1 + pair)]
        return augment(frames, resolution, random)

    def _size_at(self, resolution: int) -> int:
        size, largest = input_size(resolution), input_size(max(self._shares))
        full = self._batch_size * largest.height * largest.width
        return min(2 * self._batch_size, full // (size.height * size.width))


def batches(dataset: Dataset[BatchT], steps: range, workers: int, device: torch.device) -> Iterator[BatchT]:
    """The batches of `steps` in order, prepared ahead by `workers` processes (0: in this one), to be used on `device`.

    Raises InputError for a frame that cannot be read.
    """
    with deaf_children():
        prepared = iter(loader(dataset, steps, workers, device))
    for batch in prepared:
        if isinstance(batch, InputError):
            raise batch
        yield batch


def loader(
    dataset: Dataset[BatchT], steps: range, workers: int, device: torch.device
) -> DataLoader[BatchT | InputError]:
    """What prepares them; for a GPU in memory that it reads by itself, so that no step waits for a copy."""
    return DataLoader(
        TellingBatches(dataset),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        worker_init_fn=_start_worker,
        prefetch_factor=4 if workers else None,
        pin_memory=device.type == "cuda",
    )


class TellingBatches(Dataset[BatchT | InputError]):
    """Batches, or what is wrong with a frame of theirs: what a worker raises comes as the text of a traceback."""

    def __init__(self, dataset: Dataset[BatchT]) -> None:
        self._dataset = dataset

    def __getitem__(self, step: int) -> BatchT | InputError:
        try:
            return self._dataset[step]
        except InputError as error:
            return error


def _start_worker(worker: int) -> None:
    cv2.setNumThreads(1)


def _pad(samples: Sequence[Sample]) -> Labels:
    """Objects of several samples, padded to the largest number."""
    shape = (len(samples), max(1, *(len(sample.label) for sample in samples)))
    label, sides = torch.zeros(shape, dtype=torch.long), torch.zeros((*shape, 4))
    valid, ignore = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    for row, sample in enumerate(samples):
        count = len(sample.label)
        label[row, :count] = torch.from_numpy(sample.label)
        sides[row, :count] = torch.from_numpy(sample.sides)
        ignore[row, :count] = torch.from_numpy(sample.ignore)
        valid[row, :count] = ~ignore[row, :count]
    return Labels(label, sides, valid, ignore)
