"""Whether there is room for more cameras, as people are told. Pure.

The planner says what the devices have room for (`jellyfish.control.room`). The server's machine is asked besides: if so
many cameras keep its busiest part occupied for such a share of the time, as many more take as much again. And a server
takes no more clients than its limit.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from jellyfish.control.host import ALLOWED, HostUse
from jellyfish.control.room import MOST, RoomFound


class AroundRoom(NamedTuple):
    """What beside devices says how many cameras there may be."""

    cameras: int
    """That are here and send frames."""
    slo_s: float | None
    """That they ask for; None where none is here."""
    host_use: HostUse | None
    host_binds: bool
    free_places: int
    """Clients that the server would still let in."""


def room_told(found: RoomFound | None, around: AroundRoom) -> dict[str, Any]:
    """`found`: None where the planner has not been asked."""
    if around.slo_s is None:
        return _unknown("no camera is here to go by")
    if found is None:
        return _unknown("the planner has not had the time to look, or none plans here", around.slo_s)
    slo_ms = round(1000 * around.slo_s, 3)
    count, why = min((found.cameras, "devices"), (_by_host(around), "machine"), (around.free_places, "limit"))
    then = found.accuracy_then if count else None
    return {
        "cameras": count,
        "fps": round(found.fps, 3),
        "slo_ms": slo_ms,
        "f1": None if then is None else round(then, 4),
        "words": _words(found, count, why, slo_ms),
    }


def _unknown(why: str, slo_s: float | None = None) -> dict[str, Any]:
    slo_ms = None if slo_s is None else round(1000 * slo_s, 3)
    return {"cameras": None, "fps": None, "slo_ms": slo_ms, "f1": None, "words": f"Not known: {why}"}


def _by_host(around: AroundRoom) -> int:
    """How many more the machine carries, if each takes as much of it as one does now."""
    if around.host_binds:
        return 0
    if around.host_use is None or around.host_use.busiest <= 0 or not around.cameras:
        return MOST
    return max(0, math.floor(around.cameras * (ALLOWED / around.host_use.busiest - 1)))


def _words(found: RoomFound, count: int, why: str, slo_ms: float) -> str:
    like = f"like those here: {found.fps:.3g} frames a second, answered within {slo_ms:.4g} ms"
    if count == 0:
        full = {
            "devices": "The devices have no place for another",
            "machine": "The server's machine has too much to do for another",
            "limit": "The server takes no more clients",
        }[why]
        return f"{full} {like}"
    sure = why != "devices" or found.whole
    said = f"Room for {count} more {like}" if sure else f"Room for at least {count} more {like}"
    if found.accuracy_then >= found.accuracy_now:  # what is in force was planned when there was less room
        return f"{said}. With one more the expected accuracy is no lower than now: {found.accuracy_then:.3f}"
    return f"{said}. With one more the expected accuracy is {found.accuracy_then:.3f}; now {found.accuracy_now:.3f}"
