"""Fused detections: the small network's of every step and the large network's of some, which come late. Pure.

Objects are followed from step to step along the optical flow. What the cloud said of an earlier step is carried to
now along the same flow; there it confirms, corrects and adds, and what it did not confirm is held back. Between its
answers its word stands. Knows images, detections and step numbers; networks, links and clocks it may not know.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from jellyfish.core import Detection
from jellyfish.errors import InputError
from jellyfish.fusion.association import paired
from jellyfish.fusion.motion import Boxes, Motion, View, carried, likeness, patches
from jellyfish.fusion.tracks import FOUND, Found, Tracks, found, shifted

HISTORY_STEPS = 60
"""Answers for older steps come too late: what was there has mostly left or changed."""

LOCAL_SCORE_THRESHOLD = 0.25
"""What `step` wants from the small network: below its serving threshold, as weak detections keep objects alive."""

MOST_OBJECTS = 100
"""Of either network in a step, as many as the engine gives at the most; twice as many are followed."""

MEMORY = 0.5
"""Share of the past in the smoothed local score."""

LOCAL_BOX_SHARE = 0.4
"""Share of the small network's box in that of an object the cloud does not vouch for."""

CLOUD_MEMORY = 0.33
"""Share of the past when the cloud answers: published (Clownfish, SEC 2020), and best here as well."""

LOCAL_VOTE = 0.1
"""What the small network's score counts for the class of such an object, at each step."""

STRANGER = 0.75
"""What a local detection counts that came up after the cloud's last look, while the cloud's word stands."""

BIAS, LIKE, LOC, CLD = -1.1, 2.76, 1.88, 0.88
DENY0, DENY1 = 0.0, 0.3
BOX_MEMORY = 0.0

HOLD_STEPS, LETTING_GO_STEPS = 45, 30
"""The cloud's word stands so long, and then fades. Sooner costs more objects that are there than it drops others."""

_FAINT = 0.05
_LEAST_VISIBLE = 0.25
_LEAST_SIDE = 0.003


class DetectionFusion:
    """The fused detections of one stream, step by step."""

    def __init__(self, local_threshold: float, cloud_threshold: float) -> None:
        """`local_threshold`, `cloud_threshold`: serving thresholds of the two networks, within 0..1.

        Fused scores are on the cloud's scale: all that is returned scores at least `cloud_threshold`.
        """
        for threshold in (local_threshold, cloud_threshold):
            if not 0 < threshold < 1:
                raise InputError(f"a score threshold lies between 0 and 1, not at {threshold:g}")
        self._local_threshold, self._cloud_threshold = local_threshold, cloud_threshold
        self._motion = Motion()
        self._views: OrderedDict[int, View] = OrderedDict()
        self._tracks = Tracks.none()
        self._newest_used: int | None = None
        self._step = -1
        self.gain = 0.0
        self.similarity = 1.0

    def step(self, step: int, image: NDArray[np.uint8], local: Sequence[Detection]) -> list[Detection]:
        """The fused detections of `step`, from its RGB image [height, width, 3] and what the small network found.

        `local` should reach down to LOCAL_SCORE_THRESHOLD. Raises InputError for a step that is not newer.
        """
        if step <= self._step:
            raise InputError(f"step {step} comes after step {self._step}: steps must rise")
        self._step = step
        self._advance(self._motion.see(image))
        self._follow(found(local, self._local_threshold, MOST_OBJECTS))
        return self._fused()

    def answer(self, step: int, cloud: Sequence[Detection]) -> bool:
        """Take in the cloud's answer for an earlier step, or the newest; it takes effect in the next `step`.

        False for a step beyond the history or not newer than the one last answered: nothing changes then.
        """
        if step not in self._views or (self._newest_used is not None and step <= self._newest_used):
            return False
        self._newest_used = step
        seen = found(cloud, self._cloud_threshold, MOST_OBJECTS)
        looks = patches(self._views[step].grey, seen.boxes)
        self._judge(Found(self._to_now(seen.boxes, step), seen.labels, seen.scores), looks, step)
        return True

    def _advance(self, view: View) -> None:
        """One step on: objects move with the flow, and those that left the frame are forgotten."""
        self._views[self._step] = view
        if len(self._views) > HISTORY_STEPS:
            self._views.popitem(last=False)
        self._tracks.boxes = carried(self._tracks.boxes, view.flow)
        self._tracks = self._tracks.only(_in_frame(self._tracks.boxes))

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
        own = ~tracks.judged[i] | (self._trust() == 0)
        i, j = i[own], j[own]
        tracks.votes[i] += LOCAL_VOTE * seen.votes()[j]
        tracks.boxes[i] += np.float32(LOCAL_BOX_SHARE) * (seen.boxes[j] - tracks.boxes[i])
        self._tracks = tracks.joined(Tracks.of_local(new, self._step))

    def _judge(self, seen: Found, looks: NDArray[np.float32], step: int) -> None:
        """Take in what the cloud found in `step`, carried to now."""
        tracks = self._tracks
        i, j = paired(tracks.boxes, tracks.labels, seen.boxes, seen.labels)
        known = tracks.born <= step
        known[i] = False
        tracks.cloud[known] *= CLOUD_MEMORY
        tracks.patches[known] = patches(self._views[self._step].grey, tracks.boxes[known])
        past = np.where(tracks.judged[i], tracks.cloud[i], seen.scores[j])
        tracks.cloud[i] = np.maximum(CLOUD_MEMORY * past + (1 - CLOUD_MEMORY) * seen.scores[j], FOUND)
        tracks.votes[i] = CLOUD_MEMORY * tracks.votes[i] + (1 - CLOUD_MEMORY) * seen.votes()[j]
        share = np.where(tracks.judged[i] & (tracks.cloud[i] > 0), BOX_MEMORY, 0.0)[:, None].astype(np.float32)
        tracks.boxes[i] = share * tracks.boxes[i] + (1 - share) * seen.boxes[j]
        tracks.patches[i] = looks[j]
        tracks.judged[i] = tracks.judged[known] = True
        new = np.setdiff1d(np.arange(len(seen)), j)
        self._tracks = tracks.joined(Tracks.of_cloud(seen.only(new), step, looks[new]))

    def _fused(self) -> list[Detection]:
        """What counts as found now; what is hardly believed in is forgotten."""
        trust, tracks = self._trust(), self._tracks
        own = tracks.local * np.where(tracks.judged, 1.0, 1.0 - trust * (1.0 - STRANGER))
        alike = likeness(tracks.patches, patches(self._views[self._step].grey, tracks.boxes))
        told = expit(BIAS + LIKE * alike + LOC * tracks.local + CLD * logit(np.clip(tracks.cloud, 0.001, 0.999)))
        confirmed = tracks.cloud >= FOUND
        word = trust * np.where(confirmed, 1.0, np.clip((alike - DENY0) / (DENY1 - DENY0), 0, 1))
        scores = np.where(tracks.judged, word * np.where(confirmed, told, 0.0) + (1 - word) * own, own)
        answer = self._answered(scores)
        alive = np.maximum(tracks.local, word * confirmed * told) > _FAINT
        self._tracks = tracks.only(np.flatnonzero(alive)[-2 * MOST_OBJECTS :])
        return answer

    def _answered(self, scores: NDArray[np.float64]) -> list[Detection]:
        """Objects whose score [n] is high enough, best first."""
        tracks = self._tracks
        chosen = np.flatnonzero(scores >= FOUND)
        chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
        levels = shifted(scores[chosen], FOUND, self._cloud_threshold).tolist()
        labels, boxes = tracks.labels[chosen].tolist(), np.clip(tracks.boxes[chosen], 0, 1).tolist()
        return [Detection(label, score, *box) for label, score, box in zip(labels, levels, boxes, strict=True)]

    def _trust(self) -> float:
        """How much the cloud's last word counts now, 0..1."""
        if self._newest_used is None:
            return 0.0
        age = self._step - self._newest_used
        return min(1.0, max(0.0, 1 - (age - HOLD_STEPS) / LETTING_GO_STEPS))

    def _to_now(self, boxes: Boxes, step: int) -> Boxes:
        """Boxes of `step` carried to the newest one."""
        for later, view in self._views.items():
            if later > step:
                boxes = carried(boxes, view.flow)
        return boxes


def _in_frame(boxes: Boxes) -> NDArray[np.bool_]:
    """[n] whether enough of each box lies within the frame."""
    size, shown = boxes[:, 2:] - boxes[:, :2], np.clip(boxes, 0, 1)
    visible = (shown[:, 2:] - shown[:, :2]).prod(axis=1)
    kept: NDArray[np.bool_] = (size.min(axis=1) > _LEAST_SIDE) & (visible > _LEAST_VISIBLE * size.prod(axis=1))
    return kept
