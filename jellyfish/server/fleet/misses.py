"""The last misses of a camera and where they come from, as few entries. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from jellyfish.server.fleet.blame import Blame

KEPT = 20
"""Entries."""
TOGETHER_S = 10.0
"""Misses of one reason that come so soon after each other are one entry."""


@dataclass(slots=True)
class Missed:
    """Frames that were missed together."""

    began_s: float
    last_s: float
    """When it was learnt of the first and of the last of them."""
    blame: Blame
    reason: str
    frames: int


class Misses:
    """Of one camera."""

    def __init__(self) -> None:
        self._entries: deque[Missed] = deque(maxlen=KEPT)

    def add(self, now: float, blame: Blame, reason: str, frames: int) -> None:
        """So many more."""
        for entry in self._entries:
            if (entry.blame, entry.reason) == (blame, reason) and now - entry.last_s <= TOGETHER_S:
                entry.last_s, entry.frames = now, entry.frames + frames
                return
        self._entries.append(Missed(now, now, blame, reason, frames))

    def since(self, moment_s: float) -> Iterator[Missed]:
        """Those of which the last was not before, the newest first."""
        return (entry for entry in sorted(self._entries, key=lambda each: -each.last_s) if entry.last_s >= moment_s)
