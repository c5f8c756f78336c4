"""Networks in the quickest arithmetic of a device, held against float32 before anything is served.

What a device does in few bits is not known before it has done it. So the smallest and the largest network run on a few
frames in both arithmetics, on the device itself; where scores differ by more than a bound, or are no numbers, float32
serves.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from jellyfish.core import Variant
from jellyfish.models.precision import WORST_DIFFERENCE
from jellyfish.models.slimmable.networks import FoldedNetworks
from jellyfish.models.slimmable.sizes import SIZES, VARIANTS
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.models.slimmable.weights import Weights

_FRAMES = 2
_CELLS = (2, 8, 32)
"""Pixels of the squares that the frames are made of: edges of several sizes, as pictures have."""
_CHECKED = (VARIANTS[0], VARIANTS[len(SIZES) - 1])
"""The smallest and the largest network on the smallest frames: what is added up is as much at any size."""


def checked_networks(
    weights: Weights, device: torch.device, dtype: torch.dtype, worst: float = WORST_DIFFERENCE
) -> tuple[FoldedNetworks, str]:
    """The networks, and what they run in, in words: `dtype`, unless scores are off by more than `worst` in it."""
    networks, name = FoldedNetworks(weights, device, dtype), str(dtype).removeprefix("torch.")
    if dtype == torch.float32:
        return networks, name
    exact = FoldedNetworks(weights, device, torch.float32)
    difference = max(score_difference(networks, exact, variant) for variant in _CHECKED)
    if difference <= worst:
        return networks, f"{name}, scores off by {difference:.3f} at most"
    return exact, f"float32, as scores in {name} were off by {difference:.3f}"


def score_difference(networks: FoldedNetworks, exact: FoldedNetworks, variant: Variant) -> float:
    """The largest one of a score (0..1) at any point of the test frames; infinite where one is no number."""
    images = torch.from_numpy(_frames(variant)).to(networks.device)
    with torch.inference_mode():
        scores, expected = (_scores(each, images, variant) for each in (networks, exact))
        return float((scores - expected).abs().nan_to_num(nan=math.inf).max())


def _scores(networks: FoldedNetworks, images: Tensor, variant: Variant) -> Tensor:
    predictions = networks.predictions(networks.features(images), variant.network)
    return predictions[..., : len(CLASSES)].sigmoid()


def _frames(variant: Variant) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """[n, height, width, 3], the same each time."""
    size, random = input_size(variant.resolution), np.random.default_rng(0)
    total = np.zeros((_FRAMES, size.height, size.width, 3))
    for cell in _CELLS:
        squares = random.random((_FRAMES, size.height // cell, size.width // cell, 3))
        total += squares.repeat(cell, axis=1).repeat(cell, axis=2)
    return (total * (255 / len(_CELLS))).astype(np.uint8)
