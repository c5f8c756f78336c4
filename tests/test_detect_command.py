"""`jellyfish detect`: what is in a video or an image, as COCO results and drawn. With the shipped weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.camera.sources.file import VideoSource
from jellyfish.lab.street import StreetScene
from jellyfish.media.picture import read_picture, write_picture
from jellyfish.media.video_writer import write_video
from jellyfish.models.slimmable.street import CLASSES
from tests.media.films import film

FRAMES = 10
WIDTH, HEIGHT = 426, 239
"""Sides that are no multiples of anything, one of them odd."""
FAST = ("--variant", "w025e1-128", "--score", "0.2")


def detect(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["detect", *(str(argument) for argument in arguments)])


def found(path: Path) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = msgspec.json.decode(path.read_bytes())
    for result in results:
        left, top, width, height = result["bbox"]
        assert 1 <= result["category_id"] <= len(CLASSES)
        assert min(left, top, width, height) >= 0
        assert (left + width, top + height) <= (WIDTH + 0.02, HEIGHT + 0.02)
    return results


def best_car_overlap(results: list[dict[str, Any]], box: tuple[float, float, float, float]) -> float:
    """Largest intersection over union of a car that was found with `box`: left, top, right, bottom in pixels."""
    overlaps = [0.0]
    for left, top, width, height in (r["bbox"] for r in results if r["category_id"] == CLASSES.index("car") + 1):
        across = min(left + width, box[2]) - max(left, box[0])
        down = min(top + height, box[3]) - max(top, box[1])
        shared = max(0.0, across) * max(0.0, down)
        overlaps.append(shared / (width * height + (box[2] - box[0]) * (box[3] - box[1]) - shared))
    return max(overlaps)


@pytest.fixture(scope="module")
def frame() -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(StreetScene(3).frame(0)[0], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory, frame: NDArray[np.uint8]) -> Path:
    path = tmp_path_factory.mktemp("image") / "street.png"
    write_picture(path, frame)
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, frame: NDArray[np.uint8]) -> Path:
    path = tmp_path_factory.mktemp("video") / "street.mp4"
    even = np.ascontiguousarray(frame[: HEIGHT - 1])
    write_video(path, (even for _ in range(FRAMES)), 5, WIDTH, HEIGHT - 1)
    return path


def test_cars_of_an_image_are_where_they_are_in_its_own_pixels(photograph: Path, tmp_path: Path) -> None:
    done = detect(photograph, "--output", tmp_path / "found.json")
    assert done.exit_code == 0, done.output
    results = found(tmp_path / "found.json")
    assert {result["image_id"] for result in results} == {1}
    cars = [o for o in StreetScene(3).frame(0)[1] if CLASSES[o.label] == "car" and o.visible > 0.9 and not o.ignore]
    largest = max(cars, key=lambda o: (o.right - o.left) * (o.bottom - o.top))
    sides = (largest.left * WIDTH, largest.top * HEIGHT, largest.right * WIDTH, largest.bottom * HEIGHT)
    assert best_car_overlap(results, sides) > 0.6
    assert re.search(r"1 frame: .*\d+ car.*; w100e2-448 took [\d.]+ ms per frame", done.output)
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


def test_an_image_is_drawn_as_large_as_it_is(photograph: Path, frame: NDArray[np.uint8], tmp_path: Path) -> None:
    drawn = tmp_path / "folder" / "drawn.png"
    done = detect(photograph, *FAST, "--output", tmp_path / "found.json", "--draw", drawn)
    assert done.exit_code == 0, done.output
    assert found(tmp_path / "found.json")
    assert read_picture(drawn).shape == frame.shape
    assert (read_picture(drawn) != frame).any()


def test_every_frame_of_a_video_is_looked_at_and_drawn(clip: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.mp4"
    done = detect(clip, *FAST, "--output", tmp_path / "found.json", "--draw", drawn)
    assert done.exit_code == 0, done.output
    assert f"{FRAMES} frames: " in done.output
    assert {result["image_id"] for result in found(tmp_path / "found.json")} == set(range(1, FRAMES + 1))
    with VideoSource(drawn) as video:
        assert (video.frames, video.fps, video.width, video.height) == (FRAMES, 5, WIDTH, HEIGHT - 1)


def test_a_drawn_video_shows_each_frame_at_its_time(tmp_path: Path) -> None:
    stamps = [0, 1000, 2000, 2100, 2200]
    film(tmp_path / "varies.mp4", len(stamps), stamps_ms=stamps)
    done = detect(tmp_path / "varies.mp4", *FAST, "--output", tmp_path / "found.json", "--draw", tmp_path / "drawn.mp4")
    assert done.exit_code == 0, done.output
    with VideoSource(tmp_path / "drawn.mp4") as video:
        assert video.frames == len(stamps)
        times_s = [video.contents.timeline.time_of(index) for index in range(video.frames)]
    assert times_s == pytest.approx([stamp / 1000 for stamp in stamps], abs=1e-3)


def test_odd_sides_and_a_single_pixel_are_drawn(tmp_path: Path) -> None:
    for width, height in ((1, 1), (65, 49)):
        path = tmp_path / f"{width}.png"
        pictures = [Image.new("RGB", (width, height), (shade, 90, 90)) for shade in (10, 200)]
        pictures[0].save(path, save_all=True, append_images=pictures[1:])
        done = detect(path, *FAST, "--output", tmp_path / "found.json", "--draw", tmp_path / "drawn.mp4")
        assert done.exit_code == 0, done.output
        with VideoSource(tmp_path / "drawn.mp4") as video:
            assert (video.frames, video.width, video.height) == (2, width + 1, height + 1)


def test_only_what_decodes_is_counted_and_what_is_missing_is_said(tmp_path: Path) -> None:
    path = film(tmp_path / "half.mkv", 36, crf="4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = detect(path, *FAST, "--output", tmp_path / "found.json")
    assert done.exit_code == 0, done.output
    assert re.search(r"^1\d frames: ", done.output, re.MULTILINE)
    assert re.search(r"half.mkv is not whole: it is cut off, 1.\d of 3.6 s are there", done.output)


def test_a_higher_score_leaves_fewer_and_none_is_an_empty_list(photograph: Path, tmp_path: Path) -> None:
    counts = []
    for score in ("0.2", "0.5", "1"):
        done = detect(photograph, "--variant", "w050e2-256", "--score", score, "--output", tmp_path / "found.json")
        assert done.exit_code == 0, done.output
        counts.append(len(found(tmp_path / "found.json")))
    assert counts[0] > counts[1] >= counts[2] == 0
    assert "1 frame: nothing found" in done.output


def test_a_full_disk_is_a_line_and_a_device_is_not_replaced_by_a_file(photograph: Path, tmp_path: Path) -> None:
    full = tmp_path / "full.json"
    full.symlink_to("/dev/full")
    done = detect(photograph, *FAST, "--output", full)
    said = f"error: {full}: cannot be written any more (No space left on device)\n"
    assert (done.exit_code, done.output) == (1, said)
    assert full.is_char_device()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--variant", "w200-999"], "unknown variant 'w200-999': choose one of w025e1-128"),
        (["--draw", "drawn.avi"], "drawn.avi: a drawn video is written as .mp4; name it so"),
        (["--weights", "nowhere.safetensors"], "cannot read the weights nowhere.safetensors"),
        (["--device", "tpu"], "'tpu'"),
        (["--output", "."], "cannot write .: it is a folder"),
        (["--score", "2"], "--score"),
    ],
)
def test_a_wrong_option_is_refused_with_words(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = detect(clip, *options)
    assert done.exit_code == 2
    assert words in " ".join(done.output.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_the_file_to_look_at_is_never_written_over(photograph: Path, tmp_path: Path) -> None:
    before = photograph.read_bytes()
    done = detect(photograph, "--output", tmp_path / "found.json", "--draw", photograph)
    assert done.exit_code == 2
    assert "choose another name" in done.output
    assert photograph.read_bytes() == before


@pytest.mark.parametrize(("output", "drawn"), [("o.mp4", "o.mp4"), ("o.mp4", "./x/../o.mp4"), ("o", "o/o.mp4")])
def test_results_and_what_is_drawn_are_two_files(clip: Path, tmp_path: Path, output: str, drawn: str) -> None:
    done = detect(clip, "--output", tmp_path / output, "--draw", tmp_path / drawn)
    assert done.exit_code == 2
    assert "in each other's way" in done.output
    assert list(tmp_path.iterdir()) == []


def test_what_is_neither_video_nor_image_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    for file in (Path(__file__), tmp_path / "nowhere.mp4"):
        done = detect(file, *FAST, "--output", tmp_path / "found.json")
        assert done.exit_code == 2, done.output
        assert file.name in done.output.replace("\n", "")
    assert list(tmp_path.iterdir()) == []
