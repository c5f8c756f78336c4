"""Passenger cars and pick-ups: a lower body with a glazed cabin on top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jellyfish.lab.street.mesh import Colour, Outline
from jellyfish.lab.street.vehicles import GLASS, PAINTS, Builder, Vehicle, darker, paint_for
from jellyfish.models.slimmable.street import CLASSES

CAR, TRUCK = CLASSES.index("car"), CLASSES.index("truck")


@dataclass(frozen=True)
class CarShape:
    """Proportions of a passenger car: y positions as shares of the half length (1 = front), heights in metres."""

    length: float
    width: float
    height: float
    belt: float
    bonnet: float
    """Height of the bonnet's front edge."""
    screen: float
    """Where the windscreen meets the bonnet."""
    roof_front: float
    roof_back: float
    tail: float
    """Where the rear window meets the boot."""
    boot: float
    """Height of the boot's rear edge."""


CAR_SHAPES: dict[str, CarShape] = {
    "hatchback": CarShape(3.9, 1.74, 1.48, 0.92, 0.74, 0.46, 0.10, -0.72, -0.97, 0.90),
    "saloon": CarShape(4.7, 1.82, 1.44, 0.93, 0.72, 0.42, 0.08, -0.42, -0.72, 0.88),
    "estate": CarShape(4.8, 1.84, 1.49, 0.93, 0.72, 0.44, 0.12, -0.84, -0.98, 0.92),
    "suv": CarShape(4.6, 1.90, 1.72, 1.08, 0.94, 0.48, 0.18, -0.82, -0.97, 1.06),
    "van": CarShape(5.0, 1.96, 1.98, 1.12, 0.98, 0.68, 0.36, -0.95, -0.99, 1.10),
}


def car(rng: np.random.Generator, lights_on: bool) -> Vehicle:
    """A hatchback, saloon, estate, SUV, van or taxi."""
    kind = str(rng.choice([*CAR_SHAPES, "taxi"], p=[0.27, 0.23, 0.13, 0.18, 0.11, 0.08]))
    shape = CAR_SHAPES["saloon" if kind == "taxi" else kind]
    scale = float(rng.uniform(0.95, 1.05))
    paint = paint_for(rng, ((236, 190, 30), (240, 238, 230), (30, 30, 34)) if kind == "taxi" else PAINTS)
    make = Builder(rng, shape.length * scale, shape.width, lights_on)
    half, wide = make.half_length, make.half_width
    make.underside(0.36)
    low, belt = 0.24, shape.belt
    hull = [(-half, low + 0.1), (-half * 0.97, low), (half * 0.97, low), (half, low + 0.12),
            (half, shape.bonnet - 0.08), (half * 0.95, shape.bonnet), (half * shape.screen, belt),
            (half * shape.tail, belt), (-half, shape.boot - 0.04)]  # fmt: skip
    lower = make.body.extrude(hull, wide, paint, 1, 0.96)
    make.body.side_decals(lower, [(-half * 0.95, low), (half * 0.95, low), (half * 0.95, low + 0.12),
                                  (-half * 0.95, low + 0.12)], wide + 0.003, darker(paint, 0.45), 2)  # fmt: skip
    radius = 0.31 + 0.06 * (kind in ("suv", "van"))
    make.wheels(lower, (half * 0.62, -half * 0.58), radius)
    make.lamps(lower, (shape.bonnet - 0.2, shape.bonnet - 0.06), half + 0.005, -half - 0.005, 0.27)
    for y in (half * 0.4, -half * 0.06, -half * 0.5):
        door = [(y, low + 0.15), (y + 0.03, low + 0.15), (y + 0.03, belt - 0.03), (y, belt - 0.03)]
        make.body.side_decals(lower, door, wide + 0.002, darker(paint, 0.5), 2, 0.97)
    make.plate(lower, 0.45, half + 0.006, -half - 0.006)
    _cabin(make, shape, paint)
    if kind == "taxi":
        make.body.box((-0.12, 0.12), (shape.height, shape.height + 0.16), 0.35, (245, 225, 120), 3)
    return make.done(CAR, shape.height)


def _cabin(make: Builder, shape: CarShape, paint: Colour) -> None:
    """The glazed upper half of a car."""
    half, wide, belt, roof = make.half_length, make.half_width * 0.95, shape.belt, shape.height
    screen, front, back, tail = (half * s for s in (shape.screen, shape.roof_front, shape.roof_back, shape.tail))
    outline = [(tail, belt - 0.03), (screen, belt - 0.03), (front, roof - 0.03), (front - 0.25, roof), (back, roof)]
    cabin = make.body.extrude(outline, wide, paint, 2, 0.8)
    middle = (screen + tail) / 2 - 0.1
    low, high = belt + 0.04, roof - 0.12
    lean = (high - belt + 0.03) / (roof - belt + 0.03)

    def at(edge_low: float, edge_high: float) -> float:
        return edge_low + (edge_high - edge_low) * lean

    glass: list[Outline] = [
        [(middle + 0.05, low), (screen - 0.18, low), (at(screen, front) - 0.1, high), (middle + 0.05, high)],
        [(tail + 0.2, low), (middle - 0.05, low), (middle - 0.05, high), (at(tail, back) + 0.12, high)],
    ]
    for window in glass:
        make.body.side_decals(cabin, window, wide * 0.985 + 0.004, GLASS, 1, 0.84)
    low_wide, high_wide = wide * 0.97, wide * 0.8
    for y_low, y_high in ((screen, front), (tail, back)):
        quad = [
            (-high_wide, y_high, roof - 0.02),
            (high_wide, y_high, roof - 0.02),
            (low_wide, y_low, belt),
            (-low_wide, y_low, belt),
        ]
        make.body.patch(cabin, quad, (0.05, 0.08, 0.95, 0.92), GLASS, detail=0)


def pickup(rng: np.random.Generator, lights_on: bool) -> Vehicle:
    """A cab with an open bed behind it."""
    paint = paint_for(rng)
    make = Builder(rng, 5.3, 1.92, lights_on)
    half, wide = make.half_length, make.half_width
    make.underside(0.5)
    hull = [(-half, 0.42), (half, 0.42), (half, 0.98), (half * 0.4, 1.12), (-half, 1.1)]
    lower = make.body.extrude(hull, wide, paint, 1, 0.97)
    bed = [(-wide, -0.4, 1.1), (wide, -0.4, 1.1), (wide, -half, 1.1), (-wide, -half, 1.1)]
    make.body.patch(lower, bed, (0.07, 0.05, 0.93, 0.95), (44, 44, 46), detail=0)
    make.wheels(lower, (half * 0.64, -half * 0.6), 0.39)
    make.lamps(lower, (0.76, 0.94), half + 0.005, -half - 0.005, 0.22)
    make.plate(lower, 0.6, half + 0.006, -half - 0.006)
    shape = CarShape(5.3, 1.92, 1.8, 1.12, 0.98, 0.42, 0.14, -0.1, -0.16, 1.1)
    _cabin(make, shape, paint)
    return make.done(TRUCK, 1.8)
