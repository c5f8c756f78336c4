"""Fused detections: the small network's of every step and the large network's of some, which come late. Pure.

Objects are followed from step to step along the optical flow. What the cloud said of an earlier step is carried to
now along the same flow; there it confirms, corrects and adds, and what it did not confirm is held back. Between its
answers its word stands. Knows images, detections and step numbers; networks, links and clocks it may not know.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.core import Detection
from jellyfish.edge.fusion.association import Indices, paired
from jellyfish.edge.fusion.motion import Boxes, Motion, View, carried, likeness, patches
from jellyfish.edge.fusion.tracks import FOUND, Found, Tracks, found, is_sound, shifted
from jellyfish.errors import InputError

HISTORY_STEPS = 60
"""Answers for older steps come too late: what was there has mostly left or changed."""

LOCAL_SCORE_THRESHOLD = 0.25
"""Local detections from here on are used: below the serving threshold as well, as weak ones keep objects alive."""

MOST_OBJECTS = 100
"""Of either network in a step, as many as the engine gives at the most; twice as many are followed."""

MEMORY = 0.4
"""Share of the past in the smoothed local score. More of it keeps what has gone, less loses what was missed once."""

LOCAL_BOX_SHARE, LOCAL_VOTE = 0.4, 0.1
"""Of an object the cloud does not vouch for: share of the newest local box in its box, and what the local score counts
for its class, at each step.
"""

LOST_BELOW, LOST_BOX_SHARE = 0.3, 0.7
"""An object that the cloud vouched for and that looks less alike than this has slipped from its box: up to so much of
it is then taken from the local box, which is worse otherwise.
"""

CLOUD_MEMORY = 0.33
"""Share of the past when the cloud answers: published (Clownfish, SEC 2020); none was found to be better."""

HOLD_STEPS, FADE_STEPS = 45, 30
"""The cloud's word stands so long, and then fades. Sooner costs more objects that are there than it drops others."""

FRESH_STEPS, AGEING_STEPS = 10, 10
"""A cloud's look is fresh so long, and no longer is after so many more."""

FAINT = 0.05
"""Objects that score less by both networks are forgotten."""

LEAST_VISIBLE, LEAST_SIDE = 0.25, 0.003
"""Objects of which less is within the frame, or smaller ones (share of the frame), are forgotten."""


class Past(NamedTuple):
    """What is kept of a step, for an answer that comes later."""

    view: View
    numbers: NDArray[np.intp]
    boxes: Boxes
    """[n, 4] where the objects of these numbers were."""


class DetectionFusion:
    """The fused detections of one stream, step by step."""

    def __init__(self, local_threshold: float, cloud_threshold: float, classes: int) -> None:
        """`local_threshold`, `cloud_threshold`: serving thresholds of the two networks, within 0..1.

        `classes`: how many there are; both networks' labels mean the same.

        Fused scores are on the cloud's scale: all that is returned scores at least `cloud_threshold`.
        """
        for threshold in (local_threshold, cloud_threshold):
            if not 0 < threshold < 1:
                raise InputError(f"a score threshold lies between 0 and 1, not at {threshold:g}")
        self._local_threshold, self._cloud_threshold, self._classes = local_threshold, cloud_threshold, classes
        self._motion = Motion()
        self._past: OrderedDict[int, Past] = OrderedDict()
        self._born = 0
        self._tracks = Tracks.none(classes)
        self._newest_used: int | None = None
        self._step = -1
        self.gain = 0.0
        """What came up in the newest step that nothing known explains: the summed scores of new local detections."""
        self.similarity = 1.0
        """Share of the small network's evidence, 0..1, that the newest step has in common with those before."""

    def step(self, step: int, image: NDArray[np.uint8], local: Sequence[Detection]) -> list[Detection]:
        """The fused detections of `step`, from its RGB image [height, width, 3] and what the small network found.

        `local` should reach down to LOCAL_SCORE_THRESHOLD. Raises InputError for a step that is not newer.
        """
        if step <= self._step:
            raise InputError(f"step {step} comes after step {self._step}: steps must rise")
        self._step = step
        view = self._motion.see(image)
        self._move(view)
        likely = [one for one in local if is_sound(one, self._classes) and one.score >= LOCAL_SCORE_THRESHOLD]
        self._follow(found(likely, self._local_threshold, MOST_OBJECTS, self._classes))
        self._past[step] = Past(view, self._tracks.numbers, self._tracks.boxes.copy())
        if len(self._past) > HISTORY_STEPS:
            self._past.popitem(last=False)
        fused = self._fused()
        return fused if self._trust() else self._alone(likely)

    def answer(self, step: int, cloud: Sequence[Detection]) -> bool:
        """Take in the cloud's answer for an earlier step, or the newest; it takes effect in the next `step`.

        False for a step beyond the history or not newer than the one last answered: nothing changes then.
        """
        if step not in self._past or (self._newest_used is not None and step <= self._newest_used):
            return False
        self._newest_used = step
        sure = [one for one in cloud if one.score >= self._cloud_threshold]
        self._judge(found(sure, self._cloud_threshold, MOST_OBJECTS, self._classes), step)
        return True

    def _move(self, view: View) -> None:
        """Objects move with the flow, and those that left the frame are forgotten."""
        self._tracks.boxes = carried(self._tracks.boxes, view.flow)
        self._tracks = self._tracks.only(_in_frame(self._tracks.boxes))
        self._tracks.alike = likeness(self._tracks.patches, patches(view.grey, self._tracks.boxes))

    def _follow(self, seen: Found) -> None:
        """Take in what the small network found in this step."""
        tracks = self._tracks
        i, j = paired(tracks.boxes, tracks.labels, seen.boxes, seen.labels)
        scores = np.zeros(len(tracks))
        scores[i] = seen.scores[j]
        both = tracks.local.sum() + seen.scores.sum()
        self.similarity = float(2 * np.minimum(tracks.local, scores).sum() / both) if both else 1.0
        tracks.local = MEMORY * tracks.local + (1 - MEMORY) * scores
        new = seen.only(np.setdiff1d(np.arange(len(seen)), j))
        self.gain = float(new.scores.sum())
        own = (~tracks.judged | (self._trust() == 0))[i]
        slipped = LOST_BOX_SHARE * np.clip(1 - tracks.alike[i] / LOST_BELOW, 0, 1)
        share = np.where(own, LOCAL_BOX_SHARE, slipped).astype(np.float32)[:, None]
        tracks.boxes[i] += share * (seen.boxes[j] - tracks.boxes[i])
        tracks.votes[i] += LOCAL_VOTE * own[:, None] * seen.votes()[j]
        self._tracks = tracks.joined(Tracks.of_local(new, self._numbers(len(new))))

    def _judge(self, then: Found, step: int) -> None:
        """Take in what the cloud found in `step`: paired with what was known there, and carried to now."""
        tracks, past = self._tracks, self._past[step]
        looks = patches(past.view.grey, then.boxes)
        seen = Found(self._to_now(then.boxes, step), then.labels, np.maximum(then.scores, FOUND), then.classes)
        i, j, denied = self._same(past, then, seen)
        before = np.where(tracks.judged[i], tracks.cloud[i], seen.scores[j])
        tracks.cloud[i] = np.maximum(CLOUD_MEMORY * before + (1 - CLOUD_MEMORY) * seen.scores[j], FOUND)
        tracks.votes[i] = CLOUD_MEMORY * tracks.votes[i] + (1 - CLOUD_MEMORY) * seen.votes()[j]
        tracks.boxes[i], tracks.patches[i] = seen.boxes[j], looks[j]
        tracks.cloud[denied] *= CLOUD_MEMORY
        tracks.patches[denied] = patches(self._past[self._step].view.grey, tracks.boxes[denied])
        tracks.judged[i] = tracks.judged[denied] = True
        new = np.setdiff1d(np.arange(len(seen)), j)
        self._tracks = tracks.joined(Tracks.of_cloud(seen.only(new), self._numbers(len(new)), looks[new]))

    def _same(self, past: Past, then: Found, now: Found) -> tuple[Indices, Indices, Indices]:
        """Objects (i) that are what the cloud saw (j), and objects that were there then and that it did not see.

        Paired where the cloud saw them; what it saw besides may have come up here since, and is paired where it is now.
        """
        tracks = self._tracks
        old, known = np.intersect1d(tracks.numbers, past.numbers, assume_unique=True, return_indices=True)[1:]
        i, j = paired(past.boxes[known], tracks.labels[old], then.boxes, then.labels)
        young = np.setdiff1d(np.arange(len(tracks)), old)
        rest = np.setdiff1d(np.arange(len(now)), j)
        k, m = paired(tracks.boxes[young], tracks.labels[young], now.boxes[rest], now.labels[rest])
        return np.concatenate([old[i], young[k]]), np.concatenate([j, rest[m]]), np.setdiff1d(old, old[i])

    def _numbers(self, count: int) -> NDArray[np.intp]:
        """Numbers of `count` new objects."""
        self._born += count
        return np.arange(self._born - count, self._born)

    def _fused(self) -> list[Detection]:
        """What counts as found now; what is hardly believed in is forgotten."""
        tracks = self._tracks
        scores = tracks.scores(self._trust(), self._fading(FRESH_STEPS, AGEING_STEPS))
        answer = self._answered(scores)
        worth = np.maximum(tracks.local, scores)
        best = np.argsort(-worth, kind="stable")[: 2 * MOST_OBJECTS]
        self._tracks = tracks.only(np.sort(best[worth[best] > FAINT]))
        return answer

    def _alone(self, local: Sequence[Detection]) -> list[Detection]:
        """What the small network found: without the cloud, its own answer is the best on most scenes."""
        serving = sorted((one for one in local if one.score >= self._local_threshold), key=lambda one: -one.score)
        scores = np.array([one.score for one in serving[:MOST_OBJECTS]], np.float64)
        levels = np.maximum(shifted(scores, self._local_threshold, self._cloud_threshold), self._cloud_threshold)
        return [msgspec.structs.replace(one, score=level) for one, level in zip(serving, levels.tolist(), strict=False)]

    def _answered(self, scores: NDArray[np.float64]) -> list[Detection]:
        """Objects whose score [n] is high enough, best first."""
        tracks = self._tracks
        chosen = np.flatnonzero(scores >= FOUND)
        chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
        levels = np.maximum(shifted(scores[chosen], FOUND, self._cloud_threshold), self._cloud_threshold).tolist()
        labels, boxes = tracks.labels[chosen].tolist(), np.clip(tracks.boxes[chosen], 0, 1).tolist()
        return [Detection(label, score, *box) for label, score, box in zip(labels, levels, boxes, strict=True)]

    def _trust(self) -> float:
        """How much the cloud's last word counts now, 0..1."""
        return self._fading(HOLD_STEPS, FADE_STEPS)

    def _fading(self, hold: int, fade: int) -> float:
        """1 for `hold` steps after the newest that the cloud has seen, 0 after `fade` more; 0 before the first."""
        if self._newest_used is None:
            return 0.0
        age = self._step - self._newest_used
        return min(1.0, max(0.0, 1 - (age - hold) / fade))

    def _to_now(self, boxes: Boxes, step: int) -> Boxes:
        """Boxes of `step` carried to the newest one."""
        for later, past in self._past.items():
            if later > step:
                boxes = carried(boxes, past.view.flow)
        return boxes


def _in_frame(boxes: Boxes) -> NDArray[np.bool_]:
    """[n] whether enough of each box lies within the frame."""
    size, shown = boxes[:, 2:] - boxes[:, :2], np.clip(boxes, 0, 1)
    visible = (shown[:, 2:] - shown[:, :2]).prod(axis=1)
    kept: NDArray[np.bool_] = (size.min(axis=1) > LEAST_SIDE) & (visible > LEAST_VISIBLE * size.prod(axis=1))
    return kept
