"""Pictures the right way up, whatever says which way that is."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from jellyfish.core import InputSize
from jellyfish.media.decoding_cost import weighed
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.media.jpeg_header import read_header
from jellyfish.media.orientation import exif_orientation, matrix_orientation
from jellyfish.media.upright import upright

EIGHT = range(1, 9)
CORNERS = np.zeros((48, 96, 3), np.uint8)
CORNERS[:24, :48] = (250, 0, 0)
CORNERS[24:, :48] = (0, 250, 0)
CORNERS[:24, 48:] = (0, 0, 250)

LARGEST = InputSize(448, 256)


def photograph(orientation: int, image: NDArray[np.uint8] = CORNERS, **more: Any) -> bytes:
    data, exif = io.BytesIO(), Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = orientation
    Image.fromarray(image).save(data, "JPEG", exif=exif, quality=95, subsampling=0, **more)
    return data.getvalue()


@pytest.mark.parametrize("orientation", EIGHT)
def test_a_jpeg_is_seen_as_pillow_shows_it(orientation: int) -> None:
    data = photograph(orientation)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert np.array_equal(decode_jpeg(data, 96, 96), wanted)
    assert read_header(data).seen == (wanted.shape[1], wanted.shape[0])


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_one_that_lies_on_its_side_is_no_smaller_than_the_canvas_takes(orientation: int) -> None:
    data = photograph(orientation, np.zeros((600, 1000, 3), np.uint8))
    width, height = read_header(data).seen
    image = decode_jpeg(data, 4096, 4096, LARGEST)
    fitted = LARGEST.fitted(width, height)
    assert (image.shape[1], image.shape[0]) == (width // 2, height // 2)
    assert image.shape[1] >= fitted[0] and image.shape[0] >= fitted[1]
    assert weighed(data, LARGEST).megapixels < weighed(data, LARGEST).whole_megapixels


def test_the_largest_side_is_one_that_a_person_sees() -> None:
    assert decode_jpeg(photograph(6), max_width=48, max_height=96).shape == (96, 48, 3)


@pytest.mark.parametrize(
    "note",
    [
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(100),
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0",
    ],
)
def test_a_broken_note_says_upright(note: bytes) -> None:
    assert exif_orientation(note) == 1


def test_both_orders_of_bytes_are_read() -> None:
    assert exif_orientation(b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0") == 6
    assert exif_orientation(b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0") == 6


@pytest.mark.parametrize("orientation", EIGHT)
def test_a_display_matrix_turns_as_exif_does(orientation: int) -> None:
    """Where the corners go is computed from the matrix alone, and by turning the picture."""
    (x_x, x_y), (y_x, y_y) = {
        1: ((1, 0), (0, 1)),
        2: ((-1, 0), (0, 1)),
        3: ((-1, 0), (0, -1)),
        4: ((1, 0), (0, -1)),
        5: ((0, 1), (1, 0)),
        6: ((0, 1), (-1, 0)),
        7: ((0, -1), (-1, 0)),
        8: ((0, -1), (1, 0)),
    }[orientation]
    assert matrix_orientation([x_x << 16, x_y << 16, 0, y_x << 16, y_y << 16, 0, 0, 0, 1 << 30]) == orientation
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)
    turned = upright(image, orientation)
    for row in range(2):
        for column in range(3):
            x, y = column * x_x + row * y_x, column * x_y + row * y_y  # a negative one counts from the far side
            x, y = (x if x_x + y_x > 0 else x - 1), (y if x_y + y_y > 0 else y - 1)
            assert turned[y, x, 0] == image[row, column, 0]
