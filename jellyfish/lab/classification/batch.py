"""What a step of a classifier's training learns from. Apart from what makes it, as the detector's."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class CropBatch(NamedTuple):
    """What one training step learns from."""

    images: Tensor
    """[n, 3, side, side] bytes, channels last in memory."""
    labels: Tensor
    """[n] class indices."""
