"""Turning pictures the right way up."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

_TURNS: dict[int, Callable[[NDArray[np.uint8]], object]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The image [height, width, 3] as a person sees it (see `orientation`); the same one where it is upright."""
    turn = _TURNS.get(orientation)
    return image if turn is None else np.asarray(turn(image), np.uint8)
