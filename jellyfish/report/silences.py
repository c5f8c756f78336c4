"""When nothing was heard of a camera's frames, out of a log that counts what has ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.report.lines import FrameRow
from jellyfish.report.slices import Slice

SILENCE_S = 3.0
"""Cameras report once a second, and servers look twice."""
SHOWN_SILENCES = 8


class Silences:
    """Told of all frames in their order; of many silences the longest are shown."""

    def __init__(self, part: Slice) -> None:
        self._part = part
        self._last_s: dict[str, float] = {}
        self._found: list[tuple[float, float, str]] = []
        """How long, from when, of whom."""

    def add(self, frames: Sequence[FrameRow]) -> None:
        """These have ended."""
        for frame in frames:
            self._until(frame.client, frame.captured_s)
            self._last_s[frame.client] = frame.captured_s

    @property
    def notes(self) -> list[str]:
        """A sentence for each, in their order. To be asked once, when all frames have been told of."""
        for client in self._last_s:
            self._until(client, self._part.end_s)
        longest = sorted(self._found, reverse=True)[:SHOWN_SILENCES]
        kept = sorted(longest, key=lambda silence: silence[1])
        more = [f"And {len(self._found) - len(kept)} shorter silences."] if len(self._found) > len(kept) else []
        return [self._words(*silence) for silence in kept] + more

    def _until(self, client: str, time_s: float) -> None:
        since_s = self._last_s.get(client, self._part.begin_s)
        if time_s - since_s > SILENCE_S:
            self._found.append((time_s - since_s, since_s, client))

    def _words(self, lasted_s: float, since_s: float, client: str) -> str:
        when = f"from {self._part.clock.at(since_s)} for {lasted_s:.0f} s"
        return f"{client}: nothing was heard of any frame {when}: it had no stream, or its source gave nothing."
