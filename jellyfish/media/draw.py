"""Detections drawn on a frame for people to look at. Knows nothing of where either comes from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from jellyfish.core import CLASSES, Detection

Colour = tuple[int, int, int]
"""Red, green, blue."""

COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),  # person: orange
    (0, 158, 115),  # bicycle: bluish green
    (86, 180, 233),  # car: sky blue
    (204, 121, 167),  # motorcycle: reddish purple
    (240, 228, 66),  # bus: yellow
    (213, 94, 0),  # truck: vermilion
)
"""By label; told apart with any colour vision (Okabe & Ito, "Color Universal Design", 2008)."""

_BLACK: Colour = (0, 0, 0)
_ROWS_PER_LINE_PX = 360
_THINNEST_LINE_PX = 2
_ROWS_PER_FONT_PX = 36
_SMALLEST_FONT_PX = 11
_MARGIN_PX = 2


def draw(image: NDArray[np.uint8], detections: Sequence[Detection]) -> NDArray[np.uint8]:
    """A copy of the RGB image [height, width, 3] with a box and a label, class and score, for every detection.

    The best are drawn last, on top of the others.
    """
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    line_px = max(_THINNEST_LINE_PX, round(height / _ROWS_PER_LINE_PX))
    for detection in sorted(detections, key=lambda detection: detection.score):
        left, top = round(detection.left * (width - 1)), round(detection.top * (height - 1))
        right, bottom = round(detection.right * (width - 1)), round(detection.bottom * (height - 1))
        pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=_BLACK, width=1)
        pen.rectangle((left, top, right, bottom), outline=COLOURS[detection.label], width=line_px)
        _label(pen, detection, left, top, (width, height))
    return np.asarray(picture, np.uint8)


def _label(pen: ImageDraw.ImageDraw, detection: Detection, left: int, top: int, size: tuple[int, int]) -> None:
    """Class and score on a plate above the box's top left corner; inside the box where there is no room above."""
    font = lettering(max(_SMALLEST_FONT_PX, round(size[1] / _ROWS_PER_FONT_PX)))
    words = f"{CLASSES[detection.label]} {detection.score:.2f}"
    ascent, descent = font.getmetrics()
    plate_width = round(font.getlength(words)) + 2 * _MARGIN_PX
    plate_height = ascent + descent
    x = max(0, min(left, size[0] - plate_width))
    y = top - plate_height if top >= plate_height else top
    pen.rectangle((x, y, x + plate_width - 1, y + plate_height - 1), fill=COLOURS[detection.label])
    pen.text((x + _MARGIN_PX, y), words, fill=_BLACK, font=font)


@cache
def lettering(size_px: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow brings."""
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
