"""The clip of objects seen from close by."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from jellyfish.camera.sources.file import VideoSource
from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.lab.classification.clip import LEAST_SHOT_FRAMES, SIDE, make_objects_clip
from jellyfish.media.labels import Info, labels_path, save_labels
from jellyfish.media.video_writer import write_video

FRAMES, WIDTH, HEIGHT = 24, 320, 180
NAMES = ("person", "car")
SHIPPED = Path(__file__).parents[3] / "videos" / "classification" / "objects.mp4"


def street(path: Path, size: float = 0.3, classes: tuple[str, ...] = NAMES) -> Path:
    """A clip with a car that crosses it, and its labels."""
    cars = [LabelledObject(7, 1, left := 0.02 * number, 0.3, left + size, 0.3 + size) for number in range(FRAMES)]
    images = (np.full((HEIGHT, WIDTH, 3), 90, np.uint8) for _ in range(FRAMES))
    write_video(path, images, 30, WIDTH, HEIGHT)
    save_labels(labels_path(path), [[car] for car in cars], classes, WIDTH, HEIGHT, Info("a car"))
    return path


def test_an_object_is_shown_for_as_long_as_it_can_be_seen_and_labelled_where_it_is(tmp_path: Path) -> None:
    clip = tmp_path / "objects.mp4"
    make_objects_clip(clip, [street(tmp_path / "street.mp4")], Console(quiet=True))
    with VideoSource(clip) as source:
        assert (source.width, source.height, source.classes) == (SIDE, SIDE, NAMES)
        assert source.labels is not None
        assert len(source.labels) == source.frames == FRAMES
        for things in source.labels:
            (thing,) = things
            assert (thing.label, thing.ignore) == (1, False)
            assert thing.right - thing.left > 0.4
            assert 0 <= thing.top < thing.bottom <= 1


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    target, console = tmp_path / "objects.mp4", Console(quiet=True)
    far = street(tmp_path / "far.mp4", size=0.05)
    with pytest.raises(
        InputError, match=f"no object in these videos is 30 pixels large for {LEAST_SHOT_FRAMES} frames"
    ):
        make_objects_clip(target, [far], console)
    other = street(tmp_path / "other.mp4", classes=("cat", "dog"))
    with pytest.raises(InputError, match="labelled with other classes"):
        make_objects_clip(target, [far, other], console)
    labels_path(far).unlink()
    with pytest.raises(InputError, match="has no labels beside it"):
        make_objects_clip(target, [far], console)
    assert not target.exists()


def test_the_clip_that_ships_shows_every_class_and_is_small() -> None:
    assert SHIPPED.stat().st_size + labels_path(SHIPPED).stat().st_size < 1_000_000
    with VideoSource(SHIPPED) as source:
        assert source.labels is not None
        shown = [things[0].label for things in source.labels]
        assert {*shown} == {*range(len(source.classes))}
        assert max(shown.count(label) for label in {*shown}) < 0.3 * len(shown)
