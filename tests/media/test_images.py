"""JPEG and resizing: round trips, refusals, and the way back from a canvas to the frame."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jellyfish.errors import ImageError
from jellyfish.lab.street import StreetScene
from jellyfish.media.jpeg import decode_jpeg, encode_jpeg
from jellyfish.media.resize import PADDING, fit, letterbox

PICTURE = StreetScene(1, 320, 180).frame(0)[0]
JPEG = encode_jpeg(PICTURE)


def refusal(data: bytes, side: int = 4096) -> str:
    with pytest.raises(ImageError) as caught:
        decode_jpeg(data, side, side)
    return caught.value.reason


def test_a_picture_survives_jpeg_with_its_channels_in_order() -> None:
    back = decode_jpeg(JPEG, 320, 180)
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - PICTURE).mean() < 4
    red = decode_jpeg(encode_jpeg(np.full((16, 16, 3), (250, 20, 30), np.uint8)), 16, 16)
    assert red[8, 8, 0] > 200 > 80 > red[8, 8, 2]


def test_lower_quality_gives_fewer_bytes() -> None:
    assert len(encode_jpeg(PICTURE, 40)) < len(JPEG) / 2


def test_grey_jpegs_come_as_rgb() -> None:
    data = io.BytesIO()
    Image.fromarray(PICTURE[..., 0]).save(data, "JPEG")
    image = decode_jpeg(data.getvalue(), 320, 180)
    assert image.shape == (180, 320, 3)
    assert np.array_equal(image[..., 0], image[..., 2])


@pytest.mark.parametrize("limit", [(319, 180), (320, 179)])
def test_too_large_an_image_is_refused_by_its_header(limit: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="320 x 180") as caught:
        decode_jpeg(JPEG, *limit)
    assert caught.value.reason == "image_too_large"


def test_a_decompression_bomb_is_refused_without_a_warning() -> None:
    header = bytearray(JPEG)
    frame = header.index(b"\xff\xc0")
    header[frame + 5 : frame + 9] = (60_000).to_bytes(2, "big") * 2
    assert refusal(bytes(header), side=59_999) == "image_too_large"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_image_is_refused(share: float) -> None:
    assert refusal(JPEG[: int(len(JPEG) * share)]) == "bad_image"


@given(data=st.binary(max_size=400))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    assert refusal(data) == "bad_image"


@given(cut=st.integers(2, 700), tail=st.binary(max_size=300))
def test_a_broken_header_is_refused_or_decoded_but_raises_nothing_else(cut: int, tail: bytes) -> None:
    try:
        image = decode_jpeg(JPEG[:cut] + tail, 640, 640)
    except ImageError as error:
        assert error.reason in ("bad_image", "image_too_large")
    else:
        assert image.ndim == 3


def test_a_png_is_no_jpeg() -> None:
    data = io.BytesIO()
    Image.fromarray(PICTURE).save(data, "PNG")
    assert refusal(data.getvalue()) == "bad_image"


def test_damage_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        data = bytearray(JPEG)
        for place in random.integers(700, len(data) - 2, 10):
            data[place] = random.integers(256)
        try:
            decode_jpeg(bytes(data), 320, 180)
        except ImageError as error:
            assert error.reason == "bad_image"
    assert capfd.readouterr().err == ""


def test_fit_averages_areas_and_leaves_the_right_size_alone() -> None:
    stripes = np.zeros((8, 8, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.all(fit(stripes, 4, 4) == 100)
    assert fit(stripes, 8, 8) is stripes
    assert fit(stripes, 16, 12).shape == (12, 16, 3)


sides = st.integers(8, 400)


@given(width=sides, height=sides, canvas_width=sides, canvas_height=sides, x=st.floats(0, 1), y=st.floats(0, 1))
def test_a_point_on_the_canvas_maps_back_to_its_place_in_the_frame(
    width: int, height: int, canvas_width: int, canvas_height: int, x: float, y: float
) -> None:
    frame = np.zeros((height, width, 3), np.uint8)
    canvas, x_factor, y_factor = letterbox(frame, canvas_height, canvas_width)
    assert canvas.shape == (canvas_height, canvas_width, 3)
    inner_width, inner_height = canvas_width / x_factor, canvas_height / y_factor
    assert inner_width == pytest.approx(canvas_width) or inner_height == pytest.approx(canvas_height)
    assert x * inner_width / canvas_width * x_factor == pytest.approx(x, abs=1e-9)
    assert y * inner_height / canvas_height * y_factor == pytest.approx(y, abs=1e-9)
    assert np.all(canvas[: round(inner_height), : round(inner_width)] == 0)
    assert np.all(canvas[round(inner_height) :] == PADDING)
    assert np.all(canvas[:, round(inner_width) :] == PADDING)


def test_a_marked_pixel_is_found_again_through_the_canvas() -> None:
    frame = np.zeros((360, 640, 3), np.uint8)
    frame[200:210, 500:510] = 255
    canvas, x_factor, y_factor = letterbox(frame, 192, 320)
    rows, columns = np.nonzero(canvas[:180, :, 0] > 200)
    assert columns.mean() / 320 * x_factor * 640 == pytest.approx(504.5, abs=1.5)
    assert rows.mean() / 192 * y_factor * 360 == pytest.approx(204.5, abs=1.5)
