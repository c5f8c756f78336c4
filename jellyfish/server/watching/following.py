"""Which detections are the same object over time, and how fast each moves: for those who watch. Pure.

Who is who is a tracker's to say, one for each camera (the seam `ObjectTracker`). How fast an object moves is told by an
alpha-beta filter of its box: what the newest frame shows counts for so much, what was known before for the rest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from jellyfish.core import Detection
from jellyfish.server.watching.seen import Seen, Sides

MOST_CAMERAS = 256
"""Whose objects are remembered; of more, those that were seen last."""
FORGOTTEN_S = 2.0
"""How an object moved is forgotten when it was not seen for so long."""
PLACE_SHARE, SPEED_SHARE = 0.5, 0.1
"""What the newest box counts for where an object is, and for how fast it moves: a box is off by a few pixels from
frame to frame, which must not look like a movement (`python -m benchmarks.tracking`)."""


class ObjectTracker(Protocol):
    """One camera's. Detections come with the moment of their frame, which only grows."""

    def update(self, detections: Sequence[Detection], time_s: float, /) -> list[int | None]:
        """For each detection: the number of its object, which it keeps; None for one that is not followed (yet)."""
        ...


class Movement(NamedTuple):
    """Where an object was, by all that was seen of it, and by how much each side moves in a second."""

    time_s: float
    place: Sides
    speed: Sides

    def seen_again(self, place: Sides, time_s: float) -> Movement:
        """It was seen there then."""
        passed_s = time_s - self.time_s
        off = [
            there - (before + speed * passed_s)
            for there, before, speed in zip(place, self.place, self.speed, strict=True)
        ]
        places = (there - (1 - PLACE_SHARE) * by for there, by in zip(place, off, strict=True))
        speeds = (speed + SPEED_SHARE * by / passed_s for speed, by in zip(self.speed, off, strict=True))
        return Movement(time_s, tuple(places), tuple(speeds))


@dataclass
class _Followed:
    """What is remembered of one camera."""

    tracker: ObjectTracker
    newest_s: float = float("-inf")
    movements: dict[int, Movement] = field(default_factory=dict)

    def movement(self, track: int, one: Detection, time_s: float) -> Movement:
        """Of an object, now that it was seen there."""
        place = (one.left, one.top, one.right, one.bottom)
        before = self.movements.get(track)
        moves = Movement(time_s, place, (0.0, 0.0, 0.0, 0.0)) if before is None else before.seen_again(place, time_s)
        self.movements[track] = moves
        return moves

    def forget(self) -> None:
        """What has not been seen lately."""
        oldest_s = self.newest_s - FORGOTTEN_S
        self.movements = {track: moves for track, moves in self.movements.items() if moves.time_s >= oldest_s}


class Following:
    """The objects of all cameras that are watched."""

    def __init__(self, make_tracker: Callable[[], ObjectTracker]) -> None:
        self._make_tracker = make_tracker
        self._cameras: OrderedDict[str, _Followed] = OrderedDict()

    def followed(self, seen: Seen) -> Seen:
        """With the objects that its detections are; without, where it is older than what was seen of its camera."""
        followed = self._cameras.get(seen.camera) or _Followed(self._make_tracker())
        if seen.missed or seen.scores or seen.captured_s <= followed.newest_s:
            return seen
        self._cameras[seen.camera] = followed
        self._cameras.move_to_end(seen.camera)
        if len(self._cameras) > MOST_CAMERAS:
            self._cameras.popitem(last=False)
        followed.newest_s = seen.captured_s
        tracks = followed.tracker.update(seen.detections, seen.captured_s)
        pairs = zip(tracks, seen.detections, strict=True)
        speeds = tuple(
            None if track is None else followed.movement(track, one, seen.captured_s).speed for track, one in pairs
        )
        followed.forget()
        return replace(seen, tracks=tuple(tracks), speeds=speeds)
