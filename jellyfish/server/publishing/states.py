"""How cameras are, and how the server fares, for those who are told from outside. Reads what a service knows."""

from __future__ import annotations

from typing import Any

from jellyfish.clock import unix_seconds_now
from jellyfish.server.publishing.bulletin import LIVE
from jellyfish.server.service import Service
from jellyfish.server.watching.seen import iso

SILENT = "silent"
SILENT_S = 5.0
"""A camera that has sent no frame for so long is silent."""


def camera_states(service: Service, now: float) -> dict[str, str]:
    """By what cameras call themselves: `live`, or `silent` where none of their frames come."""
    return {session.says: SILENT if session.idle_s(now) > SILENT_S else LIVE for session in service.sessions.values()}


def stats(service: Service, now: float) -> dict[str, Any]:
    """Figures of the server, its devices and its cameras, since their streams opened."""
    unix_s = unix_seconds_now()
    states = camera_states(service, now)
    return {
        "time": None if unix_s is None else iso(unix_s),
        "model": service.model.name,
        "target": service.target,
        "devices": {name: str(state) for name, state in service.device_states.items()},
        "cameras": {
            session.says: {
                "state": states[session.says],
                "fps": round(session.offered_fps(now), 2),
                "slo_ms": round(1000 * session.slo_s, 1),
                "variant": session.plan.variant if session.plan.mapped else None,
                "captured": session.attained.captured,
                "on_time": session.attained.on_time,
                "missed": session.attained.missed_by_reason,
                "estimated": session.attained.estimated,
            }
            for session in service.sessions.values()
        },
    }
