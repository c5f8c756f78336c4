import math

from jellyfish.core import Detection, LabelledObject
from jellyfish.evaluation.judging import Judge
from jellyfish.evaluation.matching import Counts
from jellyfish.evaluation.streaming import StreamingScore

NAMES = ("person", "bicycle", "car")


def at(left: float) -> list[LabelledObject]:
    return [LabelledObject(1, 2, left, 0.1, left + 0.2, 0.3)]


def found(left: float) -> list[Detection]:
    return [Detection(2, 0.9, left, 0.1, left + 0.2, 0.3)]


def test_without_any_answer_every_object_is_missed() -> None:
    score = StreamingScore(Judge(NAMES))
    score.captured(0, 0.1, at(0.1))
    score.captured(1, 0.2, at(0.1))
    score.advance(0.15)
    assert score.counts == Counts(0, 0, 1)
    score.advance(math.inf)
    assert score.counts == Counts(0, 0, 2)


def test_an_answer_counts_from_its_arrival_until_a_newer_one() -> None:
    score = StreamingScore(Judge(NAMES))
    for frame in range(4):
        score.captured(frame, 0.1 * frame + 0.1, at(0.1 if frame < 3 else 0.6))
    score.answered(0, 0.1, found(0.1))  # just in time for frame 0, and at hand for 1 and 2; wrong for 3
    score.advance(math.inf)
    assert score.counts == Counts(3, 1, 1)


def test_an_answer_after_a_deadline_does_not_help_its_frame() -> None:
    score = StreamingScore(Judge(NAMES))
    score.captured(0, 0.1, at(0.1))
    score.captured(1, 0.2, at(0.1))
    score.answered(0, 0.11, found(0.1))
    score.advance(math.inf)
    assert score.counts == Counts(1, 0, 1)


def test_newest_is_by_capture_not_by_arrival() -> None:
    score = StreamingScore(Judge(NAMES))
    score.captured(0, 0.1, at(0.1))
    score.captured(1, 0.2, at(0.6))
    score.answered(1, 0.15, found(0.6))
    score.answered(0, 0.16, found(0.1))
    score.advance(math.inf)
    assert score.counts == Counts(1, 0, 1)


def test_a_passed_deadline_is_forgotten() -> None:
    score = StreamingScore(Judge(NAMES))
    for frame in range(1000):
        score.captured(frame, frame + 0.5, at(0.1))
        score.advance(frame + 1.0)
    score.advance(math.inf)
    assert score.counts == Counts(0, 0, 1000)
    assert not score._waiting
