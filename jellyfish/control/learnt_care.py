"""How careful plans are for one client, learnt from how its frames fared beside what was planned for them. Pure.

A plan expects a frame of the client to be answered within `usual_s`: its time on the network and in the host as they
are in the mean, and the longest that it may wait and run on its device. Care 1 allows `allowance_s` beyond that. What
a frame really took, less the usual, over the allowance is its score: the care with which its plan would just have been
right, large for a link that jitters more than it seems to, below zero where the longest wait hardly ever comes. The
care of the next plans is that quantile of the newest scores which a share of `allowed` frames may exceed.

Frames that miss their deadline all the same, as the client reports, lower the share that may exceed it, frames in time
raise it again: so misses come to what is allowed whatever the scores are like, as long as some care within the bounds
can bring that about (adaptive conformal inference: Gibbs & Candes, NeurIPS 2021). Nothing is ever missed on purpose.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque

LEAST_CARE, MOST_CARE = -5.0, 8.0
"""Bounds of what is learnt, and the score of a frame that was given up."""
FEWEST_SCORES, MOST_SCORES = 256, 2048
"""Newest scores that are looked at: enough for two over the quantile that is asked for, within these."""
BEGINNING = 100
"""Until so many frames have been scored, care is no less than it was at the start."""
RATE = 0.1
"""Of the allowed share, by which one miss lowers the share of scores that may exceed the quantile."""
FURTHEST = 5.0
"""So many times the allowed share may that share be below zero; then care is beyond all scores by as many steps."""
STEP = 0.5


class LearntCare:
    """One client's care."""

    def __init__(self, start: float, allowed: float) -> None:
        """`start`: before anything is learnt. `allowed`: share (0..1) of the captured frames that may be missed."""
        self._start, self._allowed = start, allowed
        self._exceeding = allowed
        count = min(max(FEWEST_SCORES, math.ceil(2 / allowed)), MOST_SCORES)
        self._newest: deque[float] = deque(maxlen=count)
        self._sorted: list[float] = []
        self._usual_s: float | None = None
        self._allowance_s = 1.0
        self._seen = 0

    def expects(self, usual_s: float, allowance_s: float) -> None:
        """What the plan in force expects of the client's frames; `allowance_s` is above 0."""
        self._usual_s, self._allowance_s = usual_s, allowance_s

    def took(self, seconds: float) -> None:
        """A frame was answered so long after its capture."""
        if self._usual_s is not None:
            self._add((seconds - self._usual_s) / self._allowance_s)

    def given_up(self, frames: int = 1) -> None:
        """Frames were not answered, as there was no time for them."""
        for _ in range(min(frames, FEWEST_SCORES)):
            self._add(MOST_CARE)

    def ended(self, frames: int, missed: int) -> None:
        """So many captured frames have an outcome, of which so many missed their deadline for want of time."""
        exceeding = self._exceeding + RATE * self._allowed * (self._allowed * frames - missed)
        self._exceeding = min(max(exceeding, -FURTHEST * self._allowed), max(0.5, self._allowed))

    @property
    def care(self) -> float:
        """For the next plan."""
        if not self._sorted:
            return self._start
        rank = math.ceil((len(self._sorted) + 1) * (1 - max(self._exceeding, 0.0)))
        learnt = self._sorted[min(max(rank, 1), len(self._sorted)) - 1]
        learnt += STEP * max(0.0, -self._exceeding / self._allowed)
        least = self._start if self._seen < BEGINNING else LEAST_CARE
        return min(max(learnt, least), MOST_CARE)

    def _add(self, score: float) -> None:
        score = min(max(score, LEAST_CARE), MOST_CARE)
        if len(self._newest) == self._newest.maxlen:
            del self._sorted[bisect_left(self._sorted, self._newest[0])]
        self._newest.append(score)
        insort(self._sorted, score)
        self._seen += 1
