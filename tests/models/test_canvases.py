"""Frames are fitted to the canvas, detections are mapped back to the frame."""

from __future__ import annotations

import numpy as np
import pytest

from jellyfish.core import Answer, Detection, InputSize
from jellyfish.models.canvases import on_canvases
from jellyfish.models.model import Image

SIZE = InputSize(256, 160)


def image_with_box(height: int, width: int) -> Image:
    """Dark, bright from a quarter to three quarters across and from the middle to the bottom."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[height // 2 :, width // 4 : 3 * width // 4] = 255
    return image


def bright(canvas: Image) -> Detection:
    """The bounding box of the bright pixels."""
    height, width, _ = canvas.shape
    rows, columns = np.nonzero(canvas.min(axis=2) > 200)
    sides = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
    return Detection(2, 0.5, *map(float, sides))


@pytest.mark.parametrize("shape", [(72, 128), (720, 1280), (480, 640), (1280, 720), (24, 32)])
def test_boxes_are_shares_of_the_image_whatever_its_shape(shape: tuple[int, int]) -> None:
    canvases = on_canvases([image_with_box(*shape)], SIZE)
    [answer] = canvases.answers([[bright(canvas)] for canvas in canvases.pixels])
    (box,) = answer.detections
    assert (box.label, box.score) == (2, 0.5)
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((0.25, 0.5, 0.75, 1.0), abs=0.05)


def test_boxes_are_cut_at_the_padding_and_left_out_inside_it() -> None:
    everything = [Detection(0, 1.0, 0.0, 0.0, 1.0, 1.0), Detection(1, 1.0, 0.9, 0.0, 1.0, 1.0)]
    [answer] = on_canvases([image_with_box(640, 480)], SIZE).answers([everything])
    assert answer == Answer((Detection(0, 1.0, 0.0, 0.0, 1.0, 1.0),))


def test_images_of_different_sizes_make_one_batch() -> None:
    canvases = on_canvases([image_with_box(72, 128), image_with_box(480, 640)], SIZE)
    assert canvases.pixels.shape == (2, 160, 256, 3)
    assert canvases.pixels[1, :, 250:].max() == 0
    assert len(canvases.answers([[], []])) == 2
