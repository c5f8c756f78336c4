"""What state a source is in, and when its reader is given up: judged by frames alone. Pure."""

from __future__ import annotations

import math

from jellyfish.core import SourceState

SILENT_S = 5.0
"""Of a source that is open: longer without a frame is silence."""
OPENING_S = 15.0
"""A source that has shown nothing so long after it was begun to be opened is given up, and tried again: key frames,
before which nothing can be shown, may be ten seconds apart."""


class SourceWatch:
    """One source, over all its openings. `on_change` is told each state, with words for people."""

    def __init__(self) -> None:
        self.state = SourceState.OPENING
        self.words = ""
        """What is known of that, without credentials."""
        self._began_s = -math.inf
        self._opened_s: float | None = None
        self._first_s: float | None = None
        """Of this opening."""
        self._newest_s = -math.inf

    def begin(self, now: float) -> None:
        """It is opened, once more."""
        self._began_s, self._opened_s, self._first_s = now, None, None

    def opened(self, now: float) -> None:
        """It is open; frames are to follow."""
        self._opened_s = now

    def frame(self, now: float) -> None:
        """A frame is here."""
        if self._first_s is None:
            self._first_s = now
        self._newest_s = now
        self.state, self.words = SourceState.LIVE, ""

    def failed(self, words: str) -> None:
        """It could not be opened, or has ended."""
        self.state, self.words = SourceState.DEAD, words

    def stopped(self) -> None:
        """Nobody wants it any more."""
        self.state, self.words = SourceState.STOPPED, ""

    def lived_s(self) -> float:
        """For how long frames have come since it was opened."""
        return 0.0 if self._first_s is None else self._newest_s - self._first_s

    @property
    def due_s(self) -> float:
        """When `late` is to be asked."""
        if self._first_s is not None:
            return self._newest_s + SILENT_S
        given_up_s = self._began_s + OPENING_S
        waits = self._opened_s is not None and self.state is SourceState.OPENING
        return min(given_up_s, self._opened_s + SILENT_S) if waits and self._opened_s is not None else given_up_s

    def late(self, now: float) -> bool:
        """Nothing has come for long: whether its reader is to be ended and the source opened anew."""
        if now < self.due_s:
            return False
        if self._first_s is not None:
            self.state, self.words = SourceState.SILENT, f"no frame for {SILENT_S:.0f} s"
            return True
        if now < self._began_s + OPENING_S:
            self.state, self.words = SourceState.SILENT, f"it is open, and no frame has come for {SILENT_S:.0f} s"
            return False
        self.failed(f"no frame came within {OPENING_S:.0f} s of opening it")
        return True
