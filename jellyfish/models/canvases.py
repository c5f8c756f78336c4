"""Frames on the canvases of a batch, and what was found there as answers: for networks that take padded frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Answer, Detection, InputSize
from jellyfish.media.resize import Letterboxed, place


class Canvases(NamedTuple):
    """Frames of any size, each scaled to fit its canvas, at the top left of it; the rest is black."""

    pixels: NDArray[np.uint8]
    """[n, height, width, 3]."""
    places: list[Letterboxed]

    def answers(self, found: Sequence[Sequence[Detection]]) -> list[Answer]:
        """From shares of each canvas to shares of its frame; what lies in the padding alone is left out."""
        return [Answer(tuple(box.on_frame(each))) for box, each in zip(self.places, found, strict=True)]


def on_canvases(
    images: Sequence[NDArray[np.uint8]], size: InputSize, pixels: NDArray[np.uint8] | None = None
) -> Canvases:
    """RGB images [h, w, 3] on canvases of `size`: in `pixels` [n, height, width, 3], or in memory of their own."""
    if pixels is None:
        pixels = np.empty((len(images), size.height, size.width, 3), np.uint8)
    return Canvases(pixels, [place(image, canvas) for image, canvas in zip(images, pixels, strict=True)])
