"""What became of one frame, for those who watch; and that as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import msgspec

from jellyfish.core import ClassScore, Detection, InputSize

_ENCODER = msgspec.json.Encoder()
MOST_CARRIED_S = 1.0
"""Boxes are carried forward over so much time; what moves on the same way for longer is not known."""
Sides = tuple[float, ...]
"""Left, top, right, bottom; shares of the frame, or of it in a second."""


@dataclass(frozen=True)
class Seen:
    """One frame that arrived at the server, and its answer, or why it has none. Moments are on the server's clock."""

    camera: str
    """The stream's own name, under which nobody else streams now."""
    called: str
    """What the camera calls itself: a number may be behind it in `camera`, where its former connection is half dead."""
    frame: int
    captured_s: float
    captured_unix_s: float
    """The same moment by the machine's clock, in seconds since 1970."""
    answered_s: float
    """When the camera probably has the answer, or learns that there is none."""
    slo_s: float
    missed: str = ""
    """Why there is no answer (`jellyfish.core.Reason`); empty where there is one."""
    variant: str = ""
    """What ran, e.g. `w100e1-320`."""
    size: InputSize | None = None
    """What that takes, in pixels."""
    classes: tuple[str, ...] = ()
    """Names by label."""
    detections: tuple[Detection, ...] = ()
    scores: tuple[ClassScore, ...] = ()
    """Of a classifier, likeliest first."""
    zones: tuple[tuple[str, ...], ...] = ()
    """For each detection: the names of the zones it is in. Empty where the camera has none."""
    tracks: tuple[int | None, ...] = ()
    """For each detection: which object it is; None for one that is not followed (yet). Empty where nothing is."""
    speeds: tuple[Sides | None, ...] = ()
    """For each detection: by how much each side moves in a second, as shares of the frame; None as in `tracks`."""
    carried_s: float = 0.0
    """How far boxes were carried forward from where they were in the frame."""
    jpeg: bytes | None = None
    """The frame's picture, as the camera sent it; None for whoever did not ask for it."""

    @property
    def age_s(self) -> float:
        """From capture until the camera has the answer."""
        return self.answered_s - self.captured_s

    @property
    def on_time(self) -> bool:
        """Whether there is an answer, and within its SLO."""
        return not self.missed and self.age_s <= self.slo_s

    @cached_property
    def without_picture(self) -> Seen:
        """The same; made once for all who want no picture."""
        return self if self.jpeg is None else replace(self, jpeg=None)

    @cached_property
    def json(self) -> bytes:
        """As docs/watching.md says; written once for all who are told of it."""
        return _ENCODER.encode(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """The same before it is written."""
        told: dict[str, Any] = {"camera": self.camera, "frame": self.frame, "captured": iso(self.captured_unix_s)}
        if self.missed:
            return told | {"missed": self.missed}
        told |= {
            "age_ms": round(1000 * self.age_s, 1),
            "slo_ms": round(1000 * self.slo_s, 1),
            "on_time": self.on_time,
            "variant": self.variant,
        }
        if self.size is not None:
            told["size"] = [self.size.width, self.size.height]
        if self.carried_s:
            told["carried_ms"] = round(1000 * self.carried_s, 1)
        if self.scores:
            told["scores"] = [{"label": self.label(one.label), "score": round(one.score, 4)} for one in self.scores]
        else:
            told["detections"] = [self._told(index, one) for index, one in enumerate(self.detections)]
        return told

    def carried_to(self, now: float) -> Seen:
        """With boxes where things probably are `now`: each goes on as it moved. Those that are not followed stay.

        Made once for all who are told within the same millisecond.
        """
        ahead_s = round(min(max(0.0, now - self.captured_s), MOST_CARRIED_S), 3)
        if self.missed:
            return self
        if ahead_s not in self._carried:
            speeds = self.speeds or (None,) * len(self.detections)
            moved = (_moved(one, speed, ahead_s) for one, speed in zip(self.detections, speeds, strict=True))
            self._carried[ahead_s] = replace(self, detections=tuple(moved), carried_s=ahead_s)
        return self._carried[ahead_s]

    @cached_property
    def _carried(self) -> dict[float, Seen]:
        """By how far."""
        return {}

    def label(self, number: int) -> str:
        """The class's name."""
        return self.classes[number] if number < len(self.classes) else str(number)

    def _told(self, index: int, one: Detection) -> dict[str, Any]:
        told: dict[str, Any] = {
            "label": self.label(one.label),
            "score": round(one.score, 4),
            "box": rounded((one.left, one.top, one.right, one.bottom)),
        }
        if index < len(self.tracks) and self.tracks[index] is not None:
            told["track"] = self.tracks[index]
        if index < len(self.zones) and self.zones[index]:
            told["zones"] = self.zones[index]
        return told


def _moved(one: Detection, speed: Sides | None, ahead_s: float) -> Detection:
    if speed is None:
        return one
    there = zip((one.left, one.top, one.right, one.bottom), speed, strict=True)
    left, top, right, bottom = (min(max(side + by * ahead_s, 0.0), 1.0) for side, by in there)
    return Detection(one.label, one.score, left, top, max(left, right), max(top, bottom))


def iso(unix_s: float) -> str:
    """A moment in seconds since 1970 as ISO 8601 has it, in UTC, to the millisecond."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rounded(sides: Sequence[float]) -> list[float]:
    """Shares of the frame, to a fifth of a pixel of a large one."""
    return [round(side, 4) for side in sides]
