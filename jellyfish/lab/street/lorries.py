"""Buses and trucks: large boxes with many windows, or with a load behind a cab."""

from __future__ import annotations

import itertools

import numpy as np

from jellyfish.lab.street.cars import TRUCK, pickup
from jellyfish.lab.street.vehicles import GLASS, PAINTS, TAIL, Builder, Vehicle, darker, paint_for
from jellyfish.models.slimmable.street import CLASSES

BUS = CLASSES.index("bus")


def bus(rng: np.random.Generator, lights_on: bool) -> Vehicle:
    """A city bus, coach, double-decker or minibus."""
    kind = str(rng.choice(["city", "coach", "double", "mini"], p=[0.5, 0.2, 0.15, 0.15]))
    length, width, height = {
        "city": (11.8, 2.5, 3.1), "coach": (12.2, 2.5, 3.5), "double": (10.8, 2.5, 4.3), "mini": (7.0, 2.1, 2.8),
    }[kind]  # fmt: skip
    paint = paint_for(
        rng,
        ((196, 40, 36), (240, 240, 236), (38, 92, 160), (232, 190, 48), (40, 120, 80), (120, 170, 200), (226, 120, 40)),
    )
    second = paint_for(rng)
    make = Builder(rng, length, width, lights_on)
    half, wide = make.half_length, make.half_width
    make.underside(0.4)
    slope = 0.25 if kind != "coach" else 0.5
    hull = [(-half, 0.32), (half - 0.05, 0.32), (half, 0.9), (half - slope, height), (-half + 0.05, height)]
    part = make.body.extrude(hull, wide, paint, 1, 0.97)
    decks = [(1.25, 2.35)] if kind != "double" else [(1.2, 2.05), (2.8, 3.75)]
    if kind == "coach":
        decks = [(1.75, 2.9)]
    make.body.side_decals(
        part, [(-half, 0.32), (half - 0.1, 0.32), (half - 0.1, 0.75), (-half, 0.75)], wide + 0.003, second, 1
    )
    for low, high in decks:
        _bus_windows(make, part, low, high, height)
    make.wheels(part, (half * 0.56, -half * 0.55), 0.48)
    front = [
        (-wide * 0.97, half - slope, height),
        (wide * 0.97, half - slope, height),
        (wide, half, 0.9),
        (-wide, half, 0.9),
    ]
    make.body.patch(part, front, (0.05, 0.22, 0.95, 0.8), GLASS, detail=0)
    make.body.patch(part, front, (0.2, 0.05, 0.8, 0.17), (250, 170, 50) if lights_on else (60, 50, 40), 0.8)
    back = [(-wide * 0.97, -half, height), (wide * 0.97, -half, height), (wide, -half, 0.5), (-wide, -half, 0.5)]
    make.body.patch(part, back, (0.12, 0.15, 0.88, 0.45), GLASS, detail=1)
    make.body.patch(part, back, (0.2, 0.6, 0.8, 0.85), darker(paint, 0.6), detail=2)
    make.lamps(part, (0.55, 0.8), half + 0.005, -half - 0.005, 0.18)
    return make.done(BUS, height)


def _bus_windows(make: Builder, part: int, low: float, high: float, height: float) -> None:
    """A dark band along both sides with posts, and doors on the kerb side."""
    half = make.half_length
    share = make.half_width + 0.006
    count = max(4, round(half * 2 / 1.7))
    edges = np.linspace(-half + 0.3, half - 0.55, count + 1)
    for left, right in itertools.pairwise(edges):
        outline = [(left + 0.05, low), (right - 0.05, low), (right - 0.05, high), (left + 0.05, high)]
        make.body.side_decals(part, [(float(y), z) for y, z in outline], share, GLASS, 0, 0.985)
    if low < 1.5:
        for y in (half * 0.72, -half * 0.1):
            door = [(y, 0.45), (y + 1.1, 0.45), (y + 1.1, high), (y, high)]
            make.body.side_decals(part, door, share + 0.004, (58, 64, 70), 2, 0.985)


def truck(rng: np.random.Generator, lights_on: bool) -> Vehicle:
    """A box lorry, tipper, tanker, flat-bed or pick-up."""
    kind = str(rng.choice(["box", "tipper", "tanker", "flat", "pickup"], p=[0.42, 0.15, 0.12, 0.11, 0.2]))
    if kind == "pickup":
        return pickup(rng, lights_on)
    length = float(rng.uniform(6.2, 9.5))
    paint = paint_for(rng)
    make = Builder(rng, length, 2.4, lights_on)
    half, wide = make.half_length, make.half_width
    make.underside(0.8, 0.15)
    height = _load(make, kind, rng)
    cab_back, cab_top = half - 2.0, float(rng.uniform(2.5, 2.9))
    outline = [
        (cab_back, 0.5),
        (half, 0.5),
        (half, 1.3),
        (half - 0.22, cab_top - 0.1),
        (half - 0.5, cab_top),
        (cab_back, cab_top),
    ]
    cab = make.body.extrude(outline, wide * 0.97, paint, 1, 0.95)
    window = [(half - 1.15, 1.45), (half - 0.3, 1.45), (half - 0.45, 2.2), (half - 1.15, 2.2)]
    make.body.side_decals(cab, window, wide * 0.97, GLASS, 1, 0.97)
    front = [
        (-wide * 0.93, half - 0.22, cab_top - 0.1),
        (wide * 0.93, half - 0.22, cab_top - 0.1),
        (wide * 0.95, half, 1.3),
        (-wide * 0.95, half, 1.3),
    ]
    make.body.patch(cab, front, (0.04, 0.12, 0.96, 0.9), GLASS, detail=0)
    grille = [(-wide, half, 1.25), (wide, half, 1.25), (wide, half, 0.5), (-wide, half, 0.5)]
    make.body.patch(cab, grille, (0.22, 0.1, 0.78, 0.6), (40, 42, 46), detail=1)
    make.lamps(cab, (0.62, 0.85), half + 0.005, -half - 0.3, 0.2)
    make.wheels(cab, (half - 1.1,), 0.48)
    return make.done(TRUCK, max(height, cab_top))


def _load(make: Builder, kind: str, rng: np.random.Generator) -> float:
    """What the lorry carries, with the rear wheels; returns its height."""
    half, wide = make.half_length, make.half_width
    back, front = -half, half - 2.1
    colour = paint_for(rng, ((240, 240, 238), (226, 222, 210), *PAINTS))
    rear = (-half * 0.55, -half * 0.55 + 1.1) if half > 4 else (-half * 0.55,)
    if kind == "box":
        height = float(rng.uniform(3.0, 3.9))
        part = make.body.box((back, front), (0.95, height), wide, colour, 1)
        stripe = paint_for(rng)
        make.body.side_decals(
            part,
            [(back + 0.8, 1.7), (front - 0.8, 1.7), (front - 0.8, height - 0.7), (back + 0.8, height - 0.7)],
            wide + 0.004,
            stripe,
            1,
        )
        doors = [(-wide, back, height), (wide, back, height), (wide, back, 0.95), (-wide, back, 0.95)]
        make.body.patch(part, doors, (0.05, 0.04, 0.49, 0.95), darker(colour, 0.88), detail=1)
        make.body.patch(part, doors, (0.51, 0.04, 0.95, 0.95), darker(colour, 0.88), detail=1)
    elif kind == "tanker":
        height = 3.2
        angles = np.arange(10) * (2 * np.pi / 10) + 0.3
        ring = np.stack([np.cos(angles) * wide * 0.95, np.zeros(10), 2.05 + np.sin(angles) * 1.1], axis=1)
        ends = [ring + np.array([0, y, 0]) for y in (back, front)]
        part = make.body.prism(ends[0].astype(np.float32), ends[1].astype(np.float32), colour, 1)
        make.body.box((back + 0.2, front), (0.8, 1.1), wide * 0.9, (60, 60, 64), 0)
    else:
        height = 2.3 if kind == "tipper" else 1.5
        outline = [(back, 1.0), (front, 1.0), (front, height + 0.1), (back, height)]
        part = make.body.extrude(outline, wide, colour, 1)
        sand = paint_for(rng, ((150, 130, 100), (90, 84, 78), (110, 80, 50)))
        bed = [(-wide, front, height), (wide, front, height), (wide, back, height), (-wide, back, height)]
        make.body.patch(part, bed, (0.06, 0.04, 0.94, 0.96), sand, detail=0)
    make.wheels(part, rear, 0.48)
    tail = [
        (-wide, back - 0.005, 1.15),
        (wide, back - 0.005, 1.15),
        (wide, back - 0.005, 0.98),
        (-wide, back - 0.005, 0.98),
    ]
    for area in ((0.02, 0.0, 0.14, 1.0), (0.86, 0.0, 0.98, 1.0)):
        make.body.patch(part, tail, area, TAIL, 0.9 if make.lights_on else 0.3)
    return height
