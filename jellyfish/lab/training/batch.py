"""What a step of training learns from. Apart from what makes it: a machine that only learns needs no OpenCV."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from jellyfish.lab.training.targets import Labels


class Batch(NamedTuple):
    """What one training step learns from."""

    resolution: int
    images: Tensor
    """[n, 3, h, w] bytes, channels last in memory."""
    labels: Labels
