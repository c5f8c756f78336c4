"""Who moves where: paths over the ground and movers whose place is a pure function of time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from jellyfish.lab.street.figures import Figure
from jellyfish.lab.street.vehicles import Vehicle

Floats = NDArray[np.float32]
Body = Vehicle | Figure


class Path:
    """A polyline over the ground, walked from its first point to its last."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self.points = np.array(points, float)
        steps = np.diff(self.points, axis=0)
        self.stations = np.concatenate([[0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))])
        self.directions = steps / np.hypot(steps[:, 0], steps[:, 1])[:, None]
        self.length = float(self.stations[-1])

    def at(self, station: float) -> tuple[float, float, float, float]:
        """(x, y, direction x, direction y) after `station` metres."""
        index = min(int(np.searchsorted(self.stations, station, side="right")) - 1, len(self.directions) - 1)
        direction = self.directions[index]
        point = self.points[index] + direction * (station - self.stations[index])
        return float(point[0]), float(point[1]), float(direction[0]), float(direction[1])


@dataclass(frozen=True)
class Mover:
    """Bodies that go along a path together (a cycle and its rider), coming round again after `lap_m` metres.

    A mover beyond its path's end is not in the scene. `side_m` is its place to the right of the path.
    """

    bodies: tuple[Body, ...]
    path: Path
    start_m: float
    speed: float
    lap_m: float
    side_m: float = 0.0
    sway: float = 0.0

    def at(self, time_s: float) -> tuple[int, float, float, float, float, float] | None:
        """(lap, x, y, direction x, direction y, metres gone) or None when it is not in the scene."""
        gone = self.start_m + self.speed * time_s
        lap = math.floor(gone / self.lap_m)
        station = gone - lap * self.lap_m
        if station > self.path.length:
            return None
        x, y, ahead_x, ahead_y = self.path.at(station)
        side = self.side_m + self.sway * math.sin(0.35 * station + 7 * self.side_m)
        return lap, x + ahead_y * side, y - ahead_x * side, ahead_x, ahead_y, gone


@dataclass
class Traffic:
    """Collects the movers of a scene."""

    rng: np.random.Generator
    movers: list[Mover] = field(default_factory=list)

    def still(self, body: Body | tuple[Body, ...], x: float, y: float, heading: float) -> None:
        """Someone who stays at a place; `heading` in radians clockwise from the y axis."""
        ahead = (math.sin(heading), math.cos(heading))
        path = Path([(x, y), (x + ahead[0], y + ahead[1])])
        bodies = body if isinstance(body, tuple) else (body,)
        self.movers.append(Mover(bodies, path, 0.0, 0.0, 10.0))

    def walker(self, body: Body, path: Path, speed: float, side_m: float) -> None:
        """Someone who goes along a path at an own pace, starting anywhere on it."""
        start = float(self.rng.uniform(0, path.length))
        self.movers.append(Mover((body,), path, start, speed, path.length, side_m, 0.15))

    def lane(
        self,
        path: Path,
        speed: float,
        make: Callable[[], tuple[Body, ...]],
        gap_m: tuple[float, float],
        period_s: float,
        window: tuple[float, float],
        meeting_m: float,
    ) -> None:
        """Fill a lane with movers of one speed that pass the path's station `meeting_m` only within `window`.

        `window` is given as shares of the period. Flows that cross each other share the period and the place and
        have windows apart, so they never run into each other, as at a traffic light further up the road.
        """
        platoons = math.ceil((path.length + 15) / (speed * period_s))
        lap = platoons * speed * period_s
        for platoon in range(platoons):
            head = speed * period_s * (platoon + 1 - window[0]) + meeting_m
            tail = speed * period_s * (platoon + 1 - window[1]) + meeting_m
            front = head - float(self.rng.uniform(*gap_m)) * 0.5
            while True:
                bodies = make()
                length = max(body.length_m for body in bodies)
                if front - length < tail:
                    break
                self.movers.append(
                    Mover(bodies, path, (front - length / 2) % lap, speed, lap, float(self.rng.normal(0, 0.12)))
                )
                front -= length + float(self.rng.uniform(*gap_m))
