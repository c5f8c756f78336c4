"""The plan of a street: ground, still things, traffic and camera, put together by a layout from these pieces."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from jellyfish.lab.street.bicycles import BICYCLE, MOTORCYCLE, bicycle, motorcycle
from jellyfish.lab.street.camera import StreetCamera
from jellyfish.lab.street.cars import CAR, TRUCK, car
from jellyfish.lab.street.light import Light
from jellyfish.lab.street.lorries import BUS, bus, truck
from jellyfish.lab.street.mesh import Colour
from jellyfish.lab.street.people import cyclist, motorcyclist, person
from jellyfish.lab.street.things import Building, Patch, Post, Thing, Tree
from jellyfish.lab.street.traffic import Body, Path, Traffic
from jellyfish.lab.street.vehicles import Vehicle

WHITE: Colour = (222, 222, 216)
KERB: Colour = (150, 150, 148)
LEAVES: tuple[Colour, ...] = ((74, 104, 48), (58, 92, 50), (120, 116, 46), (150, 96, 40))


@dataclass
class Street:
    """A street under construction."""

    rng: np.random.Generator
    light: Light
    patches: list[Patch] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    camera: StreetCamera | None = None

    def __post_init__(self) -> None:
        self.traffic = Traffic(self.rng)
        tone = float(self.rng.uniform(70, 112))
        self.asphalt: Colour = (tone, tone + 1, tone + 4)
        tone = float(self.rng.uniform(128, 186))
        warm = float(self.rng.uniform(-4, 14))
        self.paving: Colour = (tone + warm, tone, tone - warm)
        leaves = LEAVES[int(self.rng.choice(len(LEAVES), p=[0.45, 0.35, 0.12, 0.08]))]
        self.leaves: Colour = leaves

    def uniform(self, low: float, high: float) -> float:
        """A random number between the two."""
        return float(self.rng.uniform(low, high))

    def rectangle(self, left: float, right: float, near: float, far: float, colour: Colour) -> None:
        """Paint a rectangle of ground."""
        self.patches.append(Patch([(left, near), (right, near), (right, far), (left, far)], colour))

    def dashes(self, at: float, start: float, end: float, along_y: bool, length: float = 3.0, gap: float = 4.5) -> None:
        """A broken line at x = `at` (or y = `at`)."""
        for here in np.arange(start, end, length + gap):
            low, high = float(here), min(float(here) + length, end)
            if along_y:
                self.rectangle(at - 0.08, at + 0.08, low, high, WHITE)
            else:
                self.rectangle(low, high, at - 0.08, at + 0.08, WHITE)

    def wear(self, count: int, left: float, right: float, near: float, far: float) -> None:
        """Mended places, stains and manhole covers of the road."""
        for _ in range(count):
            x, y = self.uniform(left, right), self.uniform(near, far)
            wide, long = self.uniform(0.3, 2.2), self.uniform(0.3, 5.0)
            tone = self.uniform(0.8, 1.12)
            red, green, blue = (tone * value for value in self.asphalt)
            self.rectangle(x, min(x + wide, right), y, min(y + long, far), (red, green, blue))

    def crosswalk(self, left: float, right: float, near: float, far: float, along_y: bool) -> None:
        """Stripes of a crosswalk over the rectangle; `along_y` when the traffic it crosses runs along y."""
        low, high = (left, right) if along_y else (near, far)
        for here in np.arange(low + 0.3, high - 0.3, 1.1):
            if along_y:
                self.rectangle(float(here), float(here) + 0.55, near, far, WHITE)
            else:
                self.rectangle(left, right, float(here), float(here) + 0.55, WHITE)

    def vehicle(self, shares: dict[int, float]) -> Callable[[], tuple[Body, ...]]:
        """A maker of random vehicles, with their riders, in the given shares by class."""
        kinds, weights = list(shares), np.array(list(shares.values()))

        def make() -> tuple[Body, ...]:
            kind = kinds[int(self.rng.choice(len(kinds), p=weights / weights.sum()))]
            if kind == MOTORCYCLE:
                return motorcycle(self.rng), motorcyclist(self.rng)
            if kind == BICYCLE:
                return bicycle(self.rng), cyclist(self.rng)
            return (self._vehicle(kind),)

        return make

    def _vehicle(self, label: int) -> Vehicle:
        make_one = {CAR: car, BUS: bus, TRUCK: truck}[label]
        return make_one(self.rng, self.light.lamps_on)

    def walkers(self, count: int, start: tuple[float, float], end: tuple[float, float], wide: float) -> None:
        """People who walk between two points, spread `wide` metres to either side, in both directions."""
        for _ in range(count):
            there = self.rng.random() < 0.5
            path = Path([start, end] if there else [end, start])
            figure = person(self.rng, False, self.light.raining)
            self.traffic.walker(figure, path, self.uniform(0.9, 1.7), self.uniform(-wide, wide))

    def bystanders(self, count: int, across: tuple[float, float], along: tuple[float, float]) -> None:
        """People who stand about in a rectangle."""
        for _ in range(count):
            figure = person(self.rng, True, self.light.raining)
            self.traffic.still(figure, self.uniform(*across), self.uniform(*along), self.uniform(0, 2 * math.pi))

    def parked_cycles(self, count: int, x: float, y: float, step: float) -> None:
        """Bicycles and a few motorcycles side by side in a rack that runs along y (step > 0) or x (step < 0)."""
        for index in range(count):
            cycle = motorcycle(self.rng) if self.rng.random() < 0.25 else bicycle(self.rng)
            heading = (math.pi / 2 if step > 0 else 0.0) + self.uniform(-0.12, 0.12)
            place = (x, y + index * step) if step > 0 else (x - index * step, y)
            self.traffic.still(cycle, *place, heading)

    def row_of_houses(self, side: float, depth: float, near: float, far: float, mean_height: float) -> None:
        """Houses along y whose fronts stand at x = side and reach away from x = 0."""
        here = near
        while here < far:
            length = self.uniform(9, 24)
            height = mean_height * self.uniform(0.65, 1.4)
            left, right = (side, side + depth) if side > 0 else (side - depth, side)
            self.things.append(Building(left, right, here, min(here + length, far), height))
            here += length if self.rng.random() < 0.85 else length + self.uniform(2, 8)

    def house_front(self, near: float, depth: float, left: float, right: float, mean_height: float) -> None:
        """Houses along x whose fronts stand at y = near and reach away from the camera."""
        here = left
        while here < right:
            length = min(self.uniform(9, 24), right - here)
            self.things.append(Building(here, here + length, near, near + depth, mean_height * self.uniform(0.65, 1.4)))
            here += length

    def row_of_trees(self, x: float, near: float, far: float, step: float, height: float) -> None:
        """Trees along y."""
        for y in np.arange(near, far, step):
            if self.rng.random() < 0.85:
                tall = height * self.uniform(0.75, 1.25)
                self.things.append(Tree(x + self.uniform(-0.3, 0.3), float(y) + self.uniform(-1, 1), tall, self.leaves))

    def furniture(self, count: int, across: tuple[float, float], along: tuple[float, float], towards: float) -> None:
        """Lamps, signs, bollards, bins and boxes here and there in a rectangle."""
        for _ in range(count):
            kind = str(self.rng.choice(["lamp", "sign", "bollard", "bin", "box"], p=[0.3, 0.25, 0.2, 0.15, 0.1]))
            tone = self.uniform(40, 110)
            red, green, blue = (
                map(float, self.rng.uniform(40, 220, 3)) if kind == "sign" else (tone, tone + 4, tone + 2)
            )
            post = Post(self.uniform(*across), self.uniform(*along), kind, (red, green, blue), towards)
            self.things.append(post)

    def look(
        self,
        place: tuple[float, float, float],
        at: tuple[float, float],
        field_of_view: float,
        size: tuple[int, int],
        base: int,
    ) -> None:
        """Put the camera at a place (x, y, height) looking at a ground point.

        `field_of_view` is the horizontal angle in degrees that `base` canvas pixels cover.
        """
        x, y, height = place
        yaw = math.atan2(at[0] - x, at[1] - y)
        pitch = math.atan2(height, math.hypot(at[0] - x, at[1] - y))
        focal = base / 2 / math.tan(math.radians(field_of_view) / 2)
        self.camera = StreetCamera(x, y, height, yaw, pitch, focal, *size)


def span(first: float, second: float) -> tuple[float, float]:
    """The two in rising order."""
    return min(first, second), max(first, second)
