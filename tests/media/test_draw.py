"""Boxes and labels drawn on a frame, and image files in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from jellyfish.core import Detection
from jellyfish.errors import InputError
from jellyfish.media.colours import COLOURS, FIRST, colour, palette
from jellyfish.media.draw import draw
from jellyfish.media.picture import is_picture, read_picture, write_picture
from jellyfish.media.video_writer import write_video

GREY: NDArray[np.uint8] = np.full((180, 320, 3), 128, np.uint8)
NAMES = tuple(f"thing {number}" for number in range(80))


def changed(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels that are no longer grey."""
    rows, columns = np.nonzero((image != 128).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_any_number_of_classes_has_colours_that_are_told_apart_and_letters_are_read_on() -> None:
    colours = np.array(palette(), float)
    apart = np.abs(colours[:, None] - colours[None, :]).max(axis=2) + 255 * np.eye(COLOURS)
    assert apart.min() >= 23
    assert (colours @ (0.299, 0.587, 0.114) >= 90).all()
    assert colour(0) == FIRST[0]
    assert colour(COLOURS) == FIRST[0]  # and anew


@pytest.mark.parametrize("label", [*range(6), 79])
def test_a_box_is_drawn_on_its_sides_in_its_classes_colour_and_nothing_inside_it(label: int) -> None:
    image = draw(GREY, [Detection(label, 0.75, 0.25, 0.5, 0.75, 0.9)], NAMES)
    left, top, right, bottom = 80, 90, 239, 161  # shares of 319 and 179
    for x, y in ((left, 120), (right, 120), (160, top), (160, bottom)):
        assert tuple(image[y, x]) == colour(label)
    assert (image[top + 4 : bottom - 4, left + 4 : right - 4] == 128).all()
    drawn_left, drawn_top, drawn_right, drawn_bottom = changed(image)
    assert (drawn_left, drawn_right, drawn_bottom) == (left - 1, right + 1, bottom + 1)
    assert 60 < drawn_top < top  # the label's plate


def test_the_image_given_is_not_changed_and_nothing_found_changes_nothing() -> None:
    given = GREY.copy()
    draw(given, [Detection(0, 0.5, 0.1, 0.1, 0.9, 0.9)], NAMES)
    assert (given == GREY).all()
    assert (draw(given, [], NAMES) == GREY).all()


def test_labels_tell_class_and_score_apart() -> None:
    box = (0.2, 0.5, 0.8, 0.9)
    bare = []  # what of the plate is not covered by letters
    for label, score in ((0, 0.5), (0, 0.9), (4, 0.5)):
        image = draw(GREY, [Detection(label, score, *box)], NAMES)
        bare.append((image[:86] == colour(label)).all(axis=2))
    assert all(plate.sum() > 100 for plate in bare)
    assert (bare[0] != bare[1]).any()
    assert (bare[0] != bare[2]).any()


@pytest.mark.parametrize(
    "sides", [(0.0, 0.0, 1.0, 1.0), (0.9, 0.0, 1.0, 0.1), (0.95, 0.95, 1.0, 1.0), (0.5, 0, 0.5, 0)]
)
def test_a_label_stays_in_the_picture_wherever_the_box_is(sides: tuple[float, float, float, float]) -> None:
    image = draw(GREY, [Detection(3, 1.0, *sides)], NAMES)
    plate = (image == colour(3)).all(axis=2)
    assert image.shape == GREY.shape
    assert plate.sum() > 300  # a plate, not a line alone


def test_of_two_boxes_in_one_place_the_better_is_on_top() -> None:
    sides = (0.2, 0.4, 0.8, 0.9)
    better, worse = Detection(0, 0.9, *sides), Detection(1, 0.3, *sides)
    for pair in ([better, worse], [worse, better]):
        assert tuple(draw(GREY, pair, NAMES)[120, 64]) == colour(0)


def test_an_image_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    image = draw(GREY, [Detection(0, 0.9, 0.1, 0.2, 0.5, 0.8)], NAMES)
    write_picture(tmp_path / "new" / "image.png", image)
    assert is_picture(tmp_path / "new" / "image.png")
    assert (read_picture(tmp_path / "new" / "image.png") == image).all()


def test_a_photograph_taken_sideways_is_turned_the_right_way_up(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise to look at it
    sideways = np.zeros((40, 80, 3), np.uint8)
    sideways[:, :40] = 255
    Image.fromarray(sideways).save(tmp_path / "photo.png", exif=exif)
    upright = read_picture(tmp_path / "photo.png")
    assert upright.shape == (80, 40, 3)
    assert upright[:40].min() == 255
    assert upright[40:].max() == 0


def test_a_video_is_no_picture_and_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", iter([GREY, GREY]), 5, 320, 180)
    assert not is_picture(tmp_path / "clip.mp4")
    with pytest.raises(InputError, match=r"there is no file .*none\.png"):
        is_picture(tmp_path / "none.png")
    write_picture(tmp_path / "whole.png", GREY)
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:200])
    with pytest.raises(InputError, match=r"cannot read .*half\.png"):
        read_picture(tmp_path / "half.png")
    with pytest.raises(InputError, match=r"cannot write the image .*image\.what"):
        write_picture(tmp_path / "image.what", GREY)
