"""Cameras as `GET /v1/cameras` tells of them: what is said about each, whether it is here, and no credentials. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from jellyfish.config import ServedCamera
from jellyfish.server.cameras.entries import entry_of
from jellyfish.server.cameras.roster import Roster


@dataclass(frozen=True, slots=True)
class FetchedState:
    """How the source of a camera is that the server fetches itself."""

    state: str
    """`opening`, `live`, `silent`, `dead` or `stopped` (`jellyfish.core.SourceState`)."""
    words: str
    since_s: float
    """On the server's clock."""


@dataclass(frozen=True, slots=True)
class Streaming:
    """A client that is here."""

    called: str
    """What it calls itself."""
    fps: float
    slo_ms: float
    source: str | None = None
    """How its source is, where it says."""


def listed(
    roster: Roster,
    streaming: Iterable[Streaming],
    states: Mapping[str, FetchedState],
    kept_in_file: bool,
    now: float,
    shown: Callable[[str], str],
    may_see: Callable[[str], bool] = lambda name: True,
) -> Iterator[dict[str, Any]]:
    """All cameras that something is said about or that are here, by name.

    `shown`: a URL without its secrets. `may_see`: whoever asks.
    """
    here = {each.called: each for each in streaming}
    for name in filter(may_see, sorted({*roster.cameras, *here})):
        told = _told(roster.cameras.get(name) or ServedCamera(name), here.get(name), states.get(name), now, shown)
        if name in roster.cameras:
            told["kept"] = _kept(roster, name, kept_in_file)
        yield told


def _kept(roster: Roster, name: str, in_file: bool) -> str:
    """Until when what is said about it holds."""
    if name not in roster.added:
        return "configuration"
    return "file" if in_file else "until restart"


def _told(
    camera: ServedCamera,
    here: Streaming | None,
    state: FetchedState | None,
    now: float,
    shown: Callable[[str], str],
) -> dict[str, Any]:
    entry = entry_of(camera)
    told: dict[str, Any] = {"name": camera.name, "fetched": camera.source is not None, "streaming": here is not None}
    if camera.source is not None:
        keys = ("fps", "slo_ms", "target", "transport", "rotate")
        told |= {"url": shown(camera.source.url), **{key: getattr(entry, key) for key in keys}}
        told["source"] = "opening" if state is None else state.state
        if state is not None:
            told |= {"words": state.words, "for_s": round(now - state.since_s, 1)}
    elif here is not None:
        told |= {"fps": here.fps, "slo_ms": here.slo_ms, "source": here.source}
    for key in ("classes", "min_score", "masks", "zones", "importance"):
        told[key] = msgspec.to_builtins(getattr(entry, key))
    return told
