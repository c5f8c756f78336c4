"""How a person is to hold what a camera stored as its sensor lay: numbered as in EXIF. Pure.

1 is upright, 3 upside down, 6 to be turned by 90 degrees clockwise, 8 the other way, and 2, 4, 5, 7 are those mirrored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

UPRIGHT = 1
SIDEWAYS = 5
"""From this one on, what is stored as the width is a person's height."""
EXIF = b"Exif\0\0"
"""What a JPEG's note begins with that may tell it."""
_TAG, _MOST_ENTRIES = 0x0112, 32
"""Entries are sorted, and few come before that one."""
_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II": "little", b"MM": "big"}
_STRAIGHT = {(True, True): 1, (False, True): 2, (False, False): 3, (True, False): 4}
"""By whether x and y go on as they did."""
_ASIDE = {(True, True): 5, (True, False): 6, (False, False): 7, (False, True): 8}
"""By whether y goes on as x did, and x as y did."""


def exif_orientation(note: bytes) -> int:
    """Of what an EXIF note says; upright where that cannot be understood."""
    tiff = note[len(EXIF) :]
    order = _ORDERS.get(tiff[:2])
    if order is None:
        return UPRIGHT
    first = int.from_bytes(tiff[4:8], order)
    for number in range(min(int.from_bytes(tiff[first : first + 2], order), _MOST_ENTRIES)):
        entry = tiff[first + 2 + 12 * number :][:12]
        if int.from_bytes(entry[:2], order) == _TAG:
            value = int.from_bytes(entry[8:10], order)
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def matrix_orientation(matrix: Sequence[int]) -> int:
    """Of a display matrix: (x, y) is shown at (x * matrix[0] + y * matrix[3], x * matrix[1] + y * matrix[4])."""
    x_x, x_y, y_x, y_y = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(x_x) + abs(y_y) >= abs(x_y) + abs(y_x):
        return _STRAIGHT[x_x >= 0, y_y >= 0]
    return _ASIDE[x_y >= 0, y_x >= 0]
