"""How many frames a second come, by counting. Pure."""

from __future__ import annotations

SETTLE_S = 0.5
"""What comes so soon after a source was opened is left out: some send at once what they have kept."""
SPAN_S = 2.0
"""After so long the rate is known well enough to begin."""
LEAST_FRAMES = 4
LONGEST_S = 12.0
"""Of a source whose frames come seldom, it is counted no longer than this."""
MOST_FPS = 240.0


class RateMeter:
    """Of one opening of a source."""

    def __init__(self, span_s: float = SPAN_S) -> None:
        """`span_s`: so long frames are counted, at least."""
        self._span_s = span_s
        self._opened_s: float | None = None
        self._first_s: float | None = None
        self._newest_s = 0.0
        self._steps = 0

    def frame(self, captured_s: float) -> None:
        """A frame was captured then."""
        if self._opened_s is None:
            self._opened_s = captured_s
        if captured_s - self._opened_s < SETTLE_S:
            return
        if self._first_s is None:
            self._first_s = captured_s
        else:
            self._steps += 1
        self._newest_s = captured_s

    @property
    def fps(self) -> float | None:
        """Frames a second; None while that is not known."""
        if self._first_s is None or not self._steps:
            return None
        span_s = self._newest_s - self._first_s
        enough = span_s >= self._span_s and self._steps + 1 >= LEAST_FRAMES
        if not (enough or span_s >= LONGEST_S):
            return None
        return min(MOST_FPS, self._steps / span_s)
