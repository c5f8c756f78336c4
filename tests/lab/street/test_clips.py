"""Videos: writing, reading back, looping, damage and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.camera.sources.file import VideoSource
from jellyfish.errors import InputError
from jellyfish.lab.street import StreetScene
from jellyfish.lab.street.clips import SHIPPED, Clip, make_street_video
from jellyfish.media.label_reader import read_labels
from jellyfish.media.labels import labels_path
from jellyfish.media.video_writer import write_video

FRAMES, FPS = 20, 10


def shades() -> Iterator[NDArray[np.uint8]]:
    """Frames that tell their index by their brightness."""
    for index in range(FRAMES):
        yield np.full((48, 64, 3), 20 + 10 * index, np.uint8)


def index_of(image: NDArray[np.uint8]) -> int:
    return round((float(image.mean()) - 20) / 10)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "shades.mp4"
    write_video(path, shades(), FPS, 64, 48, crf=18)
    return path


def test_a_written_video_tells_its_size_and_length(clip: Path) -> None:
    with VideoSource(clip) as source:
        assert (source.width, source.height, source.frames) == (64, 48, FRAMES)
        assert source.fps == FPS
        assert source.duration_s == 2.0
        assert source.labels is None


def test_each_time_shows_its_frame(clip: Path) -> None:
    with VideoSource(clip) as source:
        for wanted in range(FRAMES):
            index, image = source.frame_at(wanted / FPS + 0.04)
            assert image.shape == (48, 64, 3)
            assert index == index_of(image) == wanted


def test_frames_may_be_skipped_and_asked_for_twice(clip: Path) -> None:
    with VideoSource(clip) as source:
        assert [index_of(source.frame_at(time_s)[1]) for time_s in (0.3, 0.3, 1.1, 1.9)] == [3, 3, 11, 19]


def test_the_video_starts_again_at_its_end(clip: Path) -> None:
    with VideoSource(clip) as source:
        for time_s, wanted in ((1.95, 19), (2.0, 0), (2.51, 5), (4.1, 1), (41.2, 12)):
            index, image = source.frame_at(time_s)
            assert index == index_of(image) == wanted


def test_skipping_over_many_rounds_never_shows_a_stale_frame(clip: Path) -> None:
    random = np.random.default_rng(0)
    with VideoSource(clip) as source:
        for time_s in np.cumsum(random.uniform(0.0, 1.4, 200)):
            index, image = source.frame_at(float(time_s))
            assert index_of(image) == index


def test_colours_survive(tmp_path: Path) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32] = (200, 60, 40)
    image[:, 32:] = (30, 80, 190)
    write_video(tmp_path / "a.mp4", [image] * 3, 10, 64, 48, crf=10)
    with VideoSource(tmp_path / "a.mp4") as source:
        back = source.frame_at(0.1)[1]
    assert np.abs(back[10, 8].astype(int) - (200, 60, 40)).max() < 8
    assert np.abs(back[10, 56].astype(int) - (30, 80, 190)).max() < 8


def test_damaged_packets_are_passed_over(clip: Path, tmp_path: Path) -> None:
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 900
    data[start : start + 200] = bytes(200)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    with VideoSource(damaged) as source:
        for number in range(3 * FRAMES):
            index, image = source.frame_at(number / FPS)
            assert index == number % FRAMES
            assert image.shape == (48, 64, 3)


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no video file"):
        VideoSource(tmp_path / "none.mp4")
    with pytest.raises(InputError, match="it is a folder"):
        VideoSource(tmp_path)
    text = tmp_path / "text.mp4"
    text.write_text("not a video at all")
    with pytest.raises(InputError, match="not a video that FFmpeg can open"):
        VideoSource(text)


def test_a_file_without_pictures_is_refused(tmp_path: Path) -> None:
    import wave

    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(InputError, match="holds no video"):
        VideoSource(path)


def test_labels_of_another_length_are_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    path.write_bytes(clip.read_bytes())
    make_street_video(tmp_path / "other.mp4", Clip("roadside", 1, duration_s=0.2, width=64, height=36))
    labels_path(tmp_path / "other.mp4").rename(labels_path(path))
    with pytest.raises(InputError, match=r"labels 6 frames, but short.mp4 has 20"):
        VideoSource(path)


def test_a_street_video_comes_with_the_labels_of_its_scene(tmp_path: Path) -> None:
    path = tmp_path / "street.mp4"
    steps: list[tuple[int, int]] = []
    make_street_video(path, Clip("town", 5, duration_s=0.2), lambda done, total: steps.append((done, total)))
    assert steps == [(done, 6) for done in range(1, 7)]
    scene = StreetScene(5, layout="town")
    with VideoSource(path) as source:
        assert source.labels is not None
        assert len(source.labels) == source.frames == 6
        image, objects = scene.frame(4)
        _, back = source.frame_at(4 / 30)
        assert {thing.track for thing in source.labels[4]} <= {thing.track for thing in objects}
        wanted = {thing.track for thing in objects if not thing.ignore}
        assert {thing.track for thing in source.labels[4] if not thing.ignore} == wanted
    assert np.abs(back.astype(int) - image).mean() < 8


def test_the_same_clip_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_street_video(tmp_path / f"{name}.mp4", Clip("roadside", 2, duration_s=0.2, width=160, height=90))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert (tmp_path / "a.labels.json").read_bytes() == (tmp_path / "b.labels.json").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.labels.json", "a.mp4", "b.labels.json", "b.mp4"]


def test_impossible_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames"):
        make_street_video(tmp_path / "a.mp4", Clip("town", 1, duration_s=0.0))
    with pytest.raises(InputError, match="must be even"):
        write_video(tmp_path / "a.mp4", shades(), FPS, 63, 48)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_video(tmp_path / "file" / "a.mp4", shades(), FPS, 64, 48)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_shipped_clips_are_what_the_table_says(name: str) -> None:
    path = Path(__file__).parents[3] / "videos" / f"{name}.mp4"
    shipped = SHIPPED[name]
    with VideoSource(path) as source:
        assert (source.width, source.height, source.fps) == (shipped.width, shipped.height, shipped.fps)
        assert source.frames == round(shipped.duration_s * shipped.fps)
        image, objects = StreetScene(shipped.seed, layout=shipped.layout).frame(0)
        _, back = source.frame_at(0.0)
    first = read_labels(labels_path(path)).objects[1]
    assert {thing.track for thing in first if not thing.ignore} == {t.track for t in objects if not t.ignore}
    assert np.abs(back.astype(int) - image).mean() < 8
