"""A few frames side by side, each with its detections drawn and a line of words below: a run at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from jellyfish.core import Detection
from jellyfish.media.draw import draw, lettering
from jellyfish.media.resize import fit

TILE_WIDTH_PX = 480
WORDS_HEIGHT_PX = 22
GAP_PX = 6
_FONT_PX = 14
_PAPER, _INK = (255, 255, 255), (40, 46, 52)


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One frame of a strip: RGB [height, width, 3]."""

    image: NDArray[np.uint8]
    detections: Sequence[Detection]
    classes: Sequence[str]
    """Names by label."""
    words: str


def strip(rows: Sequence[Sequence[Tile]]) -> NDArray[np.uint8]:
    """RGB image [height, width, 3] of the tiles, row by row; rows may be of different lengths and heights."""
    drawn = [[_drawn(tile) for tile in row] for row in rows]
    heights = [max(tile.shape[0] for tile in row) for row in drawn]
    width = max(map(len, rows)) * (TILE_WIDTH_PX + GAP_PX) - GAP_PX
    sheet = np.full((sum(heights) + GAP_PX * (len(heights) - 1), width, 3), _PAPER, np.uint8)
    top = 0
    for row, height in zip(drawn, heights, strict=True):
        for column, tile in enumerate(row):
            left = column * (TILE_WIDTH_PX + GAP_PX)
            sheet[top : top + tile.shape[0], left : left + TILE_WIDTH_PX] = tile
        top += height + GAP_PX
    return sheet


def _drawn(tile: Tile) -> NDArray[np.uint8]:
    """The frame at the tile's width, with boxes, and the words below."""
    height, width = tile.image.shape[:2]
    scaled = fit(tile.image, TILE_WIDTH_PX, max(1, round(height * TILE_WIDTH_PX / width)))
    words = Image.new("RGB", (TILE_WIDTH_PX, WORDS_HEIGHT_PX), _PAPER)
    ImageDraw.Draw(words).text((1, 2), tile.words, fill=_INK, font=lettering(_FONT_PX))
    return np.concatenate([draw(scaled, tile.detections, tile.classes), np.asarray(words, np.uint8)])
