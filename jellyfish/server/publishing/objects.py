"""When tracked objects come, enter or leave a zone, and go: messages as users of NVRs know them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from jellyfish.core import Detection
from jellyfish.server.watching.seen import Seen, rounded

SURE = 3
"""Answers that must have shown an object before it is told of: of one or two it may be a mistake."""
GONE_S = 2.0
"""An object that no answer has shown for so long is gone."""
MOST_OBJECTS = 256
"""Of one camera, at a time; further ones are not told of."""


@dataclass(frozen=True, slots=True)
class TrackedObject:
    """An object as it was last seen. Moments are in seconds since 1970."""

    id: str
    """Of no other object, not even after the server was started anew."""
    camera: str
    label: str
    began_unix_s: float
    last_unix_s: float
    score: float
    top_score: float
    box: list[float]
    zones: tuple[str, ...]
    entered: tuple[str, ...]
    """All zones that it has been in."""
    answers: int = 1
    """That have shown it."""
    ended: bool = False

    @property
    def is_told_of(self) -> bool:
        """Whether it is taken for real."""
        return self.answers >= SURE

    def told(self) -> dict[str, Any]:
        """The keys of a message."""
        return {
            "id": self.id,
            "camera": self.camera,
            "label": self.label,
            "frame_time": round(self.last_unix_s, 3),
            "start_time": round(self.began_unix_s, 3),
            "end_time": round(self.last_unix_s, 3) if self.ended else None,
            "score": self.score,
            "top_score": self.top_score,
            "box": self.box,
            "current_zones": list(self.zones),
            "entered_zones": list(self.entered),
        }


class CameraObjects:
    """One camera's."""

    def __init__(self, camera: str) -> None:
        self._camera = camera
        self._here: dict[int, TrackedObject] = {}

    def saw(self, seen: Seen) -> list[dict[str, Any]]:
        """What is to be told of this answer."""
        now_s = seen.captured_unix_s
        messages = [
            message
            for index, track in enumerate(seen.tracks)
            if track is not None and index < len(seen.detections)
            for message in self._saw(track, seen, index)
        ]
        gone = [track for track, one in self._here.items() if one.last_unix_s < now_s - GONE_S]
        return messages + self._ended(gone)

    def nothing(self) -> list[dict[str, Any]]:
        """The camera is not there any more, nor what it saw."""
        return self._ended(list(self._here))

    def _saw(self, track: int, seen: Seen, index: int) -> Iterator[dict[str, Any]]:
        before = self._here.get(track)
        if before is None and len(self._here) >= MOST_OBJECTS:
            return
        zones = seen.zones[index] if index < len(seen.zones) else ()
        one = self._newer(track, before, seen, seen.detections[index], zones)
        self._here[track] = one
        if before is None or not one.is_told_of:
            return
        if not before.is_told_of:
            yield {"type": "new", "before": before.told(), "after": one.told()}
        elif set(before.zones) != set(zones):
            yield {"type": "update", "before": before.told(), "after": one.told()}

    def _newer(
        self, track: int, before: TrackedObject | None, seen: Seen, found: Detection, zones: tuple[str, ...]
    ) -> TrackedObject:
        now_s, score = seen.captured_unix_s, round(found.score, 4)
        box = rounded((found.left, found.top, found.right, found.bottom))
        if before is None:
            name, label = f"{now_s:.3f}-{track}", seen.label(found.label)
            return TrackedObject(name, self._camera, label, now_s, now_s, score, score, box, zones, zones)
        return replace(
            before,
            last_unix_s=now_s,
            answers=before.answers + 1,
            score=score,
            top_score=max(score, before.top_score),
            box=box,
            zones=zones,
            entered=(*before.entered, *(zone for zone in zones if zone not in before.entered)),
        )

    def _ended(self, tracks: list[int]) -> list[dict[str, Any]]:
        gone = [self._here.pop(track) for track in tracks]
        return [
            {"type": "end", "before": one.told(), "after": replace(one, ended=True).told()}
            for one in gone
            if one.is_told_of
        ]  # fmt: skip
