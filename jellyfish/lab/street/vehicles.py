"""What all motor vehicles share: paint, wheels, lamps, and the finished body with its label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jellyfish.lab.street.mesh import Body, Colour, disc

PAINTS: tuple[Colour, ...] = (
    (205, 206, 208), (235, 235, 232), (150, 153, 158), (92, 96, 102), (34, 36, 40), (48, 50, 55), (160, 30, 32),
    (36, 66, 128), (70, 110, 160), (28, 84, 66), (120, 100, 76), (186, 170, 138), (196, 96, 30), (216, 180, 40),
    (96, 34, 48), (62, 128, 146),
)  # fmt: skip
GLASS: Colour = (38, 46, 56)
TYRE: Colour = (22, 22, 24)
UNDERSIDE: Colour = (18, 18, 20)
LAMP: Colour = (250, 246, 226)
TAIL: Colour = (190, 24, 24)


@dataclass(frozen=True)
class Vehicle:
    """A finished body with its label, full length, width and height in metres."""

    body: Body
    label: int
    length_m: float
    width_m: float
    height_m: float


class Builder:
    """The steps that all vehicles share: wheels, underside, lamps, windows."""

    def __init__(self, rng: np.random.Generator, length: float, width: float, lights_on: bool) -> None:
        self.body = Body()
        self.rng = rng
        self.half_length = length / 2
        self.half_width = width / 2
        self.lights_on = lights_on

    def underside(self, height: float, inset: float = 0.1) -> None:
        """The dark between the wheels."""
        ends = (-self.half_length + 0.25, self.half_length - 0.25)
        self.body.box(ends, (0.08, height), self.half_width - inset, UNDERSIDE, 0)

    def wheels(self, part: int, at: Sequence[float], radius: float) -> None:
        """Wheels on both sides at the given y: tyre, rim and the dark arch above."""
        silver = 120 + 80 * float(self.rng.random())
        for y in at:
            self.body.side_decals(part, disc(y, radius + 0.05, radius * 1.18), self.half_width + 0.004, UNDERSIDE, 2)
            self.body.side_decals(part, disc(y, radius, radius), self.half_width + 0.01, TYRE, 0)
            rim = disc(y, radius, radius * 0.58, 8)
            self.body.side_decals(part, rim, self.half_width + 0.015, (silver, silver, silver + 4), 1)

    def lamps(self, part: int, z: tuple[float, float], front: float, back: float, width_share: float = 0.3) -> None:
        """Head lamps on the front plane and tail lamps on the back plane (both given by their y)."""
        low, high = z
        w = self.half_width * 0.97
        share = width_share
        glow_front, glow_back = (1.0, 0.9) if self.lights_on else (0.25, 0.3)
        lamp = LAMP if self.lights_on else (214.0, 216.0, 214.0)
        for y, colour, glow in ((front, lamp, glow_front), (back, TAIL, glow_back)):
            quad = [(-w, y, high), (w, y, high), (w, y, low), (-w, y, low)]
            self.body.patch(part, quad, (0.0, 0.0, share, 1.0), colour, glow)
            self.body.patch(part, quad, (1 - share, 0.0, 1.0, 1.0), colour, glow)

    def plate(self, part: int, z: float, front: float, back: float) -> None:
        """Number plates and the dark grille beside them."""
        w = self.half_width
        for y in (front, back):
            quad = [(-w, y, z + 0.08), (w, y, z + 0.08), (w, y, z - 0.08), (-w, y, z - 0.08)]
            self.body.patch(part, quad, (0.2, 0.0, 0.8, 1.0), (30, 30, 33), detail=2)
            self.body.patch(part, quad, (0.38, 0.15, 0.62, 0.85), (228, 226, 200), detail=2)

    def done(self, label: int, height: float) -> Vehicle:
        """The finished vehicle."""
        return Vehicle(self.body, label, 2 * self.half_length, 2 * self.half_width, height)


def paint_for(rng: np.random.Generator, choices: Sequence[Colour] = PAINTS) -> Colour:
    """One of the colours, slightly off."""
    base = np.array(choices[int(rng.integers(len(choices)))], float) + rng.normal(0, 9, 3)
    red, green, blue = np.clip(base, 8, 245)
    return float(red), float(green), float(blue)


def darker(colour: Colour, share: float) -> Colour:
    """The colour with a share of its light."""
    return colour[0] * share, colour[1] * share, colour[2] * share
