"""Scaling of frames: to a size, and into a canvas; and what is found on the canvas back to the frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Detection

PADDING = 0
"""Black, as the network saw it in training."""


class Letterboxed(NamedTuple):
    """A canvas with a frame at its top left.

    A side as a share of the canvas, times its factor, is a share of the frame: `frame_x = canvas_x * x_factor`.
    """

    canvas: NDArray[np.uint8]
    x_factor: float
    y_factor: float

    def on_frame(self, detections: Iterable[Detection]) -> list[Detection]:
        """From shares of the canvas to shares of the frame, cut at its border; what lies in the padding is left out."""
        return [
            self._to_frame(detection)
            for detection in detections
            if detection.left * self.x_factor < 1 and detection.top * self.y_factor < 1
        ]

    def _to_frame(self, detection: Detection) -> Detection:
        return Detection(
            detection.label,
            detection.score,
            min(detection.left * self.x_factor, 1.0),
            min(detection.top * self.y_factor, 1.0),
            min(detection.right * self.x_factor, 1.0),
            min(detection.bottom * self.y_factor, 1.0),
        )


def fit(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The image [h, w, 3] at `width` x `height`: area average when it gets smaller, linear when larger.

    An image of that size already is returned as it is, not copied.
    """
    if image.shape[:2] == (height, width):
        return image
    import cv2  # only here: frames that come as large as they are wanted need none

    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)


def letterbox(image: NDArray[np.uint8], canvas_height: int, canvas_width: int) -> Letterboxed:
    """The image [h, w, 3] scaled to fit the canvas, enlarged if need be, at its top left; the rest is black."""
    return place(image, np.empty((canvas_height, canvas_width, 3), np.uint8))


def place(image: NDArray[np.uint8], canvas: NDArray[np.uint8]) -> Letterboxed:
    """As `letterbox`, on a canvas that is there, whatever is on it."""
    (height, width), (canvas_height, canvas_width) = image.shape[:2], canvas.shape[:2]
    scale = min(canvas_width / width, canvas_height / height)
    new_width, new_height = max(1, round(width * scale)), max(1, round(height * scale))
    canvas[:new_height, :new_width] = fit(image, new_width, new_height)
    canvas[new_height:] = PADDING
    canvas[:new_height, new_width:] = PADDING
    return Letterboxed(canvas, canvas_width / new_width, canvas_height / new_height)
