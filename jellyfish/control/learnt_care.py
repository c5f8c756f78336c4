"""How careful plans are for one client, learnt from how its frames fared beside what was planned for them. Pure.

A plan expects a frame of the client to be answered within `usual_s`: its time on the network and in the host as they
are in the mean, and the longest that it may wait and run on its device. Care 1 allows `allowance_s` beyond that. What
a frame really took, less the usual, over the allowance is its score: the care with which its plan would just have been
right, large for a link that jitters more than it seems to, below zero where the longest wait hardly ever comes.

Each miss raises care by a step, each frame in time lowers it by the share of a step that is allowed: in the long run
misses come to what is allowed, whatever frames are like, as long as some care within the bounds can bring that about
(online quantile tracking; Angelopoulos, Candes & Tibshirani, "Conformal PID control", NeurIPS 2023). By that alone care
that is not needed would stay for minutes where little is allowed; so it also falls, as fast as frames show it, towards
the quantile of the newest scores that only the allowed share exceeds. Nothing is ever missed on purpose.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

LEAST_LEARNT, MOST_LEARNT = -5.0, 6.0
"""Bounds of what is learnt."""
FEWEST_SCORES, MOST_SCORES = 256, 2048
"""Newest scores that are looked at: enough for two over the quantile that is asked for, within these."""
BEGINNING = 100
"""From so many scores on they are believed to show that less care would do."""
UNLEARNT = 45
"""A client's first frames, of which nothing is learnt: their plans were made before its link was known."""
STEP = 0.5
"""What a miss raises care by."""
TOGETHER, USUAL = 2, 4
"""So many misses that are told together count, and so many times what is allowed: a link that falls takes many frames
with it, and is one event."""
NEARLY = 0.1
"""Care that is no further above the quantile does not fall by it."""
FALL = 0.02
"""Of the distance to the quantile, with each frame that has ended."""


class LearntCare:
    """One client's care."""

    def __init__(self, start: float, allowed: float) -> None:
        """`start`: before anything is learnt. `allowed`: share (0..1) of the captured frames that may be missed."""
        self.care = start
        """For the next plan."""
        self._allowed = allowed
        count = min(max(FEWEST_SCORES, math.ceil(2 / allowed)), MOST_SCORES)
        self._newest: deque[float] = deque(maxlen=count)
        self._sorted: list[float] = []
        self._usual_s: float | None = None
        self._allowance_s = 1.0
        self._ended = 0

    def expects(self, usual_s: float, allowance_s: float) -> None:
        """What the plan in force expects of the client's frames; `allowance_s` is above 0."""
        self._usual_s, self._allowance_s = usual_s, allowance_s

    def took(self, seconds: float) -> None:
        """A frame was answered so long after its capture."""
        if self._usual_s is not None and self._ended >= UNLEARNT:
            self._add((seconds - self._usual_s) / self._allowance_s)

    def ended(self, frames: int, missed: int) -> None:
        """So many captured frames have an outcome, of which so many missed their deadline for want of time."""
        self._ended += frames
        if self._ended <= UNLEARNT:
            return
        for _ in range(min(missed, FEWEST_SCORES)):
            self._add(math.inf)
        usual = self._allowed * frames
        care = self.care + STEP * (min(missed, TOGETHER + USUAL * usual) - usual)
        enough = self._enough()
        if enough < care - NEARLY:
            care += (enough + NEARLY - care) * (1 - math.pow(1 - FALL, frames))
        self.care = min(max(care, LEAST_LEARNT), MOST_LEARNT)

    def _enough(self) -> float:
        """The care that all but the allowed share of the newest frames would have come in time with."""
        known = len(self._sorted)
        if known < BEGINNING:
            return math.inf
        return self._sorted[min(math.ceil((known + 1) * (1 - self._allowed)), known) - 1]

    def _add(self, score: float) -> None:
        if len(self._newest) == self._newest.maxlen:
            del self._sorted[bisect_left(self._sorted, self._newest[0])]
        self._newest.append(score)
        insort(self._sorted, score)
