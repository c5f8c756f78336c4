"""Coded pictures as a file that a camera sends from: standard library alone, for Debian's Python.

Times are seconds from the start of a clip, which is shown again and again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HEAD = struct.Struct("<ddI?")


@dataclass(frozen=True)
class Unit:
    """One coded picture, as H.264's byte stream has it, in the order of decoding."""

    captured_s: float
    sent_s: float
    """When the encoder can have it ready: not before the last picture that it needed was captured."""
    key: bool
    """Whether decoding can begin here."""
    data: bytes


@dataclass(frozen=True)
class Coded:
    """A coded clip."""

    length_s: float
    units: Sequence[Unit]


def write(path: Path, clip: Coded) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<d", clip.length_s))
        for unit in clip.units:
            file.write(HEAD.pack(unit.captured_s, unit.sent_s, len(unit.data), unit.key) + unit.data)


def read(path: Path) -> Coded:
    data = path.read_bytes()
    (length_s,) = struct.unpack_from("<d", data)
    return Coded(length_s, tuple(_units(data)))


def _units(data: bytes) -> Iterator[Unit]:
    place = 8
    while place < len(data):
        captured_s, sent_s, size, key = HEAD.unpack_from(data, place)
        place += HEAD.size
        yield Unit(captured_s, sent_s, key, data[place : place + size])
        place += size
