"""How cameras are, for those who are told from outside. Reads what a service knows."""

from __future__ import annotations

from collections.abc import Mapping

from jellyfish.core import SourceState
from jellyfish.server.publishing.bulletin import LIVE, OFFLINE
from jellyfish.server.service import Service
from jellyfish.server.session import Session

SILENT_S = 5.0
"""A camera that has sent no frame for so long is silent."""


def camera_states(service: Service, sources: Mapping[str, SourceState], now: float) -> dict[str, str]:
    """By what cameras call themselves. `sources`: of those that the server fetches itself, which may have no stream."""
    fetched = {name: _word(source) for name, source in sources.items()}
    return fetched | {
        session.says: _of(session, sources.get(session.says), now) for session in service.sessions.values()
    }


def _of(session: Session, fetched: SourceState | None, now: float) -> str:
    source = fetched or session.source
    if source not in (None, SourceState.LIVE):
        return _word(source)
    return SourceState.SILENT.value if session.idle_s(now) > SILENT_S else LIVE


def _word(source: SourceState) -> str:
    return OFFLINE.decode() if source is SourceState.STOPPED else source.value
