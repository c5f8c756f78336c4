"""A pinhole camera over a ground plane: world metres in, pixels out.

World axes: x right, y forward, z up; the ground is z = 0. Knows nothing of what stands in the street.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEAR_M = 0.5
"""Nothing closer to the image plane than this is drawn; polygons are cut there."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class StreetCamera:
    """Where the camera stands, where it looks, and the canvas (in pixels) that it draws on."""

    x: float
    y: float
    height_m: float
    yaw: float
    """Radians clockwise from the world's y axis."""
    pitch: float
    """Radians below the horizon."""
    focal_px: float
    width: int
    height: int

    @functools.cached_property
    def position(self) -> Floats:
        """World position [3]."""
        return np.array([self.x, self.y, self.height_m], np.float32)

    @functools.cached_property
    def rotation(self) -> Floats:
        """World to camera [3, 3]: rows are the camera's right, down and forward directions."""
        sin_yaw, cos_yaw = math.sin(self.yaw), math.cos(self.yaw)
        sin_pitch, cos_pitch = math.sin(self.pitch), math.cos(self.pitch)
        right = (cos_yaw, -sin_yaw, 0.0)
        forward = (sin_yaw * cos_pitch, cos_yaw * cos_pitch, -sin_pitch)
        down = (-sin_yaw * sin_pitch, -cos_yaw * sin_pitch, -cos_pitch)
        return np.array([right, down, forward], np.float32)

    def to_camera(self, points: Floats) -> Floats:
        """World points [..., 3] to camera points [..., 3] (right, down, depth) in metres."""
        return (points - self.position).astype(np.float32) @ self.rotation.T

    def to_pixels(self, seen: Floats) -> Floats:
        """Camera points [..., 3] to pixels [..., 2]; a depth under `NEAR_M` counts as `NEAR_M`."""
        depth = np.maximum(seen[..., 2:], NEAR_M)
        centre = np.array([self.width / 2, self.height / 2], np.float32)
        return (seen[..., :2] * (np.float32(self.focal_px) / depth) + centre).astype(np.float32)

    def polygon(self, points: Floats) -> NDArray[np.int32] | None:
        """World polygon [n, 3] to whole pixels with 4 fractional bits [m, 2], cut at the near plane.

        None when nothing of it lies before the camera.
        """
        kept = clip_near(self.to_camera(points))
        if len(kept) < 3:
            return None
        return to_fixed(self.to_pixels(kept))

    def horizon_row(self) -> float:
        """The canvas row in which the ground ends."""
        return self.height / 2 - self.focal_px * math.tan(self.pitch)

    def ground_points(self, step: int) -> tuple[int, Floats, Floats]:
        """(first row below the horizon, world x, world y): the ground point seen by every `step`-th pixel below it."""
        first = max(0, math.ceil(self.horizon_row()) + 1)
        columns = (np.arange(0, self.width, step, dtype=np.float32) - self.width / 2 + step / 2) / self.focal_px
        rows = (np.arange(first, self.height, step, dtype=np.float32) - self.height / 2 + step / 2) / self.focal_px
        right, down, forward = self.rotation
        along = rows[:, None] * down + forward
        distance = (-self.height_m / np.minimum(along[:, 2], -1e-4))[:, None]
        x = self.x + distance * (along[:, :1] + columns * right[0])
        y = self.y + distance * (along[:, 1:2] + columns * right[1])
        return first, x.astype(np.float32), y.astype(np.float32)


FIXED_BITS = 4
"""Fractional bits of pixel coordinates handed to cv2's polygon functions (`shift`)."""


def to_fixed(pixels: Floats) -> NDArray[np.int32]:
    """Pixel coordinates (0 = left edge of the first pixel) to cv2's fixed point (0 = centre of the first pixel)."""
    fixed: NDArray[np.int32] = np.rint((np.clip(pixels, -400_000, 400_000) - 0.5) * (1 << FIXED_BITS)).astype(np.int32)
    return fixed


def clip_near(seen: Floats) -> Floats:
    """The part of a camera-space polygon [n, 3] beyond the near plane (Sutherland-Hodgman with one plane)."""
    inside = seen[:, 2] >= NEAR_M
    if inside.all():
        return seen
    kept: list[Floats] = []
    for index in range(len(seen)):
        here, after = seen[index], seen[(index + 1) % len(seen)]
        if inside[index]:
            kept.append(here)
        if inside[index] != inside[(index + 1) % len(seen)]:
            share = (NEAR_M - here[2]) / (after[2] - here[2])
            kept.append(here + share * (after - here))
    return np.array(kept, np.float32).reshape(-1, 3)
