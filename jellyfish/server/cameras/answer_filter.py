"""What of a model's answer one camera is told, by its settings: classes, least score, masks and zones. Pure."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from jellyfish.config import CameraSettings
from jellyfish.core import Answer, ClassScore, Detection
from jellyfish.protocol.wire import MAX_CONTROL_BYTES
from jellyfish.server.cameras.areas import Area

BOX_BYTES = 160
"""Of a detection in a message, at most."""
BESIDE_BYTES = 4096
"""Of all else in the message, at most."""


class Kept(NamedTuple):
    """An answer without what is not to be told."""

    detections: tuple[Detection, ...]
    scores: tuple[ClassScore, ...]
    zones: tuple[tuple[str, ...], ...] = ()
    """For each detection those that it stands in; empty where none stands in any."""


class AnswerFilter:
    """One camera's, made for its settings and the classes of the model."""

    def __init__(self, settings: CameraSettings, classes: tuple[str, ...]) -> None:
        self._settings, self._classes = settings, classes
        wanted = settings.classes
        self._labels = frozenset(label for label, name in enumerate(classes) if not wanted or name in wanted)
        self._masks = tuple(map(Area, settings.masks))
        self._zones = tuple((zone.name, Area(zone.polygon)) for zone in settings.zones)
        self._passes_all = settings == CameraSettings(importance=settings.importance)
        names_bytes = len(msgspec.json.encode([zone.name for zone in settings.zones]))
        # A message has its bounds: where boxes and the zones of each might exceed them the least sure ones are left out
        self._most = (MAX_CONTROL_BYTES - BESIDE_BYTES) // (BOX_BYTES + names_bytes)

    def holds(self, settings: CameraSettings, classes: tuple[str, ...]) -> bool:
        """Whether it is the one for these."""
        return self._settings is settings and self._classes is classes

    def kept(self, answer: Answer) -> Kept:
        """What is told of `answer`."""
        if self._passes_all:
            return Kept(answer.detections, answer.scores)
        detections = tuple(filter(self._is_told, answer.detections))
        scores = tuple(filter(self._is_wanted, answer.scores))
        if not self._zones:
            return Kept(detections, scores)
        detections = detections[: self._most]
        zones = tuple(map(self._zones_of, detections))
        return Kept(detections, scores, zones if any(zones) else ())

    def _is_wanted(self, found: Detection | ClassScore) -> bool:
        return found.score >= self._settings.min_score and found.label in self._labels

    def _is_told(self, box: Detection) -> bool:
        return self._is_wanted(box) and not any(foot(box) in mask for mask in self._masks)

    def _zones_of(self, box: Detection) -> tuple[str, ...]:
        place = foot(box)
        return tuple(name for name, area in self._zones if place in area)


def foot(box: Detection) -> tuple[float, float]:
    """Where what is in a box stands: the middle of its lower side."""
    return (box.left + box.right) / 2, box.bottom
