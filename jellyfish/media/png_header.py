"""What a PNG says of itself before its pixels, and what of it a decoder is to see. Pure.

A few bytes may stand for any number of pixels, and notes may be packed as tightly: so the size is read from the header,
and a decoder gets the chunks that make up the image and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from jellyfish.errors import ImageError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_CHUNKS = 20_000
"""Encoders cut pixels into pieces of 8 kB and more."""
_KEPT = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_GREY = (0, 4)
_AROUND = 12
"""Bytes of a chunk beside its data: length, name, checksum."""


class PngHeader(NamedTuple):
    """One picture."""

    width: int
    height: int
    kept: tuple[tuple[int, int], ...]
    """Where in the file a decoder has what it needs: (from, to)."""


def read_png_header(data: bytes) -> PngHeader:
    """Read the chunks; no pixel is decoded. ImageError for what is no PNG, or of a kind that is not taken."""
    if not data.startswith(PNG_SIGNATURE):
        raise _bad("it does not begin like one")
    kept = [(0, len(PNG_SIGNATURE))]
    size: tuple[int, int] | None = None
    for number, (name, start, end) in enumerate(_chunks(data)):
        if (name == b"IHDR") != (number == 0):
            raise _bad("its header is not where it belongs")
        if name == b"IHDR":
            size = _size(data[start + 8 : end - 4])
        if name in _KEPT:
            kept.append((start, end))
    assert size is not None  # there is a first chunk, or `_chunks` has raised
    return PngHeader(*size, tuple(kept))


def decodable_png(data: bytes, header: PngHeader) -> bytes:
    """What a decoder is to see of `data`."""
    return b"".join(data[start:end] for start, end in header.kept)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, from, to), up to the end of the picture."""
    start = len(PNG_SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        end = start + _AROUND + int.from_bytes(data[start : start + 4])
        if end > len(data):
            raise _bad("it is cut off")
        name = data[start + 4 : start + 8]
        yield name, start, end
        if name == b"IEND":
            return
        start = end
    raise _bad(f"it has more than {_MOST_CHUNKS} chunks")


def _size(header: bytes) -> tuple[int, int]:
    if len(header) != 13:
        raise _bad("its header is broken")
    width, height, bits, kind = int.from_bytes(header[:4]), int.from_bytes(header[4:8]), header[8], header[9]
    if not (width and height):
        raise _bad("it has no pixels")
    if bits == 16 and kind in _GREY:
        raise _bad("it has 16 bits for each grey: send one with 8")
    return width, height


def _bad(what: str) -> ImageError:
    return ImageError("bad_image", f"not a PNG that can be decoded: {what}")
