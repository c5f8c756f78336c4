"""How good answers were, by the records of frames: a detector's by what it found, a classifier's by its first guess.

Pure and streaming, as the rest of the summary.
"""

from __future__ import annotations

import msgspec

from jellyfish.core import Outcome
from jellyfish.evaluation.matching import Counts
from jellyfish.results.records import FrameRecord
from jellyfish.results.units import F1, Share


class AccuracyFigures(msgspec.Struct, frozen=True):
    """Of a detector F1 at IoU 0.5, from counts summed over frames; of a classifier the share of right first guesses.

    Null where nothing was labelled, and what is not of the model's task.
    """

    f1_on_time: F1 | None
    """Over frames answered on time."""
    f1_offered: F1 | None
    """Over all captured frames: one without an answer on time counts its objects as missed."""
    streaming_f1: F1 | None
    """Over all captured frames: each is scored with the newest answer at hand when its deadline passes."""
    expected_on_time: F1 | None = None
    """In simulations: mean over the on-time frames of their variants' accuracy as measured elsewhere."""
    expected_offered: F1 | None = None
    """The same over all captured frames, of which those without an on-time answer count 0."""
    top1_on_time: Share | None = None
    """Of the frames answered on time, those whose likeliest class is that of their largest object."""
    top1_offered: Share | None = None
    """The same of all captured frames: one without an answer on time counts as wrong."""


class AccuracyTally:
    """Counts of one client, or of several merged."""

    def __init__(self) -> None:
        self._on_time: Counts | None = None
        self._offered: Counts | None = None
        self._expected: float | None = None
        self._right = self._judged_on_time = self._judged = 0
        """First guesses that were right and on time, and frames in which there was a class to be guessed."""
        self._unanswered = 0
        """Frames with objects in them that were missed before any server had said that it only guesses classes."""

    def add(self, record: FrameRecord) -> None:
        """Count one captured frame."""
        on_time = record.outcome is Outcome.ON_TIME
        if record.class_right is not None:
            self._judged += 1
            self._judged_on_time += on_time
            self._right += on_time and record.class_right
        if record.tp is not None:
            self._found(on_time, Counts(record.tp, record.fp or 0, record.fn or 0))
        if on_time and record.expected_f1 is not None:
            self._expected = (self._expected or 0.0) + record.expected_f1

    def merge(self, other: AccuracyTally) -> None:
        """Count the other's frames, too."""
        self._right += other._right
        self._judged_on_time += other._judged_on_time
        self._judged += other._judged
        self._unanswered += other._unanswered
        if other._expected is not None:
            self._expected = (self._expected or 0.0) + other._expected
        self._on_time = plus(self._on_time, other._on_time)
        self._offered = plus(self._offered, other._offered)

    def figures(self, on_time: int, offered: int, streaming: Counts | None) -> AccuracyFigures:
        """Of so many frames on time, out of so many captured. `streaming`: see `StreamingScore`."""
        if self._judged:
            judged_on_time, judged = self._judged_on_time, self._judged + self._unanswered
            top1_on_time = self._right / judged_on_time if judged_on_time else None
            return AccuracyFigures(None, None, None, top1_on_time=top1_on_time, top1_offered=self._right / judged)
        expected = self._expected
        return AccuracyFigures(
            f1_on_time=_f1(self._on_time),
            f1_offered=_f1(self._offered),
            streaming_f1=_f1(streaming),
            expected_on_time=None if expected is None else expected / on_time,
            expected_offered=None if expected is None else expected / offered,
        )

    def _found(self, on_time: bool, counts: Counts) -> None:
        if on_time:
            self._on_time = plus(self._on_time, counts)
        else:  # what came too late, or never, found nothing
            counts = Counts(0, 0, counts.tp + counts.fn)
            self._unanswered += counts.fn > 0
        self._offered = plus(self._offered, counts)


def plus(one: Counts | None, other: Counts | None) -> Counts | None:
    """Their sum; None where neither is known."""
    if one is None or other is None:
        return other if one is None else one
    return Counts(one.tp + other.tp, one.fp + other.fp, one.fn + other.fn)


def _f1(counts: Counts | None) -> float | None:
    return None if counts is None else counts.f1
