"""What of a model's answer one camera is told, by its settings: classes, least score, masks and zones. Pure."""

from __future__ import annotations

from itertools import compress
from typing import NamedTuple

import msgspec
import numpy as np

from jellyfish.config import CameraSettings
from jellyfish.core import Answer, ClassScore, Detection
from jellyfish.protocol.wire import MAX_CONTROL_BYTES
from jellyfish.server.cameras.areas import Areas

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
        polygons = [*settings.masks, *(zone.polygon for zone in settings.zones)]
        self._areas = Areas(polygons) if polygons else None
        self._passes_all = settings == CameraSettings(importance=settings.importance)
        names_bytes = len(msgspec.json.encode([zone.name for zone in settings.zones]))
        # A message has its bounds: where boxes and the zones of each might exceed them the least sure ones are left out
        self._most = (MAX_CONTROL_BYTES - BESIDE_BYTES) // (BOX_BYTES + names_bytes) if settings.zones else None

    def holds(self, settings: CameraSettings, classes: tuple[str, ...]) -> bool:
        """Whether it is the one for these."""
        return self._settings is settings and self._classes is classes

    def kept(self, answer: Answer) -> Kept:
        """What is told of `answer`."""
        if self._passes_all:
            return Kept(answer.detections, answer.scores)
        detections = tuple(filter(self._is_wanted, answer.detections))
        scores = tuple(filter(self._is_wanted, answer.scores))
        if self._areas is None or not detections:
            return Kept(detections, scores)
        masked, zones = self._standing(self._areas, detections)
        told = [index for index in range(len(detections)) if not masked[index]][: self._most]
        zones_told = tuple(zones[index] for index in told) if any(zones[index] for index in told) else ()
        return Kept(tuple(detections[index] for index in told), scores, zones_told)

    def _is_wanted(self, found: Detection | ClassScore) -> bool:
        return found.score >= self._settings.min_score and found.label in self._labels

    def _standing(self, areas: Areas, boxes: tuple[Detection, ...]) -> tuple[list[bool], list[tuple[str, ...]]]:
        """Of each box: whether it stands in a mask, and in which zones."""
        inside, masks = areas.around([foot(box) for box in boxes]), len(self._settings.masks)
        masked: list[bool] = np.any(inside[:, :masks], axis=1).tolist()
        zones = [zone.name for zone in self._settings.zones]
        return masked, [tuple(compress(zones, row)) for row in inside[:, masks:].tolist()]


def foot(box: Detection) -> tuple[float, float]:
    """Where what is in a box stands: the middle of its lower side."""
    return (box.left + box.right) / 2, box.bottom
