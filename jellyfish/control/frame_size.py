"""How many bits a client's frames take at each resolution. Pure.

A reference curve (Jellyfish, RTSS 2022: raw bytes / JPEG bytes at quality 90) gives the shape, and one factor per
client, learnt from its frames, says how much more or less its scene compresses.
"""

from __future__ import annotations

import functools

import numpy as np

from jellyfish.control.smoothing import Ewma

RATIO_RESOLUTIONS = (128.0, 256.0, 384.0, 512.0, 608.0)
RAW_TO_JPEG = (4.8, 5.8, 6.8, 7.6, 8.1)


@functools.cache
def reference_bytes(resolution: int) -> float:
    """Bytes of a 16:9 frame, `resolution` pixels wide, as a JPEG of quality 90: raw bytes / interpolated ratio."""
    raw_bytes = resolution * (resolution * 9 / 16) * 3
    return raw_bytes / float(np.interp(resolution, RATIO_RESOLUTIONS, RAW_TO_JPEG))


class FrameSizeModel:
    """Expected frame size of one client at any resolution; the reference curve until its first frame."""

    def __init__(self, keep: float = 0.9) -> None:
        self._factor = Ewma(keep)

    def add(self, resolution: int, size_bytes: int) -> None:
        """Take in the size of one frame that was sent at `resolution`."""
        self._factor.add(size_bytes / reference_bytes(resolution))

    @property
    def factor(self) -> float:
        """Measured size / reference size, smoothed."""
        return 1.0 if self._factor.value is None else self._factor.value

    def bits(self, resolution: int) -> float:
        """Expected bits of the next frame at `resolution`. For each size of each client, whenever plans are thought
        about."""
        factor = self._factor.value
        return 8.0 * (1.0 if factor is None else factor) * reference_bytes(resolution)
