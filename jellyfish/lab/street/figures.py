"""Bodies made of limbs: joints in 3D, joined by round segments. People, bicycles and motorcycles are figures.

Own axes: x right, y forward, z up, origin on the ground. Knows nothing of cameras or of what a joint means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.mesh import Colour

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Limb:
    """A round segment from joint `start` to joint `end`, tapering from one radius (metres) to the other.

    `bias_m` moves it towards the viewer when limbs are sorted by distance; limbs above `detail` are
    left out when small.
    """

    start: int
    end: int
    start_radius: float
    end_radius: float
    colour: Colour
    bias_m: float = 0.0
    detail: int = 0


@dataclass(frozen=True)
class Figure:
    """A body of limbs and wheels. `pose(phase)` gives the joints [j, 3] in metres at a phase of its motion (radians).

    Wheels are upright rings in the plane x = 0 given as (y, z, radius, tube radius). `canopy` is the joint over which
    an umbrella is open, with its colour.
    """

    pose: Callable[[float], Floats]
    limbs: Sequence[Limb]
    label: int
    length_m: float
    width_m: float
    height_m: float
    wheels: Sequence[tuple[float, float, float, float]] = ()
    canopy: tuple[int, float, Colour] | None = None
    stride_m: float = 1.4
    """Metres moved per turn of the phase; 0 for a figure that stands."""


def capsules(start: Floats, end: Floats, start_radius: Floats, end_radius: Floats) -> Floats:
    """Outlines [n, 8, 2] of round segments in the image, from pixels [n, 2] and radii in pixels [n]."""
    along = end - start
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-3)[:, None]
    along = along / length
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    first, second = start_radius[:, None], end_radius[:, None]
    corners = [
        start + across * first,
        start + (across * 0.6 - along * 0.8) * first,
        start + (-across * 0.6 - along * 0.8) * first,
        start - across * first,
        end - across * second,
        end + (-across * 0.6 + along * 0.8) * second,
        end + (across * 0.6 + along * 0.8) * second,
        end + across * second,
    ]
    outlines: Floats = np.stack(corners, axis=1).astype(np.float32)
    return outlines


RING = np.stack([np.zeros(14), np.cos(np.arange(14) * np.pi / 7), np.sin(np.arange(14) * np.pi / 7)], axis=1).astype(
    np.float32
)
"""Corners [14, 3] of an upright unit ring facing sideways."""

CANOPY = np.stack(
    [np.cos(np.arange(10) * np.pi / 5), np.sin(np.arange(10) * np.pi / 5), np.full(10, -0.32)], axis=1
).astype(np.float32)
"""Rim [10, 3] of a unit umbrella below its tip."""
