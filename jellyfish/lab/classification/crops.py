"""Labelled objects cut out of frames: what a classifier learns from and is measured on. Pure but for reading frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from jellyfish.core import LabelledObject
from jellyfish.lab.training.augment import Image
from jellyfish.lab.training.data import Frames

SURROUNDINGS = 1.3
"""Side of the square that is cut out, in longer sides of the object's box: some of what is around it helps."""
LEAST_VISIBLE = 0.5
"""Of an object, to be asked what it is."""


class Window(NamedTuple):
    """A part of an image, in pixels; both ends are within it."""

    left: int
    top: int
    right: int
    bottom: int

    def cut(self, image: Image) -> Image:
        """A copy of that part."""
        return np.ascontiguousarray(image[self.top : self.bottom, self.left : self.right])


class CropAddress(NamedTuple):
    """Where an object is to be found."""

    frame: int
    """Its number among the frames."""
    thing: LabelledObject


def square_around(
    thing: LabelledObject, width: int, height: int, factor: float = SURROUNDINGS, aside: tuple[float, float] = (0, 0)
) -> Window:
    """A square of `factor` longer sides of the object, moved `aside` by shares of its side, within width x height.

    It is pushed into the image as a whole where it fits there, and cut where it does not.
    """
    wide, high = (thing.right - thing.left) * width, (thing.bottom - thing.top) * height
    side = max(factor * max(wide, high), 1.0)
    x = (thing.left + thing.right) / 2 * width + aside[0] * side
    y = (thing.top + thing.bottom) / 2 * height + aside[1] * side
    left, right = _within(x - side / 2, x + side / 2, width)
    top, bottom = _within(y - side / 2, y + side / 2, height)
    return Window(left, top, right, bottom)


def _within(begin: float, end: float, length: int) -> tuple[int, int]:
    """The interval in whole pixels, within 0..length and not empty."""
    if end - begin < length:
        push = max(0.0, -begin) - max(0.0, end - length)
        begin, end = begin + push, end + push
    first = min(max(0, round(begin)), length - 1)
    return first, max(first + 1, min(length, round(end)))


def addresses(frames: Frames, least_px: float) -> Iterator[CropAddress]:
    """Every object that can be asked for: not to be ignored, half of it visible, its longer side so many pixels.

    Every frame is read once: better now than after hours. Raises InputError for one that cannot be.
    """
    for number in range(len(frames)):
        image, objects = frames[number]
        height, width = image.shape[:2]
        for thing in objects:
            longer = max((thing.right - thing.left) * width, (thing.bottom - thing.top) * height)
            if not thing.ignore and thing.visible >= LEAST_VISIBLE and longer >= least_px:
                yield CropAddress(number, thing)
