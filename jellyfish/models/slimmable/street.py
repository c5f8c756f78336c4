"""What the shipped detector finds and takes: the classes of a street, and frames of six sizes."""

from __future__ import annotations

import math

from jellyfish.core import InputSize

CLASSES: tuple[str, ...] = ("person", "bicycle", "car", "motorcycle", "bus", "truck")
"""By label."""
RESOLUTIONS: tuple[int, ...] = (128, 192, 256, 320, 384, 448)
"""Longest sides in pixels."""
STRIDE = 32
"""The detector's coarsest stride: sides of its input are multiples of it."""


def input_size(resolution: int) -> InputSize:
    """What the network takes at `resolution`.

    Cameras are mostly 16:9, so that is, too, rounded up to the stride: 40 % less work than a square. Frames of another
    shape are fitted inside and padded.
    """
    return InputSize(resolution, STRIDE * math.ceil(resolution * 9 / 16 / STRIDE))
