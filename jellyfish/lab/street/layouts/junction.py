"""A crossroad seen from a corner: traffic across the picture and towards it."""

from __future__ import annotations

from jellyfish.lab.street.bicycles import BICYCLE, MOTORCYCLE
from jellyfish.lab.street.cars import CAR, TRUCK
from jellyfish.lab.street.lorries import BUS
from jellyfish.lab.street.people import person
from jellyfish.lab.street.plan import Street, span
from jellyfish.lab.street.things import Post
from jellyfish.lab.street.traffic import Path

HALF_M = 3.5
"""Half the width of both roads."""
SIDEWAYS_M, BEHIND_M, FAR_M = 90.0, -14.0, 130.0
PERIOD_S = 18.0
ACROSS, ALONG, PEOPLE_START = (0.0, 0.4), (0.47, 0.8), (0.47, 0.6)
"""Shares of the period for traffic across the picture, towards it, and for people to set out over the road across."""
SHARES = {CAR: 0.66, TRUCK: 0.12, BUS: 0.08, MOTORCYCLE: 0.08, BICYCLE: 0.06}


def junction(street: Street, size: tuple[int, int], base: int) -> None:
    """Two roads with crosswalks and signals; houses on the far corners."""
    rng = street.rng
    middle = street.uniform(18, 24)
    walk = street.uniform(3, 5.5)
    _ground(street, middle)
    tall = street.uniform(8, 20)
    for side in (-1, 1):
        _corner(street, side, middle + HALF_M, walk, tall)
    street.walkers(int(rng.integers(1, 7)), (-25, middle - HALF_M - 2.2), (25, middle - HALF_M - 2.2), 1.5)
    if rng.random() < 0.8:
        place = (street.uniform(4.5, 8), middle + HALF_M + walk - 1.2)
        street.parked_cycles(int(rng.integers(2, 7)), *place, -0.75)
    hand = 1.0 if rng.random() < 0.75 else -1.0
    for side in (-1, 1):
        _traffic(street, side, middle, hand)
    left_or_right = 1.0 if rng.random() < 0.5 else -1.0
    eye = (left_or_right * street.uniform(5, 11), street.uniform(-2, 5), street.uniform(3.2, 7.5))
    aim = (street.uniform(-3, 3), middle + street.uniform(-3, 4))
    street.look(eye, aim, street.uniform(42, 70), size, base)


def _ground(street: Street, middle: float) -> None:
    rng, near, far = street.rng, middle - HALF_M, middle + HALF_M
    street.rectangle(-140, 140, -20, 190, street.paving)
    street.rectangle(-140, 140, near, far, street.asphalt)
    street.rectangle(-HALF_M, HALF_M, -20, 190, street.asphalt)
    street.wear(int(rng.integers(4, 16)), -30, 30, near, far)
    street.wear(int(rng.integers(2, 10)), -HALF_M, HALF_M, -5, 60)
    for side in (-1, 1):
        street.dashes(middle, *span(side * 8.0, side * 100.0), False)
        street.crosswalk(*span(side * 4.3, side * 7.3), near, far, False)
        street.crosswalk(-HALF_M, HALF_M, *span(middle + side * 4.3, middle + side * 7.3), True)
    street.dashes(0, middle + 8, 120, True)
    street.dashes(0, -20, middle - 8, True)


def _corner(street: Street, side: int, far: float, walk: float, tall: float) -> None:
    """Houses, posts and people at one of the far corners."""
    rng = street.rng
    street.house_front(far + walk, 14, *span(side * (HALF_M + walk), side * (HALF_M + walk + 90)), tall)
    street.row_of_houses(side * (HALF_M + walk), 14, far + walk + 14, 110, tall)
    if rng.random() < 0.6:
        step = street.uniform(9, 16)
        street.row_of_trees(side * (HALF_M + 1.0), far + 9, 90, step, street.uniform(5, 8))
    kerb = span(side * (HALF_M + 0.6), side * (HALF_M + 12))
    street.furniture(int(rng.integers(1, 5)), kerb, (far + 0.5, far + 1.2), side)
    street.things.append(Post(side * (HALF_M + 0.7), far + 0.7, "signal", (40, 40, 40), -side))
    along = far + walk / 2
    street.walkers(int(rng.integers(2, 7)), (side * (HALF_M + 1), along), (side * 70, along), walk / 2 - 0.7)
    street.walkers(int(rng.integers(1, 6)), (side * (HALF_M + 1.5), far), (side * (HALF_M + 1.5), 80), 0.8)
    street.bystanders(int(rng.integers(0, 4)), span(side * (HALF_M + 0.8), side * (HALF_M + 3)), (far + 0.5, far + 2.5))


def _traffic(street: Street, side: int, middle: float, hand: float) -> None:
    """One lane of each road, and people on the crosswalk at one side."""
    y = middle - side * hand * HALF_M / 2
    across = Path([(-side * SIDEWAYS_M, y), (side * SIDEWAYS_M, y)])
    make = street.vehicle(SHARES)
    street.traffic.lane(across, street.uniform(6, 9), make, (3, 14), PERIOD_S, ACROSS, SIDEWAYS_M)
    x = side * hand * HALF_M / 2
    ends = [(x, BEHIND_M), (x, FAR_M)]
    along = Path(ends if side > 0 else ends[::-1])
    meeting = middle - BEHIND_M if side > 0 else FAR_M - middle
    street.traffic.lane(along, street.uniform(5.5, 8), make, (3, 14), PERIOD_S, ALONG, meeting)
    place = side * 5.8
    walk = [(place, middle - HALF_M - 1), (place, middle + HALF_M + 1)]
    for direction in (walk, walk[::-1]):
        speed = street.uniform(1.3, 1.8)
        street.traffic.lane(
            Path(direction),
            speed,
            lambda: (person(street.rng, False, street.light.raining),),
            (0.2, 2),
            PERIOD_S,
            PEOPLE_START,
            0.5,
        )
