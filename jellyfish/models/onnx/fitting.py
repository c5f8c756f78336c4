"""Frames into the input of a network, and boxes back onto frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import InputSize
from jellyfish.errors import InputError
from jellyfish.media.resize import fit
from jellyfish.models.model import Image
from jellyfish.models.onnx.decoders.decoder import Array
from jellyfish.models.onnx.manifest import ColourOrder, Fit, InputSpec


class Where(NamedTuple):
    """Where a frame lies in the input, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def on_frame(self, sides: Array) -> Array:
        """[k, 4] in pixels of the input -> shares of the frame, beyond 0 and 1 too."""
        offset = np.array([self.left, self.top] * 2, np.float32)
        return np.asarray((sides - offset) / np.array([self.width, self.height] * 2, np.float32))


class Fitting:
    """How frames get into one input."""

    def __init__(self, spec: InputSpec, canvas: InputSize, dtype: Any) -> None:
        """`dtype`: what the graph takes. InputError where bytes are to be scaled."""
        self._spec, self._canvas, self._dtype = spec, canvas, np.dtype(dtype)
        values = (np.arange(256)[:, None] * spec.scale - np.array(spec.mean)) / np.array(spec.std)
        self._tables = values.T.astype(np.float32)
        """[3, 256]: what becomes of each byte, colour by colour."""
        if self._dtype == np.uint8 and (values != np.arange(256)[:, None]).any():
            raise InputError("the graph takes bytes as they are: write scale = 1.0, and neither mean nor std")

    def __call__(self, images: Sequence[Image]) -> tuple[NDArray[Any], list[Where]]:
        """The input for a batch [n, ...], and where each image lies in it."""
        places = [self.place(image) for image in images]
        canvases = np.empty((len(images), self._canvas.height, self._canvas.width, 3), np.uint8)
        for canvas, image, where in zip(canvases, images, places, strict=True):
            if (where.width, where.height) != (self._canvas.width, self._canvas.height):
                canvas[:] = self._spec.padding
            canvas[where.top : where.top + where.height, where.left : where.left + where.width] = fit(
                image, where.width, where.height
            )
        return self._tensor(canvases), places

    def place(self, image: Image) -> Where:
        """Where an image of this shape lies."""
        height, width = image.shape[:2]
        across, down = self._canvas.width, self._canvas.height
        if self._spec.fit is Fit.STRETCH:
            return Where(0, 0, across, down)
        scale = min(across / width, down / height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
        if self._spec.fit is Fit.TOP_LEFT:
            return Where(0, 0, *inner)
        return Where((across - inner[0]) // 2, (down - inner[1]) // 2, *inner)

    def _tensor(self, canvases: NDArray[np.uint8]) -> NDArray[Any]:
        """RGB bytes -> what the graph takes."""
        first = self._spec.layout.channels_first
        shape = canvases.shape
        tensor = np.empty((shape[0], 3, *shape[1:3]) if first else shape, self._dtype)
        for number, canvas in enumerate(canvases):
            planes = cv2.split(canvas)
            for channel, table in enumerate(self._tables):
                colour = 2 - channel if self._spec.colour is ColourOrder.BGR else channel
                plane = tensor[number, channel] if first else tensor[number, ..., channel]
                plane[:] = cv2.LUT(planes[colour], table)
        return tensor
