"""A road seen from its side: vehicles pass across the picture, people walk before and behind them."""

from __future__ import annotations

from jellyfish.lab.street.bicycles import BICYCLE, MOTORCYCLE
from jellyfish.lab.street.cars import CAR, TRUCK
from jellyfish.lab.street.lorries import BUS
from jellyfish.lab.street.plan import KERB, Street
from jellyfish.lab.street.things import Post, Tree
from jellyfish.lab.street.traffic import Path

LANE_M = 3.2
REACH_M = 80.0
SHARES = {CAR: 0.6, TRUCK: 0.14, BUS: 0.1, MOTORCYCLE: 0.09, BICYCLE: 0.07}


def roadside(street: Street, size: tuple[int, int], base: int) -> None:
    """Two or four lanes across the picture before a row of houses."""
    rng = street.rng
    lanes = int(rng.integers(1, 3)) * 2
    near = street.uniform(7, 13)
    far = near + lanes * LANE_M
    walk = street.uniform(3.5, 6)
    _ground(street, lanes, near, far, walk)
    street.house_front(far + walk, 14, -100, 100, street.uniform(8, 18))
    hand = 1.0 if rng.random() < 0.75 else -1.0
    for lane in range(lanes):
        y = near + (lane + 0.5) * LANE_M
        rightwards = (lane < lanes / 2) == (hand > 0)
        path = Path([(-REACH_M, y), (REACH_M, y)] if rightwards else [(REACH_M, y), (-REACH_M, y)])
        make = street.vehicle(SHARES)
        street.traffic.lane(path, street.uniform(6, 11), make, (4, 20), 24.0, (0.0, 0.95), REACH_M)
    _people(street, near, far, walk)
    _still_things(street, near, far)
    aim = (street.uniform(-12, 12), far - 1)
    street.look((0, 0, street.uniform(2.6, 6.5)), aim, street.uniform(54, 80), size, base)


def _ground(street: Street, lanes: int, near: float, far: float, walk: float) -> None:
    street.rectangle(-160, 160, -20, far + walk + 2, street.paving)
    street.rectangle(-160, 160, near, far, street.asphalt)
    street.wear(int(street.rng.integers(4, 16)), -30, 30, near, far)
    for y in (near, far):
        street.rectangle(-160, 160, y - 0.1, y + 0.1, KERB)
    for lane in range(1, lanes):
        street.dashes(near + lane * LANE_M, -90, 90, False)


def _people(street: Street, near: float, far: float, walk: float) -> None:
    rng = street.rng
    street.walkers(int(rng.integers(3, 9)), (-30, near - 1.8), (30, near - 1.8), 1.2)
    street.walkers(int(rng.integers(5, 14)), (-50, far + walk / 2), (50, far + walk / 2), walk / 2 - 0.6)
    street.bystanders(int(rng.integers(1, 5)), (-15, 15), (far + 0.8, far + walk - 0.6))
    if rng.random() < 0.6:
        street.parked_cycles(int(rng.integers(2, 8)), street.uniform(-10, 4), far + walk - 1.3, -0.75)


def _still_things(street: Street, near: float, far: float) -> None:
    rng = street.rng
    if rng.random() < 0.7:
        x, step = -60.0, street.uniform(9, 16)
        while x < 60:
            street.things.append(Tree(x, far + 1.2, street.uniform(5, 9), street.leaves))
            x += step
    for x in rng.uniform(-25, 25, int(rng.integers(2, 6))).tolist():
        y = float(rng.choice([near - 0.6, far + 0.6]))
        kind = str(rng.choice(["lamp", "sign", "bollard", "bin"]))
        street.things.append(Post(x, y, kind, (84, 86, 88), 1.0))
