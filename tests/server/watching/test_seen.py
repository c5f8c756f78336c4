"""The JSON that watchers get."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from jellyfish.core import ClassScore, Detection, InputSize
from jellyfish.server.watching.seen import Seen

CAR, PERSON = Detection(2, 0.91234, 0.1, 0.2, 0.33333, 0.4), Detection(0, 0.5, 0.0, 0.0, 1.0, 1.0)
SEEN = Seen(
    "gate", "gate", 812, captured_s=10.0, captured_unix_s=1_796_032_800.123, answered_s=10.0842, slo_s=0.1,
    variant="w100e1-320", size=InputSize(320, 192), classes=("person", "bicycle", "car"),
    detections=(CAR, PERSON), jpeg=b"picture",
)  # fmt: skip


def test_an_answer() -> None:
    assert msgspec.json.decode(SEEN.json) == {
        "camera": "gate", "frame": 812, "captured": "2026-11-30T10:00:00.123Z", "age_ms": 84.2, "slo_ms": 100.0,
        "on_time": True, "variant": "w100e1-320", "size": [320, 192],
        "detections": [
            {"label": "car", "score": 0.9123, "box": [0.1, 0.2, 0.3333, 0.4]},
            {"label": "person", "score": 0.5, "box": [0.0, 0.0, 1.0, 1.0]},
        ],
    }  # fmt: skip


def test_tracks_and_zones_stand_where_there_are_some() -> None:
    told = msgspec.json.decode(replace(SEEN, tracks=(17, None), zones=((), ("gate", "road"))).json)
    car, person = told["detections"]
    assert (car["track"], "zones" in car) == (17, False)
    assert ("track" in person, person["zones"]) == (False, ["gate", "road"])


def test_a_miss_says_why_and_no_more() -> None:
    missed = replace(SEEN, missed="overload", detections=())
    assert not missed.on_time
    assert msgspec.json.decode(missed.json) == {
        "camera": "gate", "frame": 812, "captured": "2026-11-30T10:00:00.123Z", "missed": "overload",
    }  # fmt: skip


def test_a_late_answer_is_not_on_time() -> None:
    late = replace(SEEN, answered_s=10.11)
    assert not late.on_time and msgspec.json.decode(late.json)["age_ms"] == 110.0


def test_a_classifiers_answer_has_scores() -> None:
    told = msgspec.json.decode(replace(SEEN, detections=(), scores=(ClassScore(1, 0.75),)).json)
    assert told["scores"] == [{"label": "bicycle", "score": 0.75}] and "detections" not in told
