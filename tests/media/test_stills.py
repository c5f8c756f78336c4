"""Single images in the forms that requests bring them in, and what is no image."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jellyfish.core import InputSize
from jellyfish.errors import ImageError
from jellyfish.media.decoding_cost import weighed
from jellyfish.media.decoding_still import decode_still
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.media.png_header import PNG_SIGNATURE, decodable_png, read_png_header
from jellyfish.media.still import Pixels, Png

GRADIENT: NDArray[np.uint8] = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
SIZE = InputSize(64, 64)


def png(image: NDArray[np.uint8] = GRADIENT, mode: str = "RGB", notes: PngInfo | None = None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, "PNG", pnginfo=notes)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)


def claimed(width: int, height: int, bits: int = 8, kind: int = 2) -> bytes:
    """A PNG of a few bytes that says to be of that size."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def test_pixels_and_a_png_of_them_are_the_same_image() -> None:
    for still in (Pixels(GRADIENT), Png(png()), Pixels(GRADIENT.transpose(2, 0, 1).copy().transpose(1, 2, 0))):
        image = decode_still(still, 100)
        assert (image == GRADIENT).all()
        assert image.flags.c_contiguous


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1"])
def test_pngs_of_other_kinds_come_out_in_colours(mode: str) -> None:
    assert decode_still(Png(png(mode=mode)), 100).shape == (40, 60, 3)


def test_a_decoder_sees_no_notes_of_a_png() -> None:
    notes = PngInfo()
    notes.add_text("Comment", "x" * 10_000_000, zip=True)
    data = png(notes=notes)
    seen = decodable_png(data, read_png_header(data))
    assert b"zTXt" in data
    assert b"zTXt" not in seen
    assert (decode_still(Png(data), 100) == GRADIENT).all()


def test_a_png_larger_than_allowed_is_refused_by_its_header() -> None:
    with pytest.raises(ImageError, match="50000 x 50000 pixels; at most 4096") as refused:
        decode_still(Png(claimed(50_000, 50_000)), 4096)
    assert refused.value.reason == "image_too_large"
    with pytest.raises(ImageError, match="60 x 40 pixels"):
        decode_still(Pixels(GRADIENT), 50)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GIF89a", "begin"),
        (png()[:60], "cut off"),
        (PNG_SIGNATURE + chunk(b"IDAT", b""), "header is not where"),
        (PNG_SIGNATURE + chunk(b"IHDR", b"123"), "header is broken"),
        (PNG_SIGNATURE, "cut off"),
        (claimed(0, 5), "no pixels"),
        (claimed(5, 5, bits=16, kind=0), "16 bits"),
        (claimed(5, 5) + b"more", ""),
        (claimed(500, 500), "truncated or broken"),
        (claimed(5, 5, kind=7), "truncated or broken"),
        (claimed(5, 5)[:8] + chunk(b"IHDR", claimed(5, 5)[16:29]) * 2, "header is not where"),
    ],
)
def test_what_is_no_png_is_told_so(data: bytes, why: str) -> None:
    if not why:
        assert decode_still(Png(data), 4096).shape == (5, 5, 3)
        return
    with pytest.raises(ImageError, match=why) as refused:
        decode_still(Png(data), 4096)
    assert refused.value.reason == "bad_image"


def test_what_a_still_costs_follows_its_pixels_not_its_bytes() -> None:
    large = weighed(Png(claimed(4096, 4096)), SIZE).megapixels
    assert large > 60
    assert weighed(Png(png()), SIZE).megapixels > weighed(encode_jpeg(GRADIENT), SIZE).megapixels
    assert weighed(Pixels(GRADIENT), SIZE).megapixels < weighed(Png(png()), SIZE).megapixels
