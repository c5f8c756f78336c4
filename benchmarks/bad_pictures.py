"""JPEGs that are valid and cost a decoder much more than their bytes say."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 4096
BIG_BYTES = 263_000
START_OF_SCAN, END_OF_IMAGE, RESTARTS = 0xDA, 0xD9, range(0xD0, 0xD8)


def soft_picture(width: int, height: int, spot: int) -> NDArray[np.uint8]:
    """Random colours in soft spots of `spot` pixels."""
    spots = np.random.default_rng(0).integers(0, 255, (height // spot + 1, width // spot + 1, 3), np.uint8)
    return cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def big_picture() -> bytes:
    """4096 x 4096 pixels in at most 263 kB."""
    image = Image.fromarray(soft_picture(SIDE, SIDE, 512))
    return next(jpeg for quality in range(95, 0, -5) if len(jpeg := _encoded(image, quality)) <= BIG_BYTES)


def _encoded(image: Image.Image, quality: int) -> bytes:
    """With Huffman tables of its own."""
    made = io.BytesIO()
    image.save(made, "JPEG", quality=quality, optimize=True)
    return made.getvalue()


def repeated_scan(times: int = 500, side: int = SIDE) -> bytes:
    """A progressive JPEG one of whose scans comes `times` times: each goes over all of the picture again."""
    made = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), 128, np.uint8)).save(made, "JPEG", progressive=True, quality=50)
    jpeg = made.getvalue()
    start, end = next(part for part in _scans(jpeg) if jpeg[part[0] + 4] == 1)  # of one component
    return jpeg[:start] + times * jpeg[start:end] + jpeg[end:]


def _scans(jpeg: bytes) -> list[tuple[int, int]]:
    """Where each scan begins and ends, its header included."""
    found, at = [], 2
    while jpeg[at + 1] != END_OF_IMAGE:
        marker = jpeg[at + 1]
        end = at + 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
        if marker == START_OF_SCAN:
            while jpeg[end] != 0xFF or jpeg[end + 1] == 0 or jpeg[end + 1] in RESTARTS:
                end += 1
            found.append((at, end))
        at = end
    return found
