"""A camera's past and present as `GET /v1/fleet` tells of it. Pure."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from jellyfish.models.model import Description
from jellyfish.server.fleet.history import CameraHistory
from jellyfish.server.session import Session
from jellyfish.server.watching.seen import iso

MISSES_S = 3600.0
"""Misses are told of for so long."""


class SourceTerms(NamedTuple):
    """What is asked of a camera that the server fetches itself."""

    fps: float | None
    """None: the source's own rate."""
    slo_s: float


class ToldWhen(NamedTuple):
    """When it is told."""

    now: float
    """On the server's clock."""
    unix_ahead_s: float
    """Of the machine's clock before that."""

    def unix_s(self, moment_s: float) -> float:
        """A moment of the server's clock on the machine's."""
        return moment_s + self.unix_ahead_s


def percent(ended: int = 0, on_time: int = 0) -> float | None:
    """The share in time, never 100 where one was missed; None where nothing has ended."""
    return math.floor(1e4 * 100 * on_time / ended) / 1e4 if ended else None


def camera_told(
    name: str,
    history: CameraHistory,
    moment: ToldWhen,
    session: Session | None,
    model: Description,
    source: str,
    importance: float,
    terms: SourceTerms | None,
) -> dict[str, Any]:
    """`session`: its stream; None where it has none now. `terms`: None where it is not fetched."""
    half_s, most_s = history.ages.quantiles_s(moment.now, (0.5, 0.99)) or (None, None)
    newest = history.uplinks[-1] if history.uplinks else None
    return {
        "name": name,
        "source": source,
        "fetched": terms is not None,
        "importance": importance,
        **(_absent(terms) if session is None else _planned(session, model)),
        "on_time": {
            "minute": percent(*history.minute.sums(moment.now)),
            "hour": percent(*history.hour.sums(moment.now)),
        },
        "estimated": history.estimated,
        "age_ms": {"p50": _ms(half_s), "p99": _ms(most_s)},
        "uplink_kbps": _kbps(newest),
        "uplink_history": [_kbps(each) for each in history.uplinks],
        "missed": [
            {
                "time": iso(moment.unix_s(missed.last_s)),
                "since": iso(moment.unix_s(missed.began_s)),
                "why": missed.blame.value,
                "reason": missed.reason,
                "frames": missed.frames,
            }
            for missed in history.misses.since(moment.now - MISSES_S)
        ],
    }


def _planned(session: Session, model: Description) -> dict[str, Any]:
    plan = session.plan
    size = model.input_of(plan.resolution)
    return {
        "slo_ms": round(1000 * session.slo_s, 3),
        "fps": session.fps,
        "planned_fps": round((plan.fps or session.fps) if plan.mapped else 1000 / plan.probe_interval_ms, 3),
        "size": [size.width, size.height],
        "variant": plan.variant,
        "mapped": plan.mapped,
    }


def _absent(terms: SourceTerms | None) -> dict[str, Any]:
    told = dict.fromkeys(("slo_ms", "fps", "planned_fps", "size", "variant", "mapped"))
    return told if terms is None else told | {"slo_ms": round(1000 * terms.slo_s, 3), "fps": terms.fps}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)


def _kbps(bps: float | None) -> float | None:
    return None if bps is None else round(bps / 1000, 1)
