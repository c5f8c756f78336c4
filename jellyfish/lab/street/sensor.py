"""What lens and sensor do to a rendered picture. Knows nothing of what is in it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

TILE = 160
"""Side of the noise tile in pixels; it lies elsewhere in every frame."""


class Sensor:
    """What lens and sensor do to the picture: blur, exposure, noise, drops of rain."""

    def __init__(
        self, rng: np.random.Generator, width: int, height: int, noise: float, raining: bool, gain: float
    ) -> None:
        self.size = (width, height)
        self.blur = float(rng.uniform(0.3, 0.75))
        self.exposure = (float(rng.uniform(0.0, 0.05)), float(rng.uniform(0.2, 1.0)), float(rng.uniform(0, 6)))
        self.contrast = float(rng.uniform(0.85, 1.12))
        grey_share = np.full((3, 3), 1 / 3) * (1 - (saturation := float(rng.uniform(0.55, 1.2))))
        self.colours = grey_share + np.eye(3) * saturation
        grey = rng.standard_normal((TILE, TILE, 1), np.float32)
        tint = rng.standard_normal((TILE, TILE, 3), np.float32)
        tile = np.rint((grey * 0.85 + tint * 0.5) * noise).astype(np.int16)
        self.grain = np.tile(tile, (height // TILE + 2, width // TILE + 2, 1))
        self.raining = raining
        self.gain = gain

    def apply(self, image: Pixels, time_s: float, index: int, seed: int) -> Pixels:
        """The graded picture of one frame; its noise depends on seed and index only."""
        rng = np.random.default_rng((seed, 0x6A65, abs(index)))
        if self.raining:
            self._rain(image, rng)
        soft = cv2.GaussianBlur(image, (3, 3), self.blur)
        depth, pace, phase = self.exposure
        gain = self.gain * (1 + depth * math.sin(pace * time_s + phase))
        levels = np.arange(256) / 255 * gain
        table = np.clip((levels - 0.5) * self.contrast + 0.5, 0, 1) * 255
        graded = cv2.transform(cv2.LUT(soft, np.rint(table).astype(np.uint8)), self.colours)
        top, left = int(rng.integers(TILE)), int(rng.integers(TILE))
        width, height = self.size
        grain = self.grain[top : top + height, left : left + width]
        return np.asarray(cv2.add(graded, grain, dtype=cv2.CV_8U), np.uint8)

    def _rain(self, image: Pixels, rng: np.random.Generator) -> None:
        """Short bright streaks."""
        width, height = self.size
        start = rng.uniform((0, -20), (width, height), (70, 2))
        fall = rng.uniform(6, 22, (70, 1)) * np.array([[0.12, 1.0]])
        streaks = np.rint(np.stack([start, start + fall], axis=1)).astype(np.int32)
        layer = image.copy()
        cv2.polylines(layer, list(streaks), False, (200, 204, 210), 1, cv2.LINE_AA)
        cv2.addWeighted(layer, 0.35, image, 0.65, 0, image)
