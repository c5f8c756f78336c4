"""Batches of cut-outs by step number: the batch of a step is a function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.lab.classification.batch import CropBatch
from jellyfish.lab.classification.crops import CropAddress, addresses, square_around
from jellyfish.lab.training.augment import Image, recolour, soften, through_jpeg
from jellyfish.lab.training.data import Source
from jellyfish.media.resize import fit, letterbox

LEAST_PX = 24.0
"""Longer side of an object to learn from, in its frame: of smaller ones nothing can be seen."""

SHARES: dict[int, float] = {64: 0.32, 96: 0.26, 128: 0.18, 160: 0.1, 192: 0.07, 224: 0.07}
"""How often a step trains each resolution: the small ones cost little."""
REFINING_SHARES: dict[int, float] = {64: 0.1, 96: 0.1, 128: 0.15, 160: 0.15, 192: 0.25, 224: 0.25}
"""The same of a run that goes on with a classifier: the large ones have most to gain."""

_BALANCE = 0.5
"""Classes are drawn as often as this power of their number says: 1 as they come, 0 each as often."""
_MOST_LARGER = 2
"""Small pictures come in batches of up to so many times the size, for steadier norms."""
_FACTORS, _ASIDE, _ASPECT = (1.0, 2.0), 0.12, 0.15
"""Surroundings, in sides of the object; how far it is from the middle, in sides of the cut-out; and how distorted."""


class CropSource:
    """The objects of one source of frames, drawn class by class."""

    def __init__(self, source: Source, name: str) -> None:
        """InputError if there is no object large enough."""
        self.frames, self.share = source.frames, source.share
        by_class: dict[int, list[CropAddress]] = {}
        for address in addresses(source.frames, LEAST_PX):
            by_class.setdefault(address.thing.label, []).append(address)
        if not by_class:
            raise InputError(f"{name}: no labelled object is {LEAST_PX:g} pixels large, so there is nothing to learn")
        self._found = list(by_class.values())
        weights = np.array([len(found) for found in self._found]) ** _BALANCE
        self._odds = weights / weights.sum()
        self.objects = sum(map(len, self._found))

    def draw(self, random: np.random.Generator) -> CropAddress:
        """Any of them."""
        found = self._found[int(random.choice(len(self._found), p=self._odds))]
        return found[int(random.integers(len(found)))]


class CropBatches(Dataset[CropBatch]):
    """The batch of each step: sources, objects, augmentation and resolution drawn from (seed, step).

    `batch_size` is that of the largest resolution; `shares` weighs the resolutions.
    """

    def __init__(
        self, sources: Sequence[CropSource], batch_size: int, seed: int, shares: Mapping[int, float] = SHARES
    ) -> None:
        self._sources, self._batch_size, self._seed, self._shares = sources, batch_size, seed, shares
        self._odds = [source.share for source in sources]

    def __getitem__(self, step: int) -> CropBatch:
        random = np.random.default_rng((self._seed, step))
        side = int(random.choice(list(self._shares), p=list(self._shares.values())))
        count = round(self._batch_size * min(_MOST_LARGER, (max(self._shares) / side) ** 2))
        images, labels = zip(*(self._sample(side, random) for _ in range(count)), strict=True)
        return CropBatch(torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), torch.tensor(labels))

    def _sample(self, side: int, random: np.random.Generator) -> tuple[Image, int]:
        source = self._sources[int(random.choice(len(self._sources), p=self._odds))]
        address = source.draw(random)
        image, _ = source.frames[address.frame]
        return augmented(image, address.thing, side, random), address.thing.label


def augmented(image: Image, thing: LabelledObject, side: int, random: np.random.Generator) -> Image:
    """The object as another camera might have cut it out, at `side` x `side`, through what service does to it."""
    factor = float(np.exp(random.uniform(*np.log(_FACTORS))))
    aside = random.uniform(-_ASIDE, _ASIDE, 2)
    window = square_around(thing, image.shape[1], image.shape[0], factor, (float(aside[0]), float(aside[1])))
    crop = window.cut(image)
    height, width = crop.shape[:2]
    scale = min(1.0, side / max(height, width))  # as a camera sends it: never larger than it is asked for
    aspect = float(np.exp(random.uniform(-_ASPECT, _ASPECT)))
    crop = fit(crop, max(1, round(width * scale * aspect)), max(1, round(height * scale / aspect)))
    if random.random() < 0.5:
        crop = np.ascontiguousarray(crop[:, ::-1])
    crop = soften(recolour(crop, random), random)
    if random.random() < 0.5:
        crop = through_jpeg(crop, quality=int(random.integers(30, 97)))
    return letterbox(crop, side, side).canvas
