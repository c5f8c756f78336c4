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

from jellyfish.core import Detection
from jellyfish.edge.fusion.motion import PATCH_PIXELS, Boxes

Scores = NDArray[np.float64]

FOUND = 0.5
"""Levelled score from which a detection counts."""

DENIED_BELOW, DENIED_ABOVE = 0.3, 0.7
"""What the large network did not confirm stays denied while it looks as it did: less alike, and it may be something
else by now.
"""

STRANGER = 0.75
"""What a local score counts for an object that came up after the large network's last look, while that is fresh."""

CLOUD_WEIGHT, LOCAL_WEIGHT, LIKENESS_WEIGHT = 0.5, 1.88, 2.76
"""What speaks for an object carried on from the large network's answer still being there: that answer, what the small
network sees now, and looking as it did. After a logistic regression on 11,000 objects of six clips, 3 to 45 steps
later, in which age added little to these; with less weight on the answer, which is older than the rest.
"""

DOUBT = 1.1
"""What they have to outweigh. Chosen for the best F1: an object is worth keeping at odds below even."""

_LOGIT_LIMIT = 0.999
"""Scores are kept this far from 0 and 1, where the logit has no value."""


@dataclass(frozen=True, slots=True)
class Found:
    """Detections as arrays."""

    boxes: Boxes
    labels: NDArray[np.intp]
    scores: Scores
    """[n] levelled."""
    classes: int
    """How many there are."""

    def __len__(self) -> int:
        return len(self.labels)

    def only(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Found:
        """The chosen ones."""
        return Found(self.boxes[chosen], self.labels[chosen], self.scores[chosen], self.classes)

    def votes(self) -> NDArray[np.float64]:
        """[n, classes] each one's score at its class."""
        votes = np.zeros((len(self), self.classes))
        votes[np.arange(len(self)), self.labels] = self.scores
        return votes


def found(detections: Sequence[Detection], threshold: float, most: int, classes: int) -> Found:
    """The best `most` detections of so many classes, their scores levelled by the network's serving `threshold`.

    What is no box within the frame, or has a class or score that is none, is left out.
    """
    sound = [one for one in detections if is_sound(one, classes)]
    ranked = sorted(sound, key=lambda one: -one.score)[:most]
    boxes = np.array([(d.left, d.top, d.right, d.bottom) for d in ranked], np.float32).reshape(-1, 4)
    scores = np.array([d.score for d in ranked], np.float64)
    return Found(boxes, np.array([d.label for d in ranked], np.intp), shifted(scores, threshold, FOUND), classes)


def shifted(scores: Scores, threshold: float, to: float) -> Scores:
    """Scores moved along the logistic curve so that `threshold` becomes `to`."""
    inside = np.clip(scores, 1 - _LOGIT_LIMIT, _LOGIT_LIMIT)
    odds = inside / (1 - inside) * (1 - threshold) / threshold * to / (1 - to)
    moved: Scores = odds / (1 + odds)
    return moved


def is_sound(one: Detection, classes: int) -> bool:
    """A box within the frame, with a score and of one of so many classes."""
    return (
        0 <= one.left < one.right <= 1
        and 0 <= one.top < one.bottom <= 1
        and 0 <= one.label < classes
        and 0 <= one.score <= 1
    )


def _still_there(cloud: Scores, local: Scores, alike: NDArray[np.float32]) -> Scores:
    """[n] levelled scores of objects that the large network found, carried to now."""
    inside = np.clip(cloud, 1 - _LOGIT_LIMIT, _LOGIT_LIMIT)
    odds = CLOUD_WEIGHT * np.log(inside / (1 - inside)) + LOCAL_WEIGHT * local + LIKENESS_WEIGHT * alike - DOUBT
    there: Scores = 1 / (1 + np.exp(-odds))
    return there


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
    alike: NDArray[np.float32]
    """[n] how much it still looks so, -1..1."""
    numbers: NDArray[np.intp]
    """[n] who is who, rising."""

    @classmethod
    def none(cls, classes: int) -> Tracks:
        """No objects, of so many classes."""
        return cls.of_local(found([], FOUND, 0, classes), np.zeros(0, np.intp))

    @classmethod
    def of_local(cls, seen: Found, numbers: NDArray[np.intp]) -> Tracks:
        """Objects that only the small network knows."""
        unseen = np.zeros((len(seen), PATCH_PIXELS), np.float32)
        return cls._new(seen, numbers, seen.scores, np.zeros(len(seen)), unseen)

    @classmethod
    def of_cloud(cls, seen: Found, numbers: NDArray[np.intp], patches: NDArray[np.float32]) -> Tracks:
        """Objects that only the large network knows."""
        return cls._new(seen, numbers, np.zeros(len(seen)), seen.scores, patches)

    @classmethod
    def _new(
        cls, seen: Found, numbers: NDArray[np.intp], local: Scores, cloud: Scores, patches: NDArray[np.float32]
    ) -> Tracks:
        return cls(seen.boxes, seen.votes(), local, cloud, cloud > 0, patches, np.ones(len(seen), np.float32), numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def labels(self) -> NDArray[np.intp]:
        """[n] the class that most speaks for."""
        labels: NDArray[np.intp] = self.votes.argmax(axis=1)
        return labels

    def scores(self, trust: float, fresh: float) -> Scores:
        """[n] levelled fused scores.

        `trust`: how much the large network's word counts, 0..1; without it the small one's score is the answer.
        `fresh`: how recent its last look is, 0..1.
        """
        confirmed = self.cloud >= FOUND
        told = np.where(confirmed, _still_there(self.cloud, self.local, self.alike), 0.0)
        same = np.clip((self.alike - DENIED_BELOW) / (DENIED_ABOVE - DENIED_BELOW), 0, 1)
        word = trust * np.where(confirmed, 1.0, same)
        strange = self.local * (1 - fresh * (1 - STRANGER))
        fused: Scores = np.where(self.judged, word * told + (1 - word) * self.local, strange)
        return fused

    def only(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Tracks:
        """The chosen ones."""
        return Tracks(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def joined(self, more: Tracks) -> Tracks:
        """These and `more`."""
        if not len(more):
            return self
        names = [field.name for field in fields(self)]
        return Tracks(*(np.concatenate([getattr(self, name), getattr(more, name)]) for name in names))
