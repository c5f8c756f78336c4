"""What somebody who watches asks for, as the query of `GET /v1/watch` says it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from jellyfish.errors import InputError
from jellyfish.protocol.wire import LONGEST_NAME
from jellyfish.server.watching.hub import PICTURES_FPS

MOST_CAMERAS = 256
LEAST_PICTURES_FPS, MOST_PICTURES_FPS = 0.01, 60.0
_PARAMETERS = "camera=NAME (as often as wanted), pictures=1, pictures_fps=NUMBER, now=1, fleet=1"
_YES_OR_NO = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class WatchWish:
    """Which cameras, and how."""

    cameras: tuple[str, ...] = ()
    """Names; empty: all."""
    pictures: bool = False
    """Whether frames come with answers."""
    pictures_fps: float = PICTURES_FPS
    """At most so many of a camera a second."""
    now: bool = False
    """Whether boxes are carried forward, to where things are when it is told of them."""
    fleet: bool = False
    """Whether once a second it is told how all cameras fare."""


def wish_of(query: Iterable[tuple[str, str]]) -> WatchWish:
    """What the query's parameters say; InputError for what cannot be."""
    wish = WatchWish()
    for name, value in query:
        wish = _with(wish, name, value)
    if len(wish.cameras) > MOST_CAMERAS:
        raise InputError(f"{len(wish.cameras)} cameras are named; at most {MOST_CAMERAS}, or none for all")
    return wish


def _with(wish: WatchWish, name: str, value: str) -> WatchWish:
    match name:
        case "camera":
            return replace(wish, cameras=(*wish.cameras, _name(value)))
        case "pictures":
            return replace(wish, pictures=_yes_or_no(name, value))
        case "now":
            return replace(wish, now=_yes_or_no(name, value))
        case "fleet":
            return replace(wish, fleet=_yes_or_no(name, value))
        case "pictures_fps":
            return replace(wish, pictures_fps=_rate(value))
    raise InputError(f"there is no parameter {name[:40]!r}; there are {_PARAMETERS} (docs/watching.md)")


def _name(value: str) -> str:
    if not 0 < len(value) <= LONGEST_NAME:
        raise InputError(f"camera= takes the name of a camera, of 1 to {LONGEST_NAME} characters, not {len(value)}")
    return value


def _yes_or_no(name: str, value: str) -> bool:
    if value not in _YES_OR_NO:
        raise InputError(f"{name}= is 1 or 0, not {value[:40]!r}")
    return _YES_OR_NO[value]


def _rate(value: str) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = -1.0
    if not LEAST_PICTURES_FPS <= rate <= MOST_PICTURES_FPS:
        raise InputError(
            f"pictures_fps= is a number from {LEAST_PICTURES_FPS:g} to {MOST_PICTURES_FPS:g}, not {value[:40]!r}"
        )
    return rate
