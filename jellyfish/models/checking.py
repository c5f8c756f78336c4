"""Whether what a model answered is an answer: what comes from outside is looked at before cameras are told."""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.core import Answer, Detection, Task
from jellyfish.errors import RunError
from jellyfish.models.model import Description

MOST_FOUND = 400
"""Boxes in one image: their message is as large as one may be then."""


def checked(model: Description, images: int, found: Sequence[Answer]) -> list[Answer]:
    """`found`, one for each of so many images. Raises RunError that says what is wrong with it.

    A number that is none, a class that the model does not have or an image without an answer would otherwise come out
    at a camera, or as a figure, without a word.
    """
    if not isinstance(found, list | tuple) or not all(isinstance(each, Answer) for each in found):
        raise RunError(f"the model {model.name} gave something else than a list of answers")
    boxes = model.task is Task.DETECTION
    if any(answer.scores if boxes else answer.detections for answer in found):
        raise RunError(f"the model {model.name} is for {model.task} and answered with {'scores' if boxes else 'boxes'}")
    most = max((max(len(answer.detections), len(answer.scores)) for answer in found), default=0)
    if most > max(MOST_FOUND, len(model.classes)):
        raise RunError(f"the model {model.name} found {most} objects in an image; at most {MOST_FOUND} can be told")
    if len(found) != images:
        raise RunError(f"the model {model.name} gave {len(found)} answers for {images} images")
    for answer in found:
        for one in (*answer.detections, *answer.scores):
            if not 0 <= one.label < len(model.classes):
                raise RunError(
                    f"the model {model.name} has {len(model.classes)} classes and answered with number {one.label}"
                )
            if not 0 <= one.score <= 1:
                raise RunError(f"the model {model.name} answered with a score of {one.score}; scores are 0 to 1")
        if not all(map(_is_box, answer.detections)):
            raise RunError(
                f"the model {model.name} answered with a box whose sides are not shares of the image, 0 to 1"
            )
    return list(found)


def _is_box(found: Detection) -> bool:
    """A comparison with what is no number is false."""
    return 0 <= found.left <= found.right <= 1 and 0 <= found.top <= found.bottom <= 1
