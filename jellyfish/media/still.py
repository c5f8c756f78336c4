"""What a single image may come as, beside the bytes of a JPEG, which every frame of a stream is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Png:
    """A file in PNG."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pixels:
    """An image that need not be decoded."""

    rgb: NDArray[np.uint8]
    """[height, width, 3]; maybe a view into a message."""


Still = bytes | Png | Pixels
"""A JPEG, or one of the others."""
