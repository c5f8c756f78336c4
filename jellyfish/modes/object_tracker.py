"""Objects of one camera followed by ByteTrack (Zhang et al., ECCV 2022), which a library has (extra `track`).

Of the libraries that have it and are kept, `edgefirst-tracker` goes by the moments of frames, which do not come evenly
here, and is native: a frame takes some hundredths of a millisecond of the event loop. It needs numpy alone; `trackers`,
as good at it (`python -m benchmarks.tracking`), brings another OpenCV, which replaces the one that servers have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jellyfish.core import Detection

SURE = 0.5
"""Detections from this score on begin objects; those below it only go on with one."""
LEAST_OVERLAP = 0.25
"""Of an object and where it was expected."""
LOST_S = 1.0
"""An object that is not seen for so long is another one when it comes back."""
SPARE_NUMBERS = 256
"""Objects whose numbers are remembered beyond those that are there."""


class ByteTracker:
    """A `jellyfish.server.watching.following.ObjectTracker`."""

    def __init__(self) -> None:
        from edgefirst.tracker import ByteTrack  # an extra, which not everybody has

        self._tracker = ByteTrack(high_conf=SURE, iou=LEAST_OVERLAP, update=1.0, lifespan_ns=round(LOST_S * 1e9))
        self._numbers: dict[str, int] = {}
        """By the library's own name of an object."""
        self._newest = 0

    def update(self, detections: Sequence[Detection], time_s: float) -> list[int | None]:
        """For each detection: the number of its object; None for one that is seen for the first time, which may be a
        mistake, or is doubtful."""
        boxes = np.array([(one.left, one.top, one.right, one.bottom) for one in detections], np.float32).reshape(-1, 4)
        scores = np.array([one.score for one in detections], np.float32)
        labels = np.array([one.label for one in detections], np.uint64)
        found = self._tracker.update(boxes, scores, labels, round(time_s * 1e9))
        again = [None if one is None or one.last_updated == one.created else one.uuid for one in found]
        tracks = [None if uuid is None else self._number(uuid) for uuid in again]
        self._forget()
        return tracks

    def _number(self, uuid: str) -> int:
        number = self._numbers.get(uuid)
        if number is None:
            number = self._numbers[uuid] = self._newest = self._newest + 1
        return number

    def _forget(self) -> None:
        """Numbers of objects that are gone, now and then."""
        if len(self._numbers) > SPARE_NUMBERS:
            there = {one.info.uuid for one in self._tracker.get_active_tracks()}
            self._numbers = {uuid: number for uuid, number in self._numbers.items() if uuid in there}
