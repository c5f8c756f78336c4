"""What `benchmarks.real_cameras` makes of what it saw, and what `benchmarks.demo_live` has served: pure parts alone."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.demo_live import configuration, make_clips
from benchmarks.rtsp.seen import Fault, Seen, Told, growth, harm, miss_percent
from jellyfish.server.cameras.entries import read_entries


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The demo's clips, and the names of its cameras."""
    folder = tmp_path_factory.mktemp("demo")
    return folder, make_clips(folder)


def told(at_s: float, age_ms: float | None = 80.0, on_time: bool = True, true_s: float | None = None) -> Told:
    return Told(at_s, at_s - (age_ms or 100.0) / 1000, age_ms, on_time and age_ms is not None, true_s)


def steady(until_s: int, age_ms: float = 80.0) -> list[Told]:
    return [told(float(second), age_ms) for second in range(until_s)]


def test_answers_that_grow_old_are_found() -> None:
    older = [told(second, 80 + second / 10) for second in range(600)]
    assert growth(Seen(older), 0, 600, 60, lambda each: each.age_ms) == pytest.approx(1.63, abs=0.02)
    assert growth(Seen(steady(600)), 0, 600, 60, lambda each: each.age_ms) == pytest.approx(1.0)


def test_a_camera_is_back_with_the_first_answer_to_what_it_captured_since() -> None:
    fault = Fault("gate", "freezes", 10.0, 20.0)
    seen = Seen([told(9.0), told(20.05), told(20.2, None), told(21.5), told(22.0)])  # the second is of before
    assert seen.back_after_s(fault) == pytest.approx(1.5)
    assert Seen([told(9.0)]).back_after_s(fault) == math.inf
    assert seen.longest_pause_s(8.0, 23.0) == pytest.approx(11.05)


def test_harm_is_what_is_worse_in_the_time_of_others_faults() -> None:
    rest, inside = steady(100), [told(200.0 + number, 120.0, number % 10 != 0) for number in range(100)]
    more, times = harm(Seen([*rest, *inside]), [(200.0, 300.0)])
    assert (more, times) == (pytest.approx(10.0), pytest.approx(1.5))
    assert miss_percent(rest) == 0


def test_what_a_picture_tells_is_held_against_what_the_server_says() -> None:
    seen = told(10.0, 80.0, true_s=9.9)
    assert seen.true_age_ms == pytest.approx(100)
    assert seen.error_ms == pytest.approx(20)
    assert told(10.0).error_ms is None


def test_the_demo_has_four_cameras_that_a_server_takes(shown: tuple[Path, list[str]]) -> None:
    folder, names = shown
    cameras = read_entries(tomllib.loads(configuration(names, 8554))["cameras"])
    assert [camera.name for camera in cameras] == names and len(names) == 4
    assert all(
        camera.source is not None and camera.source.url.startswith("rtsp://127.0.0.1:8554/") for camera in cameras
    )
    assert {path.stem for path in folder.glob("*.mp4")} == set(names)


def test_the_fourth_camera_shows_a_clip_the_other_way_round(shown: tuple[Path, list[str]]) -> None:
    first = {}
    for name in ("junction", "mirror"):
        with av.open(str(shown[0] / f"{name}.mp4")) as video:
            first[name] = next(video.decode(video=0)).to_ndarray(format="gray").astype(float)
    assert np.abs(first["mirror"][:, ::-1] - first["junction"]).mean() < 5
    assert np.abs(first["mirror"] - first["junction"]).mean() > 20
