"""When frames were captured, by this machine's clock: their presentation times, disciplined by when they come. Pure.

The time between a frame's presentation time and its arrival is the network's least delay and whatever it waited: the
least of the last seconds is taken for the former, so that a frame that was held up on its way is as old as it is. What
that least delay is cannot be known, unless the camera has told its own wall clock (RTCP), and that is near ours.

Cameras' clocks may jump, stand still for as long as their pictures do, or be made up from a rate that is not true. So
times that are late for seconds, and do not catch up, are set right; where they fall behind steadily they are no clock,
and arrival is believed instead, until they are seen to catch up.
"""

from __future__ import annotations

import math
from collections import deque

WINDOW_S = 20.0
"""The least delay is that of the last one to two of these: a clock that drifts by 100 ppm is off by 4 ms then."""
JUMP_S = 1.0
"""A presentation time that is so much earlier than its arrival allows is another clock's."""
HOPELESS_S = 10.0
"""So is one that is so much later: nobody waits for a frame of that age."""
LOOK_S = 2.0
"""So long delays are looked at together."""
LATE_S = 0.1
"""Delays that are all longer by so much are no jitter."""
DRAINING_S = 0.02
"""What waits on its way gets less by more than this from one look to the next."""
FALSE_RATE = 0.02
"""A clock that falls behind by this share is none."""
REORDERED_S = 1.0
"""A frame that is earlier than the one before by less is out of order; by more, the clock has jumped."""
MOST_TOLD_S = 1.0
"""A wall clock that makes frames so much older than their least delay, or younger, is wrong."""
_STEP_S = 1e-4


class CaptureClock:
    """Of one opening of a source. Presentation times in seconds of the camera's clock, all others of this machine's."""

    def __init__(self) -> None:
        self.told_zero_s: float | None = None
        """When the presentation time 0 was, by the camera's own wall clock; None where it tells none."""
        self._offset_s: float | None = None
        """From presentation to arrival, at the least."""
        self._begun_s = -math.inf
        """What that was when it was last begun anew."""
        self._window = _Least()
        self._looks = _Looks()
        self._believed = True
        """Whether presentation times are of a clock."""
        self._newest_pts_s = -math.inf
        self._captured_s = -math.inf

    @property
    def delay_s(self) -> float | None:
        """How old frames are when they come, at the least, as the camera tells; None where it does not."""
        if self.told_zero_s is None or self._offset_s is None or not self._believed:
            return None
        delay_s = self._offset_s - self.told_zero_s
        return max(0.0, delay_s) if abs(delay_s) <= MOST_TOLD_S else None

    def arrived(self, pts_s: float, now: float) -> None:
        """A piece of the stream, to be shown at `pts_s`, is here. In any order."""
        delay_s = now - pts_s
        if self._offset_s is None or not -JUMP_S <= delay_s - self._offset_s <= HOPELESS_S:
            self._set(delay_s, now)
            return
        self._offset_s = self._window.least(delay_s, now)
        if self._offset_s < self._begun_s - LATE_S:  # it catches up: it is a clock after all
            self._believed = True
        verdict = self._looks.seen(now, delay_s, self._offset_s)
        if verdict is not None:
            self._believed = self._believed and not verdict.falls_behind
            self._set(verdict.least_s, now)

    def captured_s(self, pts_s: float | None, now: float) -> float | None:
        """When the frame was captured that is shown at `pts_s` (None: it does not say) and came at `now`.

        Times rise. None for a frame that is out of order: a later one has been shown.
        """
        if pts_s is not None:
            if 0 < self._newest_pts_s - pts_s < REORDERED_S:
                return None
            self._newest_pts_s = pts_s
        captured_s = now
        if pts_s is not None and self._offset_s is not None and self._believed:
            captured_s = min(now, pts_s + self._offset_s - (self.delay_s or 0.0))
        self._captured_s = max(captured_s, self._captured_s + _STEP_S)
        return self._captured_s

    def _set(self, offset_s: float, now: float) -> None:
        """Begin anew with this least delay."""
        self._offset_s = self._begun_s = offset_s
        self._window, self._looks = _Least(), _Looks()
        self._window.least(offset_s, now)


class _Least:
    """The least of the last one to two windows."""

    def __init__(self) -> None:
        self._began_s = -math.inf
        self._now = self._before = math.inf

    def least(self, value: float, now: float) -> float:
        if now - self._began_s > WINDOW_S:
            self._before = self._now
            self._began_s, self._now = now, value
        self._now = min(self._now, value)
        return min(self._now, self._before)


class _Verdict:
    """Delays were late for two looks, and did not get less."""

    def __init__(self, least_s: float, falls_behind: bool) -> None:
        self.least_s, self.falls_behind = least_s, falls_behind


class _Looks:
    """Least delays of spans of `LOOK_S`, each beside the one before."""

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._least_s = math.inf
        self._before_s: float | None = None
        """Of the look before, where that was late."""

    def seen(self, now: float, delay_s: float, offset_s: float) -> _Verdict | None:
        if self._began_s is None:
            self._began_s = now
        if now - self._began_s < LOOK_S:
            self._least_s = min(self._least_s, delay_s)
            return None
        least_s, before_s = self._least_s, self._before_s
        span_s = now - self._began_s
        self._began_s, self._least_s = now, delay_s
        self._before_s = least_s if math.isfinite(least_s) and least_s - offset_s > LATE_S else None
        if self._before_s is None or before_s is None or least_s < before_s - DRAINING_S:
            return None
        return _Verdict(least_s, least_s - before_s > FALSE_RATE * span_s)


class FirstBurst:
    """Whether what comes first is what the source had kept: it comes faster than it is to be shown, and is old."""

    LONGEST_S = 2.0
    WATCHED_S = 0.2
    """So long frames must come at their pace: a moment in which this machine was busy tells nothing."""
    PACE = 0.7
    """Of what lies between frames by their own times: what comes sooner is of the burst."""

    def __init__(self) -> None:
        self._over = False
        self._came: deque[tuple[float, float]] = deque()
        self._first_s: float | None = None

    def holds(self, pts_s: float | None, now: float) -> bool:
        """Whether the frame that came at `now` is still of it. Asked once for each.

        So is the first frame of a network camera, which comes without a time.
        """
        if self._over:
            return False
        self._first_s = now if self._first_s is None else self._first_s
        if pts_s is None:
            self._over = now - self._first_s > self.LONGEST_S
            return not self._over
        self._came.append((pts_s, now))
        while len(self._came) > 1 and self._came[1][1] <= now - self.WATCHED_S:
            self._came.popleft()
        shown_s, came_s = self._came[0]
        watched_s = now - came_s
        at_pace = watched_s >= self.WATCHED_S and watched_s >= self.PACE * (pts_s - shown_s)
        self._over = at_pace or now - self._first_s > self.LONGEST_S
        return not self._over
