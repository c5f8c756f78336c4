"""Objects followed over time: where each is, what the small network says of it and what the large one said. Pure.

One row per object, as arrays: a step is a few operations over all of them. Scores here are levelled: 0.5 is the score
from which the network in question counts a detection as found, so that the two networks' scores mean the same. Where
boxes and answers come from, and when, it may not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from jellyfish.core import CLASSES, Detection
from jellyfish.fusion.motion import PATCH_PIXELS, Boxes

Scores = NDArray[np.float64]

FOUND = 0.5
"""Levelled score from which a detection counts."""

_LOGIT_LIMIT = 0.999
"""Scores are kept this far from 0 and 1, where the logit has no value."""


@dataclass(frozen=True, slots=True)
class Found:
    """Detections as arrays."""

    boxes: Boxes
    labels: NDArray[np.intp]
    scores: Scores
    """[n] levelled."""

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Found:
        """The chosen ones."""
        return Found(self.boxes[chosen], self.labels[chosen], self.scores[chosen])

    def votes(self) -> NDArray[np.float64]:
        """[n, classes] each one's score at its class."""
        votes = np.zeros((len(self), len(CLASSES)))
        votes[np.arange(len(self)), self.labels] = self.scores
        return votes


def found(detections: Sequence[Detection], threshold: float, most: int) -> Found:
    """The best `most` detections, their scores levelled by the network's serving `threshold`.

    What is no box within the frame, or has a class or score that is none, is left out.
    """
    sound = [one for one in detections if _is_sound(one)]
    ranked = sorted(sound, key=lambda one: -one.score)[:most]
    boxes = np.array([(d.left, d.top, d.right, d.bottom) for d in ranked], np.float32).reshape(-1, 4)
    scores = np.array([d.score for d in ranked], np.float64)
    return Found(boxes, np.array([d.label for d in ranked], np.intp), shifted(scores, threshold, FOUND))


def shifted(scores: Scores, threshold: float, to: float) -> Scores:
    """Scores moved along the logistic curve so that `threshold` becomes `to`."""
    inside = np.clip(scores, 1 - _LOGIT_LIMIT, _LOGIT_LIMIT)
    odds = inside / (1 - inside) * (1 - threshold) / threshold * to / (1 - to)
    moved: Scores = odds / (1 + odds)
    return moved


def _is_sound(one: Detection) -> bool:
    return (
        0 <= one.left < one.right <= 1
        and 0 <= one.top < one.bottom <= 1
        and 0 <= one.label < len(CLASSES)
        and 0 <= one.score <= 1
    )


@dataclass(slots=True)
class Tracks:
    """n objects; row i of every array is object i."""

    boxes: Boxes
    votes: NDArray[np.float64]
    """[n, classes] what speaks for each class."""
    local: Scores
    """[n] levelled score of the small network, smoothed."""
    cloud: Scores
    """[n] levelled score of the large network, smoothed; 0 where it did not find what the small one saw."""
    judged: NDArray[np.bool_]
    """[n] whether the large network has seen a frame with the object in it."""
    patches: NDArray[np.float32]
    """[n, 64] what the object looked like to the large network."""
    born: NDArray[np.intp]
    """[n] the first step the object is known in."""

    @classmethod
    def none(cls) -> Tracks:
        """No objects."""
        return cls.of_local(found([], FOUND, 0), 0)

    @classmethod
    def of_local(cls, seen: Found, step: int) -> Tracks:
        """Objects that only the small network knows."""
        unseen = np.zeros((len(seen), PATCH_PIXELS), np.float32)
        return cls._new(seen, step, seen.scores, np.zeros(len(seen)), unseen)

    @classmethod
    def of_cloud(cls, seen: Found, step: int, patches: NDArray[np.float32]) -> Tracks:
        """Objects that only the large network knows."""
        return cls._new(seen, step, np.zeros(len(seen)), seen.scores, patches)

    @classmethod
    def _new(cls, seen: Found, step: int, local: Scores, cloud: Scores, patches: NDArray[np.float32]) -> Tracks:
        born = np.full(len(seen), step, np.intp)
        return cls(seen.boxes, seen.votes(), local, cloud, cloud > 0, patches, born)

    def __len__(self) -> int:
        return len(self.born)

    @property
    def labels(self) -> NDArray[np.intp]:
        """[n] the class that most speaks for."""
        labels: NDArray[np.intp] = self.votes.argmax(axis=1)
        return labels

    def only(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Tracks:
        """The chosen ones."""
        return Tracks(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def joined(self, more: Tracks) -> Tracks:
        """These and `more`."""
        if not len(more):
            return self
        names = [field.name for field in fields(self)]
        return Tracks(*(np.concatenate([getattr(self, name), getattr(more, name)]) for name in names))
