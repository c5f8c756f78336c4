"""Streaming accuracy: what a viewer has at hand when it matters, frame after frame. Pure; one score per client.

Source: Li, Wang and Ramanan, "Towards Streaming Perception" (ECCV 2020), with a frame's deadline in the place
of its capture time: each captured frame is scored with the newest answer that has come when its deadline
passes. Newest is by capture, and the answer may be of another frame.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from jellyfish.core import Detection, LabelledObject
from jellyfish.evaluation.judging import Judge
from jellyfish.evaluation.matching import Counts, match


class StreamingScore:
    """Holds the frames whose deadline is still to come (few: SLO times frame rate) and one answer."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        """Of the answers and deadlines from now on: the model that answers may become another one."""
        self.counts = Counts(0, 0, 0)
        """Over the frames whose deadline has passed."""
        self._waiting: list[tuple[float, int, Sequence[LabelledObject]]] = []
        self._newest_frame = -1
        self._answer: Sequence[Detection] = ()

    def captured(self, frame: int, deadline_s: float, objects: Sequence[LabelledObject]) -> None:
        """A frame was captured in which `objects` are to be found by `deadline_s`. Frames have rising numbers."""
        heapq.heappush(self._waiting, (deadline_s, frame, objects))

    def answered(self, frame: int, received_s: float, detections: Sequence[Detection]) -> None:
        """An answer came; answers must be told in the order of `received_s`. A drop is not an answer."""
        self.advance(received_s)
        if frame > self._newest_frame:
            self._newest_frame = frame
            self._answer = self.judge.spoken_of(detections)

    def advance(self, now: float) -> None:
        """Score the frames whose deadline is before `now`; `math.inf` at the end of a run."""
        while self._waiting and self._waiting[0][0] < now:
            _, _, objects = heapq.heappop(self._waiting)
            counts = match(self._answer, self.judge.asked_for(objects))
            self.counts = Counts(self.counts.tp + counts.tp, self.counts.fp + counts.fp, self.counts.fn + counts.fn)
