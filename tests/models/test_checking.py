"""What a model answers is looked at before anybody is told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from jellyfish.core import Answer, ClassScore, Detection, InputSize, Task, Variant
from jellyfish.errors import RunError
from jellyfish.models.checking import checked
from jellyfish.models.model import Description, Size

SIZE = Size(Variant(64, "n"), InputSize(64, 64), 0.5)
MODEL = Description("some", "1", Task.DETECTION, ("cat", "dog"), (SIZE,), "0")

CLASSIFIER = replace(MODEL, task=Task.CLASSIFICATION)


def box(label: int = 0, score: float = 0.5, left: float = 0.0, right: float = 1.0) -> Answer:
    return Answer((Detection(label, score, left, 0.0, right, 1.0),))


def test_what_is_right_goes_through() -> None:
    found = [box(), box(label=1, score=1.0), Answer()]
    assert checked(MODEL, 3, found) == found
    scores = [Answer((), (ClassScore(1, 1.0),))]
    assert checked(CLASSIFIER, 1, scores) == scores


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ([box()], "1 answers for 2 images"),
        (None, "something else than a list of answers"),
        ([box(), [(0, 0.5)]], "something else than a list of answers"),
        ([box(), box(label=2)], "has 2 classes and answered with number 2"),
        ([box(), box(label=-1)], "answered with number -1"),
        ([box(), box(score=math.nan)], "a score of nan"),
        ([box(), box(score=1.5)], "a score of 1.5"),
        ([box(), box(left=math.nan)], "a box whose sides"),
        ([box(), box(left=0.6, right=0.4)], "a box whose sides"),
        ([box(), box(right=320.0)], "a box whose sides"),
        ([box(), Answer((), (ClassScore(0, 0.5),))], "is for detection and answered with scores"),
        ([box(), Answer(box().detections * 500)], "found 500 objects in an image; at most 400"),
    ],
)
def test_what_is_wrong_is_told(found: Any, why: str) -> None:
    with pytest.raises(RunError, match=why):
        checked(MODEL, 2, found)


def test_a_classifier_answers_with_scores() -> None:
    with pytest.raises(RunError, match="a score of inf"):
        checked(CLASSIFIER, 1, [Answer((), (ClassScore(0, math.inf),))])
    with pytest.raises(RunError, match="is for classification and answered with boxes"):
        checked(CLASSIFIER, 1, [box()])
