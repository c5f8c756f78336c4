"""What a hub tells of frames, made by hand."""

from __future__ import annotations

from typing import Any

from jellyfish.core import Detection, InputSize
from jellyfish.server.watching.seen import Seen

CLASSES = ("person", "car")
UNIX_S = 1.8e9


def box(label: str, score: float = 0.9, left: float = 0.1) -> Detection:
    return Detection(CLASSES.index(label), score, left, 0.2, left + 0.1, 0.4)


def seen(time_s: float, *detections: Detection, camera: str = "gate", frame: int = 0, **fields: Any) -> Seen:
    """A frame that was captured at `time_s` and answered 40 ms later."""
    known: dict[str, Any] = {
        "camera": camera, "called": camera, "frame": frame, "captured_s": time_s,
        "captured_unix_s": UNIX_S + time_s, "answered_s": time_s + 0.04, "slo_s": 0.1, "variant": "w100e1-320",
        "size": InputSize(320, 192), "classes": CLASSES, "detections": detections,
    }  # fmt: skip
    return Seen(**(known | fields))


def missed(time_s: float, camera: str = "gate") -> Seen:
    return seen(time_s, camera=camera, missed="overload")
