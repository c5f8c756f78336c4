"""A wide avenue seen along its length from a lamp post."""

from __future__ import annotations

import math

from jellyfish.lab.street.bicycles import BICYCLE, MOTORCYCLE
from jellyfish.lab.street.cars import CAR, TRUCK
from jellyfish.lab.street.lorries import BUS
from jellyfish.lab.street.people import person
from jellyfish.lab.street.plan import KERB, WHITE, Street, span
from jellyfish.lab.street.traffic import Path

LANE_M = 3.2
BEHIND_M, FAR_M, CYCLES_FAR_M = -25.0, 170.0, 120.0
"""Where lanes begin behind the camera and end far away."""
PERIOD_S = 26.0
VEHICLES_PASS, PEOPLE_START = (0.0, 0.66), (0.67, 0.72)
"""Shares of the period in which vehicles may be on the crosswalk, and in which people set out to cross."""


def avenue(street: Street, size: tuple[int, int], base: int) -> None:
    """Four or six lanes, at times cycle lanes; houses and trees on both sides; a crosswalk before the camera."""
    rng = street.rng
    lanes = int(rng.integers(2, 4))
    half = lanes * LANE_M + 0.5
    cycle_lanes = rng.random() < 0.6
    edge = half + (1.8 if cycle_lanes else 0.0)
    walk = street.uniform(3.5, 6.5)
    crossing = street.uniform(14, 26)
    _ground(street, lanes, half, edge, walk)
    street.crosswalk(-edge, edge, crossing, crossing + 3.5, True)
    tall = street.uniform(9, 24)
    for side in (-1, 1):
        _pavement(street, side, edge, walk, tall)
    hand = 1.0 if rng.random() < 0.75 else -1.0
    _motor_traffic(street, lanes, crossing, hand)
    if cycle_lanes:
        _cycle_traffic(street, half + 0.9, crossing, hand)
    _people_crossing(street, edge + 1, crossing + 1.7)
    angle = street.uniform(34, 62)
    height = street.uniform(3.4, 7)
    ahead = height / math.tan(math.radians(angle) * 9 / 16 * street.uniform(0.16, 0.42))
    x = street.uniform(-edge - 2, edge + 2)
    street.look((x, 0, height), (0.7 * x + ahead * street.uniform(-0.2, 0.2), ahead), angle, size, base)


def _ground(street: Street, lanes: int, half: float, edge: float, walk: float) -> None:
    rng = street.rng
    street.rectangle(-edge - walk - 2, edge + walk + 2, -12, 400, street.paving)
    street.rectangle(-edge, edge, -12, 400, street.asphalt)
    tint = (128.0, 74.0, 64.0) if rng.random() < 0.5 else street.asphalt
    street.wear(int(rng.integers(4, 26)), -half, half, 0, 70)
    for side in (-1, 1):
        if edge > half:
            street.rectangle(*span(side * half, side * edge), -12, 400, tint)
            street.rectangle(side * half - 0.08, side * half + 0.08, -12, 400, WHITE)
        street.rectangle(side * edge - 0.12, side * edge + 0.12, -12, 400, KERB)
        for lane in range(1, lanes):
            street.dashes(side * lane * LANE_M, -12, 160, True)
    for offset in (-0.2, 0.2):
        street.rectangle(offset - 0.07, offset + 0.07, -12, 400, WHITE)


def _pavement(street: Street, side: int, edge: float, walk: float, tall: float) -> None:
    """Houses, trees, posts and people on one side."""
    rng = street.rng
    street.row_of_houses(side * (edge + walk), 14, -5, FAR_M, tall)
    if rng.random() < 0.75:
        near, step = street.uniform(14, 26), street.uniform(9, 18)
        street.row_of_trees(side * (edge + 0.9), near, 150, step, street.uniform(6, 10))
    kerb = span(side * (edge + 0.4), side * (edge + 0.8))
    street.furniture(int(rng.integers(2, 7)), kerb, (8, 80), -side)
    middle = side * (edge + walk / 2 + 0.6)
    street.walkers(int(rng.integers(4, 13)), (middle, -4), (middle, 95), walk / 2 - 0.9)
    street.bystanders(int(rng.integers(0, 4)), span(side * (edge + 1.2), side * (edge + walk - 0.6)), (8, 45))


def _motor_traffic(street: Street, lanes: int, crossing: float, hand: float) -> None:
    for lane in range(lanes):
        outer = lane == lanes - 1
        shares = {CAR: 0.72, TRUCK: 0.1, BUS: 0.1 if outer else 0.02, MOTORCYCLE: 0.08}
        speed = street.uniform(7, 12)
        for side in (-1, 1):
            path, meeting = _lane(side * (lane + 0.5) * LANE_M, FAR_M, side * hand > 0, crossing)
            street.traffic.lane(path, speed, street.vehicle(shares), (3, 17), PERIOD_S, VEHICLES_PASS, meeting)


def _cycle_traffic(street: Street, x: float, crossing: float, hand: float) -> None:
    for side in (-1, 1):
        path, meeting = _lane(side * x, CYCLES_FAR_M, side * hand > 0, crossing)
        make = street.vehicle({BICYCLE: 1.0})
        street.traffic.lane(path, street.uniform(3.8, 5.5), make, (4, 30), PERIOD_S, VEHICLES_PASS, meeting)


def _lane(x: float, far: float, away: bool, crossing: float) -> tuple[Path, float]:
    """A lane's path and the station at which it meets the crosswalk."""
    if away:
        return Path([(x, BEHIND_M), (x, far)]), crossing - BEHIND_M
    return Path([(x, far), (x, BEHIND_M)]), far - crossing


def _people_crossing(street: Street, reach: float, y: float) -> None:
    for ends in ([(-reach, y), (reach, y)], [(reach, y + 0.8), (-reach, y + 0.8)]):
        speed = street.uniform(1.5, 1.9)
        street.traffic.lane(
            Path(ends),
            speed,
            lambda: (person(street.rng, False, street.light.raining),),
            (0.2, 3),
            PERIOD_S,
            PEOPLE_START,
            0.5,
        )
