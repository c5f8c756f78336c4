"""The strip of pictures after a run: of each camera the newest frame in which something was found in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jellyfish.config import CameraConfig
from jellyfish.core import Detection, Outcome
from jellyfish.media.draw import TILE_PX
from jellyfish.media.picture import read_picture
from jellyfish.media.video_writer import write_video
from jellyfish.modes.seen import MOST_CAMERAS, Seen
from jellyfish.results.records import FrameRecord

FPS, FRAMES = 4, 40
FOUND = (Detection(2, 0.9, 0.6, 0.6, 0.9, 0.9),)
CORNER = (slice(5, 40), slice(5, 40))
"""Of a picture: where no box is."""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Frame n is of grey 5 n."""
    path = tmp_path / "grey.mp4"
    write_video(path, (np.full((96, 160, 3), 5 * number, np.uint8) for number in range(FRAMES)), FPS, 160, 96)
    return path


def cameras(clip: Path, count: int) -> list[CameraConfig]:
    return [CameraConfig(f"camera-{number}", clip, FPS, 0.15, "none", 0.0, number) for number in range(count)]


def record(camera: int, frame: int, outcome: Outcome = Outcome.ON_TIME) -> FrameRecord:
    words = {"client": f"camera-{camera}", "variant": "w025e1-128"}
    return FrameRecord(**words, frame=frame, captured_s=frame / FPS, outcome=outcome, slo_ms=150, e2e_ms=40.0)


def test_each_camera_shows_the_newest_frame_in_which_something_was_found_in_time(clip: Path, tmp_path: Path) -> None:
    seen = Seen(cameras(clip, 2))
    for camera in (0, 1):
        seen.add(record(camera, 1), FOUND)
        seen.add(record(camera, 3), FOUND)
        seen.add(record(camera, 4), ())
        seen.add(record(camera, 5, Outcome.LATE), FOUND)
    assert seen.write(tmp_path / "seen.png")
    strip = read_picture(tmp_path / "seen.png")
    assert strip.shape[1] == 2 * TILE_PX
    assert strip.shape[0] > TILE_PX * 96 / 160  # words below
    first, second = strip[CORNER], strip[:, TILE_PX:][CORNER]
    assert abs(first.mean() - 5 * 3) < 3
    assert abs(second.mean() - 5 * (3 + FRAMES // 2)) < 3  # the second camera of a clip starts in its middle


def test_more_cameras_than_fit_are_left_out(clip: Path, tmp_path: Path) -> None:
    seen = Seen(cameras(clip, MOST_CAMERAS + 1))
    for camera in range(MOST_CAMERAS + 1):
        seen.add(record(camera, 0), FOUND)
    assert seen.write(tmp_path / "seen.png")
    assert read_picture(tmp_path / "seen.png").shape[1] == MOST_CAMERAS * TILE_PX


def test_no_file_is_left_where_nothing_was_found(clip: Path, tmp_path: Path) -> None:
    seen = Seen(cameras(clip, 1))
    seen.add(record(0, 0), ())
    assert not seen.write(tmp_path / "seen.png")
    assert not (tmp_path / "seen.png").exists()
