"""Rigid bodies made of convex parts with flat faces: what vehicles are built of.

Own axes of a body: x right, y forward, z up, origin on the ground under its middle. Knows nothing of cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]
Outline = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Face:
    """One convex polygon. `glow` is the share of its colour that needs no light; faces above `detail` are left out
    when the body is small in the image."""

    points: Floats
    normal: Floats
    colour: Colour
    part: int
    glow: float = 0.0
    detail: int = 0


@dataclass
class Body:
    """A rigid body under construction: parts are drawn by layer, then from far to near; faces in the order added."""

    faces: list[Face] = field(default_factory=list)
    centres: list[Floats] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)

    def prism(self, first: Floats, second: Floats, colour: Colour, layer: int) -> int:
        """Add the convex solid between two rings of equally many points [n, 3]; returns the part's number."""
        centre = np.concatenate([first, second]).mean(axis=0)
        part = len(self.centres)
        self.centres.append(centre)
        self.layers.append(layer)
        rings = [first, second]
        following = [np.roll(ring, -1, axis=0) for ring in rings]
        for index in range(len(first)):
            quad = [rings[0][index], following[0][index], following[1][index], rings[1][index]]
            self._add(np.array(quad, np.float32), colour, part, centre)
        self._add(first, colour, part, centre)
        self._add(second, colour, part, centre)
        return part

    def extrude(self, outline: Outline, half_width: float, colour: Colour, layer: int, top_share: float = 1.0) -> int:
        """Add a side outline of (y, z) points spread over both sides; the top is `top_share` as wide as the bottom."""
        return self.prism(*sides(outline, half_width, top_share), colour, layer)

    def box(self, y: tuple[float, float], z: tuple[float, float], half_width: float, colour: Colour, layer: int) -> int:
        """Add a box from y[0] to y[1] and z[0] to z[1]."""
        return self.extrude([(y[0], z[0]), (y[1], z[0]), (y[1], z[1]), (y[0], z[1])], half_width, colour, layer)

    def decal(self, part: int, points: Floats, colour: Colour, glow: float = 0.0, detail: int = 1) -> None:
        """Paint a polygon [n, 3] that lies on a part's surface."""
        self._add(points, colour, part, self.centres[part], glow, detail)

    def side_decals(
        self, part: int, outline: Outline, half_width: float, colour: Colour, detail: int = 1, top_share: float = 1.0
    ) -> None:
        """Paint a (y, z) outline on both sides."""
        for points in sides(outline, half_width, top_share):
            self.decal(part, points, colour, detail=detail)

    def patch(
        self,
        part: int,
        quad: Sequence[tuple[float, float, float]],
        area: tuple[float, float, float, float],
        colour: Colour,
        glow: float = 0.0,
        detail: int = 1,
    ) -> None:
        """Paint the rectangle `area` (left, top, right, bottom as shares) of a quad that starts at its top left."""
        corners = np.array(quad, np.float32)
        left, top, right, bottom = area
        shares = [(left, top), (right, top), (right, bottom), (left, bottom)]
        points = [
            (corners[0] * (1 - u) + corners[1] * u) * (1 - v) + (corners[3] * (1 - u) + corners[2] * u) * v
            for u, v in shares
        ]
        self.decal(part, np.array(points, np.float32), colour, glow, detail)

    def _add(
        self, points: Floats, colour: Colour, part: int, centre: Floats, glow: float = 0.0, detail: int = 0
    ) -> None:
        normal = _normal(points)
        if float(normal @ (points.mean(axis=0) - centre)) < 0:
            normal = -normal
        self.faces.append(Face(points, normal, colour, part, glow, detail))


def _normal(points: Floats) -> Floats:
    """Unit normal of a flat polygon (written out: numpy.cross is slow for single vectors)."""
    (ax, ay, az), (bx, by, bz) = (points[1] - points[0]).tolist(), (points[2] - points[0]).tolist()
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    length = max((x * x + y * y + z * z) ** 0.5, 1e-9)
    return np.array((x / length, y / length, z / length), np.float32)


def sides(outline: Outline, half_width: float, top_share: float = 1.0) -> tuple[Floats, Floats]:
    """The left and right copies [n, 3] of a (y, z) outline, leaning inwards towards the top."""
    y, z = np.array(outline, np.float32).T
    rise = (z - z.min()) / max(float(z.max() - z.min()), 1e-6)
    x = half_width * (1 - (1 - top_share) * rise)
    return np.stack([-x, y, z], axis=1).astype(np.float32), np.stack([x, y, z], axis=1).astype(np.float32)


def disc(y: float, z: float, radius: float, corners: int = 10) -> list[tuple[float, float]]:
    """A (y, z) circle as an outline."""
    angles = np.arange(corners) * (2 * np.pi / corners)
    return [(y + radius * float(np.cos(a)), z + radius * float(np.sin(a))) for a in angles]
