"""A number drawn into a picture, to be read from what is left of it after coding, scaling and turning. Pure.

16 cells in a row along the upper edge: white, black, 12 bits of the number, 2 bits of how many of these are set. In a
picture that lies on its side, or is nobody's, no number is read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELLS, BITS, CHECK = 16, 12, 2
MOST = 2**BITS
ROW_SHARE = 1 / 12
"""Height of the row as a share of the picture's."""
CLEAR = 64.0
"""A cell's grey must be so far from the middle of white and black."""


def draw(picture: NDArray[np.uint8], number: int) -> None:
    """Draw the number into the picture (RGB), in place. 0 <= number < `MOST`."""
    height, width = picture.shape[:2]
    edges = np.linspace(0, width, CELLS + 1).round().astype(int)
    for cell, bit in enumerate(_bits(number)):
        picture[: round(height * ROW_SHARE), edges[cell] : edges[cell + 1]] = 255 * bit


def read(picture: NDArray[np.uint8]) -> int | None:
    """The number in the picture (RGB); None where there is none to be read."""
    height, width = picture.shape[:2]
    row = picture[round(height * ROW_SHARE / 2)].mean(axis=1)
    middles = ((np.arange(CELLS) + 0.5) * width / CELLS).astype(int)
    greys = row[middles] - 127.5
    if np.abs(greys).min() < CLEAR:
        return None
    bits = [int(grey > 0) for grey in greys]
    number = sum(bit << place for place, bit in enumerate(bits[2 : 2 + BITS]))
    return number if bits == _bits(number) else None


def _bits(number: int) -> list[int]:
    bits = [number >> place & 1 for place in range(BITS)]
    check = sum(bits)
    return [1, 0, *bits, *(check >> place & 1 for place in range(CHECK))]
