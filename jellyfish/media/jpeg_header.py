"""What a JPEG says of itself before its pixels: its size, how it is coded, how often a decoder goes through it. Pure.

A decoder's work is known from here, and bounded: a file may repeat a scan of a few bytes thousands of times, have a
million empty segments or a second frame header. What a decoder gets is `decodable`: the segments that were read here,
and nothing else, so that it cannot come to another opinion of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import mul
from typing import NamedTuple

from jellyfish.errors import ImageError
from jellyfish.media.orientation import EXIF, SIDEWAYS, UPRIGHT, exif_orientation

MOST_SCANS = 20
"""Encoders make ten of a progressive photograph, and up to eighteen with a fourth colour."""
MOST_SEGMENTS = 400
"""Before the pixels: tables, and the notes of cameras, in pieces of 64 kB."""

_START, _FILL = b"\xff\xd8", 0xFF
_START_OF_SCAN, _NO_LENGTH = 0xDA, frozenset((0x00, 0x01, *range(0xD0, 0xD8)))
_SCAN_OR_END, _END_OF_IMAGE = re.compile(b"\xff[\xd9\xda]"), b"\xff\xd9"
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_LEAST_SCAN_BYTES = 5
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_TABLES = frozenset((0xC4, 0xDB, 0xDD))
"""Huffman codes, quantisation, the restart interval."""
_KEPT = _FRAMES | _TABLES
_EXIF_NOTE = 0xE1
_COLOURS = {0xE0: b"JFIF", 0xEE: b"Adobe"}
"""Notes that decide what the components mean."""


class JpegHeader(NamedTuple):
    """One picture as its markers describe it."""

    width: int
    """As it is stored; likewise:"""
    height: int
    progressive: bool
    samples: int
    """Of all components, in whole blocks: what is stored, once."""
    scans: int
    """How often a decoder goes through them, at most."""
    size_bytes: int
    """Of what a decoder reads."""
    kept: tuple[tuple[int, int], ...]
    """Where in the file that is: (from, to)."""
    orientation: int
    """How it is to be turned (see `orientation`)."""

    @property
    def seen(self) -> tuple[int, int]:
        """(width, height) as a person sees it."""
        return (self.height, self.width) if self.orientation >= SIDEWAYS else (self.width, self.height)


_Segment = tuple[int, int, int]
"""Marker, from, to."""


class _Frame(NamedTuple):
    """The frame header."""

    width: int
    height: int
    progressive: bool
    components: int
    samples: int


def read_header(data: bytes) -> JpegHeader:
    """Read the markers; no pixel is decoded. ImageError for what is no JPEG, is of a kind that is not taken, or would
    take a decoder too many rounds."""
    frame: _Frame | None = None
    orientation = UPRIGHT
    kept = [(0, len(_START))]
    for marker, start, end in _segments(data):
        if marker == _START_OF_SCAN:
            if frame is None or end - start < _LEAST_SCAN_BYTES:
                raise _bad("its pixels come before its size")
            return _with_scans(data, frame, kept, start, end, orientation)
        if marker in _FRAMES:
            if frame is not None:
                raise _bad("it has two sizes")
            frame = _frame(marker, data[start + 4 : end])
        if marker == _EXIF_NOTE and orientation == UPRIGHT and data.startswith(EXIF, start + 4, end):
            orientation = exif_orientation(data[start + 4 : end])
        if marker in _KEPT or (marker in _COLOURS and data.startswith(_COLOURS[marker], start + 4, end)):
            kept.append((start, end))
    raise _bad("it has no pixels")


def decodable(data: bytes, header: JpegHeader) -> bytes:
    """What a decoder is to see of `data`: no more than the header tells of, without thumbnails and notes."""
    (first, *others) = header.kept
    start, end = first
    for more_start, more_end in others:
        if more_start != end:
            return b"".join(data[start:end] for start, end in header.kept)
        end = more_end
    return data if (start, end) == (0, len(data)) else data[start:end]


def _segments(data: bytes) -> Iterator[_Segment]:
    """The marker segments up to the first scan's, which is the last one; what lies between them is passed over."""
    if not data.startswith(_START):
        raise _bad("it does not begin like one")
    position = len(_START)
    for _ in range(MOST_SEGMENTS):
        start = data.find(b"\xff", position)
        if start < 0 or start + 4 > len(data):
            raise _bad("it ends within its header")
        marker = data[start + 1]
        if marker == _FILL or marker in _NO_LENGTH:
            position = start + (1 if marker == _FILL else 2)
            continue
        length = data[start + 2] << 8 | data[start + 3]
        position = start + 2 + max(2, length)
        if position > len(data):
            raise _bad("it ends within its header")
        yield marker, start, position
        if marker == _START_OF_SCAN:
            return
    raise _bad(f"it has more than {MOST_SEGMENTS} segments before its pixels")


def _frame(marker: int, body: bytes) -> _Frame:
    if marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        raise _bad("it is coded arithmetically, without loss or in layers: send a baseline JPEG")
    if len(body) < 6 or len(body) != 6 + 3 * body[5] or body[5] not in (1, 3, 4):
        raise _bad("its frame header is broken")
    if body[0] != 8:
        raise _bad(f"it has {body[0]} bits for each colour: send one with 8")
    height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
    if not (height and width):
        raise _bad("it does not say its size at its beginning")
    across, down = [factors >> 4 for factors in body[7::3]], [factors & 15 for factors in body[7::3]]
    if not 1 <= min(*across, *down) <= max(*across, *down) <= 4:
        raise _bad("its frame header is broken")
    blocks = -(-width // (8 * max(across))) * -(-height // (8 * max(down)))
    samples = 64 * blocks * sum(map(mul, across, down))
    return _Frame(width, height, marker == _PROGRESSIVE, len(across), samples)


def _with_scans(
    data: bytes, frame: _Frame, kept: list[tuple[int, int]], start: int, end: int, orientation: int
) -> JpegHeader:
    """Count the scans, of which the first one's header goes from `start` to `end`. Where it has everything, decoders
    take no other.

    Coded pixels hold neither marker, so that what is found is a scan or within a table that looks like one; and what
    comes after what looks like the end, a second picture as a rule, is not handed to the decoder.
    """
    scans, whole = 1, len(data)
    if frame.progressive or data[start + 4] != frame.components:
        for found in _SCAN_OR_END.finditer(data, end):
            if found.group() == _END_OF_IMAGE:
                whole = found.end()
                break
            scans += 1
            if scans > MOST_SCANS:
                raise _too_many_scans()
    kept.append((start, whole))
    size_bytes = sum(end - start for start, end in kept)
    width, height, progressive, _, samples = frame
    return JpegHeader(width, height, progressive, samples, scans, size_bytes, tuple(kept), orientation)


def _too_many_scans() -> ImageError:
    return ImageError("image_too_large", f"the JPEG has more than {MOST_SCANS} scans: send a baseline JPEG")


def _bad(what: str) -> ImageError:
    return ImageError("bad_image", f"not a JPEG that can be decoded: {what}")
