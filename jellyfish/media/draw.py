"""Detections drawn on a frame for people to look at. Knows nothing of where either comes from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jellyfish.classes import class_name
from jellyfish.core import Detection
from jellyfish.media.colours import Colour, colour

_BLACK: Colour = (0, 0, 0)
_ROWS_PER_LINE_PX = 360
_THINNEST_LINE_PX = 2
_ROWS_PER_FONT_PX = 36
_SMALLEST_FONT_PX = 11
_MARGIN_PX = 2


def draw(image: NDArray[np.uint8], detections: Sequence[Detection], classes: Sequence[str]) -> NDArray[np.uint8]:
    """A copy of the RGB image [height, width, 3] with a box and a label, class and score, for every detection.

    `classes`: names by label. The best are drawn last, on top of the others.
    """
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    line_px = max(_THINNEST_LINE_PX, round(height / _ROWS_PER_LINE_PX))
    for detection in sorted(detections, key=lambda detection: detection.score):
        left, top = round(detection.left * (width - 1)), round(detection.top * (height - 1))
        right, bottom = round(detection.right * (width - 1)), round(detection.bottom * (height - 1))
        pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_BLACK, width=1)
        pen.rectangle((left, top, right, bottom), outline=colour(detection.label), width=line_px)
        words = f"{class_name(detection.label, classes)} {detection.score:.2f}"
        _plate(pen, words, colour(detection.label), (left, top), (width, height))
    return np.asarray(picture, np.uint8)


def _plate(pen: ImageDraw.ImageDraw, words: str, fill: Colour, corner: tuple[int, int], size: tuple[int, int]) -> None:
    """Words on a plate above the box's top left corner; inside the box where there is no room above."""
    font = lettering(max(_SMALLEST_FONT_PX, round(size[1] / _ROWS_PER_FONT_PX)))
    ascent, descent = font.getmetrics()
    plate_width = round(font.getlength(words)) + 2 * _MARGIN_PX
    plate_height = ascent + descent
    left, top = corner
    x = max(0, min(left, size[0] - plate_width))
    y = top - plate_height if top >= plate_height else top
    pen.rectangle((x, y, x + plate_width - 1, y + plate_height - 1), fill=fill)
    pen.text((x + _MARGIN_PX, y), words, fill=_BLACK, font=font)


@cache
def lettering(size_px: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow brings."""
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
