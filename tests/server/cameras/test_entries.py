"""What is said about a camera in keys, and what that means."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec
import pytest

from jellyfish.config import CameraSettings, ServedCamera, SourceConfig, Zone
from jellyfish.errors import InputError
from jellyfish.server.cameras.entries import changed, entry_from, entry_of, read_entries, served

SITE = """
[[cameras]]
name = "gate"
url = "rtsp://10.0.0.7/stream"
fps = 15
slo_ms = 100
target = 99
transport = "udp"
rotate = 90
classes = ["car", "bus"]
min_score = 0.5
masks = [[[0, 0], [1, 0], [1, 0.2], [0, 0.2]]]
importance = 2

[[cameras.zones]]
name = "drive"
polygon = [[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]]

[[cameras]]
name = "phone"
min_score = 0.3
"""
TRIANGLE = [[0, 0], [1, 0], [1, 1]]


def test_tables_of_a_file_are_cameras_with_settings_and_sources() -> None:
    gate, phone = read_entries(tomllib.loads(SITE)["cameras"])
    assert gate.source == SourceConfig("gate", "rtsp://10.0.0.7/stream", 0.1, 15.0, 99.0, "udp", 90)
    assert gate.settings == CameraSettings(
        ("car", "bus"),
        0.5,
        (((0, 0), (1, 0), (1, 0.2), (0, 0.2)),),
        (Zone("drive", ((0.1, 0.5), (0.9, 0.5), (0.9, 1), (0.1, 1))),),
        2.0,
    )
    assert phone == ServedCamera("phone", CameraSettings(min_score=0.3))


def test_what_is_left_out_is_as_usual_and_what_is_written_back_means_the_same() -> None:
    plain = served(entry_from({"name": "gate", "url": "rtsp://10.0.0.7/"}))
    assert plain == ServedCamera("gate", CameraSettings(), SourceConfig("gate", "rtsp://10.0.0.7/"))
    for camera in (plain, *read_entries(tomllib.loads(SITE)["cameras"])):
        assert served(entry_from(msgspec.to_builtins(entry_of(camera)))) == camera


def test_a_change_of_some_keys_leaves_the_others_and_none_takes_one_back() -> None:
    gate, _ = read_entries(tomllib.loads(SITE)["cameras"])
    entry = changed(entry_of(gate), {"min_score": 0.7, "zones": None, "fps": None, "name": "gate"})
    assert (entry.min_score, entry.zones, entry.fps, entry.slo_ms) == (0.7, (), None, 100)
    with pytest.raises(InputError, match="keeps its name"):
        changed(entry, {"name": "door"})


def test_a_camera_that_is_fetched_no_more_keeps_its_settings_alone() -> None:
    gate, _ = read_entries(tomllib.loads(SITE)["cameras"])
    camera = served(changed(entry_of(gate), {"url": None}))
    assert (camera.source, camera.settings) == (None, gate.settings)
    with pytest.raises(InputError, match="slo_ms has no effect without url"):
        served(changed(entry_of(gate), {"url": None, "slo_ms": 90}))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"nam": "x"}, ["camera number 2", "unknown field `nam`"]),
        ({"name": ""}, ["camera number 2", "`name`"]),
        ({"name": "a\nb"}, ["`name`"]),
        ({"name": "x" * 65}, ["`name`"]),
        ({"name": "gate"}, ["two cameras are called 'gate'"]),
        ({"name": "x", "url": ""}, ["camera 'x'", "`url`"]),
        ({"name": "x", "url": "rtsp://h/", "fps": 0}, ["`fps`"]),
        ({"name": "x", "url": "rtsp://h/", "fps": float("nan")}, ["`fps`"]),
        ({"name": "x", "url": "rtsp://h/", "slo_ms": 60_001}, ["`slo_ms`"]),
        ({"name": "x", "url": "rtsp://h/", "rotate": 45}, ["`rotate`"]),
        ({"name": "x", "url": "rtsp://h/", "transport": "carrier"}, ["`transport`"]),
        ({"name": "x", "fps": 15}, ["fps has no effect without url"]),
        ({"name": "x", "min_score": 1.01}, ["`min_score`"]),
        ({"name": "x", "min_score": float("nan")}, ["`min_score`"]),
        ({"name": "x", "importance": 0}, ["`importance`"]),
        ({"name": "x", "classes": "car"}, ["`classes`"]),
        ({"name": "x", "masks": [TRIANGLE[:2]]}, ["`masks"]),
        ({"name": "x", "masks": [[[0, 0], [1, 0], [1, 2]]]}, ["shares of the frame"]),
        ({"name": "x", "masks": [[[0, 0], [1, 0], [1, float("nan")]]]}, ["shares of the frame"]),
        ({"name": "x", "masks": [[[0, 0], [1, 1], [0.5, 0.5]]]}, ["encloses nothing"]),
        ({"name": "x", "masks": [TRIANGLE] * 100}, ["300 corners"]),
        ({"name": "x", "zones": [{"name": "a", "polygon": TRIANGLE}] * 2}, ["two zones are called 'a'"]),
        ({"name": "x", "zones": [{"name": f"{n:02}" * 15, "polygon": TRIANGLE} for n in range(20)]}, ["too long"]),
        ({"name": "x", "zones": [{"polygon": TRIANGLE}]}, ["`name`"]),
    ],
)
def test_what_is_wrong_is_said_with_the_camera_and_the_key(told: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        read_entries([{"name": "gate"}, told])
    assert [word for word in words if word not in str(error.value)] == [], str(error.value)


def test_a_table_alone_is_no_list_of_them() -> None:
    with pytest.raises(InputError, match=r"\[\[cameras\]\]"):
        read_entries({"name": "gate"})
