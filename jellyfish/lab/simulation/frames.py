"""Cameras without pictures: frames that weigh what real ones do, and nothing else. Seeded, so repeatable."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from jellyfish.control.frame_size import reference_bytes
from jellyfish.core import InputSize, LabelledObject

NO_PICTURE = np.zeros((1, 1, 3), np.uint8)
SCENE_SPREAD, FRAME_SPREAD = 0.25, 0.08
"""Standard deviations of log size: between cameras, and between the frames of one."""
RESOLUTION_BYTES = 4


class NoPictures:
    """A frame source for the camera's seam: it has no picture to show and does not know what is in it."""

    labels: Sequence[Sequence[LabelledObject]] | None = None
    classes: Sequence[str] = ()

    def index_at(self, time_s: float) -> int:
        """0: all are the same."""
        return 0

    def frame_at(self, time_s: float) -> tuple[int, NDArray[np.uint8]]:
        """(0, one black pixel)."""
        return 0, NO_PICTURE


class FrameWeights:
    """An encoder for the camera's seam: as many bytes as a JPEG of quality 90 of that resolution would take.

    The usual size of that resolution times a factor of the frame, log-normal. The usual size is given, or it is the
    reference curve times a factor of the camera's scene. The first bytes say the resolution (`resolution_of`), the
    others nothing.
    """

    def __init__(self, seed: int, scene: float | None = None, known: Mapping[int, float] | None = None) -> None:
        """`scene`: the camera's factor; None draws it. `known`: resolution -> bytes of the usual frame, instead."""
        self._random = random.Random(seed)
        drawn = self._random.lognormvariate(0.0, SCENE_SPREAD)
        self._scene = drawn if scene is None else scene
        self._known = known or {}
        self._frame = self._random.lognormvariate(0.0, FRAME_SPREAD)

    def usual(self, resolution: int) -> float:
        """Bytes of the camera's median frame."""
        return self._known.get(resolution) or reference_bytes(resolution) * self._scene

    def weight(self, resolution: int) -> int:
        """How many bytes the next frame will have."""
        return round(self.usual(resolution) * self._frame)

    def __call__(self, image: NDArray[np.uint8], size: InputSize) -> bytes:
        """The bytes of one frame."""
        resolution = size.resolution
        encoded = resolution.to_bytes(RESOLUTION_BYTES).ljust(self.weight(resolution), b"\0")
        self._frame = self._random.lognormvariate(0.0, FRAME_SPREAD)
        return encoded


def resolution_of(encoded: bytes) -> int:
    """Of a frame of `FrameWeights`."""
    return int.from_bytes(encoded[:RESOLUTION_BYTES])
