"""What of a run is shown as pictures, and that they are of the moments that were answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import CameraConfig
from jellyfish.core import Detection, Outcome
from jellyfish.media.strip import GAP_PX, TILE_WIDTH_PX, WORDS_HEIGHT_PX, Tile, strip
from jellyfish.media.video_writer import write_video
from jellyfish.modes.pictures import MOST_CAMERAS, Moments, write_pictures
from jellyfish.modes.run import EndedFrame
from jellyfish.results.records import FrameRecord
from tests.report.runs import frame

BOX = (Detection(0, 0.9, 0.25, 0.25, 0.75, 0.75),)
NAMES = ("kite",)


def ended(record: FrameRecord, found: tuple[Detection, ...] = BOX) -> EndedFrame:
    return EndedFrame(record, found, NAMES, 0.0)


def camera(name: str, video: Path = Path("a.mp4"), fps: float = 10.0) -> CameraConfig:
    return CameraConfig(name, video, fps, 0.1, "none", 0.0, 0)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four seconds that grow lighter by the frame: 40, 44, ... of 255."""
    path = tmp_path / "grey.mp4"
    write_video(path, (np.full((90, 160, 3), 40 + 4 * index, np.uint8) for index in range(40)), 10, 160, 90)
    return path


def test_one_answer_of_each_part_is_picked_and_rather_one_with_something_in_it() -> None:
    moments = Moments([camera("camera-0")], 3.0)
    for number in range(30):
        moments.add(ended(frame(number=number, miss=number < 5), BOX if number in (7, 15) else ()))
    assert [(shown.record.frame, bool(shown.detections)) for shown in moments.of("camera-0")] == [
        (7, True), (15, True), (20, False),
    ]  # fmt: skip


def test_late_answers_and_cameras_beyond_the_few_are_not_kept() -> None:
    cameras = [camera(f"camera-{number}") for number in range(9)] + [camera("other", Path("b.mp4"))]
    moments = Moments(cameras, 3.0)
    assert [each.name for each in moments.cameras] == ["camera-0", "camera-1", "camera-2", "other"]
    assert len(moments.cameras) == MOST_CAMERAS
    moments.add(ended(frame("camera-0", outcome=Outcome.LATE)))
    moments.add(ended(frame("camera-8")))
    assert not moments.of("camera-0")


def test_the_pictures_are_of_the_frames_that_were_answered(tmp_path: Path, clip: Path) -> None:
    moments = Moments([camera("camera-0", clip, fps=5.0)], 3.0)
    for number in (0, 5, 10):
        moments.add(ended(frame(number=number, captured_s=number / 5)))
    said = write_pictures(tmp_path, moments, {"camera-0": 1.0}, VideoSource)
    assert said.endswith(str(tmp_path / "pictures.jpg"))
    with Image.open(tmp_path / "pictures.jpg") as image:
        pixels = np.asarray(image)
    assert pixels.shape == (270 + WORDS_HEIGHT_PX, 3 * TILE_WIDTH_PX + 2 * GAP_PX, 3)
    corners = [int(pixels[10, column * (TILE_WIDTH_PX + GAP_PX) + 10, 0]) for column in range(3)]
    assert corners == pytest.approx([80, 120, 160], abs=6)  # 1, 2 and 3 seconds into the clip


def test_nothing_is_written_where_nothing_was_answered_or_the_video_is_gone(tmp_path: Path) -> None:
    moments = Moments([camera("camera-0", tmp_path / "gone.mp4")], 3.0)
    assert write_pictures(tmp_path, moments, {"camera-0": 0.0}, VideoSource) == ""
    moments.add(ended(frame()))
    assert "gone.mp4" in write_pictures(tmp_path, moments, {"camera-0": 0.0}, VideoSource)
    assert not list(tmp_path.iterdir())


def test_rows_of_different_lengths_and_shapes_make_one_picture() -> None:
    wide, tall = np.zeros((90, 160, 3), np.uint8), np.zeros((160, 90, 3), np.uint8)
    sheet = strip([[Tile(wide, BOX, NAMES, "a"), Tile(tall, (), NAMES, "b")], [Tile(wide, (), (), "c")]])
    heights = round(160 * TILE_WIDTH_PX / 90), 270
    assert sheet.shape == (sum(heights) + 2 * WORDS_HEIGHT_PX + GAP_PX, 2 * TILE_WIDTH_PX + GAP_PX, 3)
    assert (sheet[:270, :TILE_WIDTH_PX] > 100).any(), "the box is drawn"
