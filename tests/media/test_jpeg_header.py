"""What is known of a JPEG before its pixels: size, scans, cost; and that decoders come to no other opinion of it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.fuzz_jpeg import as_jpeg, changed_at_random, textured
from jellyfish.core import InputSize
from jellyfish.errors import ImageError
from jellyfish.media.decoding_cost import reduction, weighed
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.media.jpeg_header import MOST_SCANS, MOST_SEGMENTS, decodable, read_header
from jellyfish.modes.decoders import decode_frame

LARGEST = InputSize(448, 256)
PICTURE = textured(320, 180, 50.0)
JPEG = as_jpeg(PICTURE, quality=80)
PROGRESSIVE = as_jpeg(PICTURE, quality=80, progressive=True)


def frame_header(data: bytes) -> int:
    return next(place for kind in (b"\xff\xc0", b"\xff\xc2") if (place := data.find(kind)) > 0)


def resized(data: bytes, width: int, height: int) -> bytes:
    sides = frame_header(data) + 5
    return data[:sides] + height.to_bytes(2) + width.to_bytes(2) + data[sides + 4 :]


def repeated(times: int) -> bytes:
    """The progressive picture with its last scan so many times more."""
    start, end = PROGRESSIVE.rfind(b"\xff\xda"), len(PROGRESSIVE) - 2
    return PROGRESSIVE[:end] + PROGRESSIVE[start:end] * times + PROGRESSIVE[end:]


def with_note(data: bytes, marker: int, body: bytes) -> bytes:
    return data[:2] + bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2) + body + data[2:]


def pixels(data: bytes) -> np.ndarray:
    """As Pillow alone decodes them."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize(
    ("data", "scans"),
    [
        (JPEG, 1),
        (PROGRESSIVE, 10),
        (as_jpeg(PICTURE, "L", progressive=True), 6),
        (as_jpeg(PICTURE, "CMYK", progressive=True), 18),
        (repeated(MOST_SCANS - 10), MOST_SCANS),
    ],
)
def test_scans_are_counted(data: bytes, scans: int) -> None:
    header = read_header(data)
    assert (header.width, header.height, header.scans) == (320, 180, scans)
    assert decodable(data, header) is data


def test_too_many_scans_are_refused_with_what_to_send() -> None:
    with pytest.raises(ImageError, match="more than 20 scans: send a baseline JPEG") as caught:
        read_header(repeated(MOST_SCANS - 9))
    assert caught.value.reason == "image_too_large"


def test_thumbnails_and_second_pictures_cost_nothing_and_are_not_decoded() -> None:
    thumbnail = as_jpeg(PICTURE[:40, :40], progressive=True)
    photograph = with_note(PROGRESSIVE, 0xE1, b"Exif\0\0" + thumbnail) + PROGRESSIVE
    header = read_header(photograph)
    assert (header.scans, header.size_bytes) == (10, len(PROGRESSIVE))
    assert decodable(photograph, header) == PROGRESSIVE
    assert np.array_equal(decode_jpeg(photograph, 320, 180), pixels(PROGRESSIVE))


def test_scans_behind_a_hidden_end_are_not_decoded() -> None:
    """A comment between scans that holds an end of the image would stop whoever looks for one, but no decoder."""
    place = PROGRESSIVE.rfind(b"\xff\xda")
    hidden = PROGRESSIVE[:place] + b"\xff\xfe\x00\x04\xff\xd9" + repeated(400)[place:]
    header = read_header(hidden)
    assert header.scans == 9
    assert len(decodable(hidden, header)) < len(PROGRESSIVE)


@pytest.mark.parametrize("marker", [0xE0, 0xEE])
def test_notes_that_say_what_the_colours_are_reach_the_decoder(marker: int) -> None:
    """Adobe's transform 0: the components are red, green and blue as they are."""
    body = b"Adobe\x00\x64\x00\x00\x00\x00\x00" if marker == 0xEE else b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    bare = JPEG[:2] + JPEG[20:]  # without the JFIF segment
    data = with_note(with_note(bare, 0xFE, b"a note"), marker, body)
    assert np.array_equal(decode_jpeg(data, 320, 180), pixels(data))


REFUSALS: list[tuple[str, Callable[[], bytes]]] = [
    ("begin", lambda: b"\x89PNG" + JPEG),
    ("ends within", lambda: JPEG[:100]),
    ("two sizes", lambda: JPEG[:20] + JPEG[frame_header(JPEG) :][:19] + JPEG[20:]),
    ("arithmetically", lambda: JPEG.replace(b"\xff\xc0", b"\xff\xc9", 1)),
    ("12 bits", lambda: JPEG.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c", 1)),
    ("say its size", lambda: resized(JPEG, 320, 0)),
    ("segments", lambda: JPEG[:2] + b"\xff\xfe\x00\x02" * (MOST_SEGMENTS + 1) + JPEG[2:]),
    ("segments", lambda: JPEG[:2] + b"\xff" * 1000 + JPEG[2:]),
    ("before its size", lambda: JPEG[: frame_header(JPEG)] + JPEG[JPEG.find(b"\xff\xda") :]),
]


@pytest.mark.parametrize(("words", "data"), REFUSALS)
def test_what_is_not_decoded_is_refused_in_words(words: str, data: Callable[[], bytes]) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        read_header(data())
    assert caught.value.reason == "bad_image"


@pytest.mark.parametrize("shape", [(448, 252), (252, 448), (448, 448), (640, 360), (128, 72), (895, 503)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_frame_of_a_planned_size_is_decoded_as_it_is(shape: tuple[int, int], progressive: bool) -> None:
    data = as_jpeg(textured(*shape, 50.0), quality=90, progressive=progressive)
    assert np.array_equal(decode_jpeg(data, 4096, 4096, LARGEST), pixels(data))


@given(width=st.integers(1, 8000), height=st.integers(1, 8000))
def test_a_large_frame_is_decoded_no_smaller_than_networks_take(width: int, height: int) -> None:
    divisor = reduction(width, height, LARGEST)
    fitted_width, fitted_height = LARGEST.fitted(width, height)
    assert -(-width // divisor) >= fitted_width and -(-height // divisor) >= fitted_height
    assert divisor == 8 or min(width // fitted_width, height // fitted_height) < 2 * divisor


@pytest.mark.parametrize(("shape", "divisor"), [((1000, 562), 2), ((1920, 1080), 4), ((4000, 40), 8)])
def test_a_large_frame_looks_as_it_did_when_it_was_decoded_whole(shape: tuple[int, int], divisor: int) -> None:
    assert reduction(*shape, LARGEST) == divisor
    data = as_jpeg(textured(*shape, 50.0), quality=90)
    reduced = decode_jpeg(data, 4096, 4096, LARGEST)
    assert reduced.shape[:2] == (-(-shape[1] // divisor), -(-shape[0] // divisor))
    small = np.asarray(Image.fromarray(pixels(data)).resize(reduced.shape[1::-1], Image.Resampling.BOX))
    assert np.abs(reduced.astype(int) - small).mean() < 1.0


def test_costs_of_one_picture_stand_in_the_order_that_was_measured() -> None:
    """In megapixels of a plain photograph: one at its full size; a sixth of it at an eighth; eight times that with ten
    scans."""
    large = resized(JPEG, 4096, 4096)
    plain, progressive = weighed(large, LARGEST), weighed(resized(PROGRESSIVE, 4096, 4096), LARGEST)
    assert plain.whole_megapixels == pytest.approx(16.8 * 0.9, rel=0.05)
    assert plain.megapixels == pytest.approx(16.8 / 6, rel=0.1)
    assert progressive.megapixels > 8 * plain.megapixels
    assert progressive.whole_megapixels == pytest.approx(plain.whole_megapixels, rel=0.02)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_a_jpeg_has_become_it_is_an_image_or_refused(seed: int) -> None:
    data = changed_at_random(seed)
    try:
        image = decode_frame(4096, data, LARGEST)
    except ImageError as error:
        assert error.reason in ("bad_image", "image_too_large")
    else:
        assert image.shape[0] <= 256 and image.shape[1] <= 448 and image.shape[2] == 3


@given(place=st.integers(2, len(JPEG) - 1), piece=st.binary(max_size=40))
def test_a_decoder_sees_the_size_that_was_read(place: int, piece: bytes) -> None:
    data = JPEG[:place] + piece + JPEG[place:]
    try:
        header = read_header(data)
        image = decode_jpeg(data, 4096, 4096)
    except ImageError:
        return
    assert image.shape[:2] == (header.height, header.width)
