"""A narrow shopping street full of people, seen from low above the ground."""

from __future__ import annotations

import math

from jellyfish.lab.street.bicycles import BICYCLE, MOTORCYCLE
from jellyfish.lab.street.cars import CAR, TRUCK
from jellyfish.lab.street.lorries import BUS
from jellyfish.lab.street.plan import KERB, Street, span
from jellyfish.lab.street.traffic import Path

BEHIND_M, FAR_M = -25.0, 90.0
SHARES = {CAR: 0.4, TRUCK: 0.12, BUS: 0.06, MOTORCYCLE: 0.12, BICYCLE: 0.3}


def town(street: Street, size: tuple[int, int], base: int) -> None:
    """Two slow lanes between broad pavements, at times with parked cars and cycle racks at the kerb."""
    rng = street.rng
    half, walk = street.uniform(2.6, 3.4), street.uniform(4.4, 7)
    street.rectangle(-half - walk - 2, half + walk + 2, -12, 300, street.paving)
    red, green, blue = (0.8 * tone for tone in street.paving)
    street.rectangle(-half, half, -12, 300, street.asphalt if rng.random() < 0.5 else (red, green, blue))
    street.wear(int(rng.integers(0, 14)), -half, half, 2, 50)
    tall = street.uniform(8, 15)
    for side in (-1, 1):
        street.rectangle(side * half - 0.1, side * half + 0.1, -12, 300, KERB)
        _pavement(street, side, half, walk, tall)
        x = side * half * 0.5
        path = Path([(x, BEHIND_M), (x, FAR_M)] if side > 0 else [(x, FAR_M), (x, BEHIND_M)])
        make = street.vehicle(SHARES)
        street.traffic.lane(path, street.uniform(3.5, 5), make, (5, 26), 30.0, (0.0, 0.9), 40)
    x = street.uniform(-half - 2, half + 2)
    aim = (street.uniform(-2, 2), street.uniform(11, 20))
    street.look((x, 0, street.uniform(2.1, 3.8)), aim, street.uniform(48, 74), size, base)


def _pavement(street: Street, side: int, half: float, walk: float, tall: float) -> None:
    """Houses, posts and people on one side; people keep clear of what is parked."""
    rng = street.rng
    street.row_of_houses(side * (half + walk), 12, -4, 140, tall)
    kerb_taken = rng.random() < 0.65
    inner, outer = half + (2.3 if kerb_taken else 0.6), half + walk - 0.5
    middle = side * (inner + outer) / 2
    street.walkers(int(rng.integers(9, 22)), (middle, -3), (middle, 60), (outer - inner) / 2)
    street.bystanders(int(rng.integers(1, 7)), span(side * inner, side * outer), (7, 40))
    posts = int(rng.integers(2, 6))
    street.furniture(posts, span(side * (half + 0.1), side * (half + 0.25)), (7, 50), -side)
    if kerb_taken:
        _parked(street, side, side * (half + 1.3))
    elif rng.random() < 0.7:
        near, step = street.uniform(9, 14), street.uniform(9, 15)
        street.row_of_trees(side * (half + 1.0), near, 70, step, street.uniform(4.5, 6.5))


def _parked(street: Street, side: int, x: float) -> None:
    """A kerb along y with parked vehicles and racks of cycles."""
    y = street.uniform(7, 16)
    while y < 48:
        if street.rng.random() < 0.4:
            count = int(street.rng.integers(2, 9))
            street.parked_cycles(count, x, y, 0.7)
            y += 0.7 * count
        elif street.rng.random() < 0.7:
            bodies = street.vehicle({CAR: 0.85, TRUCK: 0.15})()
            street.traffic.still(bodies, x, y + bodies[0].length_m / 2, 0.0 if side > 0 else math.pi)
            y += bodies[0].length_m
        y += street.uniform(1.2, 7)
