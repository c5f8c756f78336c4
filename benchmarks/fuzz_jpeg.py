"""Decodes JPEGs that were changed at random, and compares the processor time of each with what its header announced.

    python -m benchmarks.fuzz_jpeg [--pictures 20000] [--seed 0]

Each picture has a seed of its own, which is printed where something is wrong with it; `--seed SEED --pictures 1` shows
it again. The exit code is 1 when one brought anything but an image or a refusal, or took longer than `FACTOR` times
what it announced and `CONSTANT_S`.
"""

from __future__ import annotations

import argparse
import functools
import io
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jellyfish.config import Limits
from jellyfish.core import InputSize
from jellyfish.errors import ImageError
from jellyfish.media.decoding_cost import weighed
from jellyfish.modes.decoders import decode_frame

LIMITS, LARGEST = Limits(), InputSize(448, 256)
FACTOR, CONSTANT_S = 3.0, 0.015
ATTEMPTS = 3
"""Of one that seems to have taken too long: the least counts, for other work on the machine slows memory down."""
PLAIN_PX, PLAIN_ROUNDS = (2048, 1152), 9


def textured(width: int, height: int, contrast: float, seed: int = 0) -> NDArray[np.uint8]:
    """Shapes of every size."""
    chance = np.random.default_rng(seed)
    layers = np.zeros((height, width, 3), np.float32)
    for level in range(3, 10):
        rough = chance.normal(size=(max(2, 2**level * height // width), 2**level, 3)).astype(np.float32)
        layers += np.asarray(cv2.resize(rough, (width, height)), np.float32) / 2 ** (0.9 * level)
    return np.asarray(np.clip(128 + contrast * layers / layers.std(), 0, 255), np.uint8)


def as_jpeg(image: NDArray[np.uint8], mode: str = "RGB", **how: int | bool) -> bytes:
    written = io.BytesIO()
    Image.fromarray(image).convert(mode).save(written, "JPEG", **how)
    return written.getvalue()


@functools.cache
def originals() -> tuple[bytes, ...]:
    """Pictures of every kind, small ones before large ones."""
    kinds: tuple[tuple[str, dict[str, int | bool]], ...] = (
        ("RGB", {"quality": 75}),
        ("RGB", {"quality": 95, "subsampling": 0}),
        ("RGB", {"quality": 75, "progressive": True}),
        ("RGB", {"quality": 100, "subsampling": 0, "progressive": True}),
        ("L", {"quality": 85, "progressive": True}),
        ("CMYK", {"quality": 85}),
        ("RGB", {"quality": 85, "restart_marker_blocks": 7}),
    )
    sizes = ((40, 24), (448, 252), (1000, 700))
    return tuple(as_jpeg(textured(*size, 50.0), mode, **how) for size in sizes for mode, how in kinds)


# --- changes ---------------------------------------------------------------------------------------------

Chance = random.Random


def truncated(data: bytes, chance: Chance) -> bytes:
    return data[: chance.randrange(len(data))] + (b"\xff\xd9" if chance.random() < 0.5 else b"")


def scribbled(data: bytes, chance: Chance) -> bytes:
    """Random bytes, in the header or anywhere."""
    changed, end = bytearray(data), len(data) if chance.random() < 0.5 else min(len(data), 700)
    for _ in range(chance.randint(1, 20)):
        changed[chance.randrange(end)] = chance.randrange(256)
    return bytes(changed)


def resized(data: bytes, chance: Chance) -> bytes:
    """Another size in the frame header, none, or another depth, with the same pixels behind it."""
    place = _frame(data)
    sides = (chance.choice((0, 1, 7, 640, 4096, 4097, 65535, chance.randrange(4097))) for _ in range(2))
    depth = chance.choice((8, 8, 8, 8, 12))
    return data[: place + 4] + bytes([depth]) + b"".join(side.to_bytes(2) for side in sides) + data[place + 9 :]


def other_frame(data: bytes, chance: Chance) -> bytes:
    """Another way of coding, arithmetically for one, or other components."""
    place, changed = _frame(data), bytearray(data)
    if chance.random() < 0.5:
        changed[place + 1] = chance.randrange(0xC0, 0xD0)
    else:
        changed[min(place + chance.randrange(9, 20), len(changed) - 1)] = chance.choice(
            (0x11, 0x44, 0x41, 0x14, 0, 255)
        )
    return bytes(changed)


def second_frame(data: bytes, chance: Chance) -> bytes:
    place = _frame(data)
    size = int.from_bytes(data[place + 2 : place + 4]) + 2
    return _inserted(data, resized(data, chance)[place : place + size], chance)


def repeated_scan(data: bytes, chance: Chance) -> bytes:
    """One scan, with its tables, as often as may be."""
    scans = _all(data, b"\xff\xda")
    if not scans:
        return data
    number = chance.randrange(len(scans))
    end = scans[number + 1] if number + 1 < len(scans) else max(scans[number], data.rfind(b"\xff\xd9"))
    return data[:end] + data[scans[number] : end] * chance.choice((1, 3, 9, 200)) + data[end:]


def restarting(data: bytes, chance: Chance) -> bytes:
    """A restart interval that the pixels know nothing of, or a number of lines."""
    kind = b"\xff\xdd" if chance.random() < 0.7 else b"\xff\xdc"
    return _inserted(data, kind + b"\x00\x04" + chance.choice((1, 2, 100, 65535)).to_bytes(2), chance)


def padded(data: bytes, chance: Chance) -> bytes:
    """Very many segments, fill bytes or stuffed zeros."""
    piece = chance.choice(
        (b"\xff\xfe\x00\x02", b"\xff", b"\xff\x00", b"\x00", b"\xff\xe1\x00\x08Exif\0\0", b"\xff\xd3")
    )
    return _inserted(data, piece * chance.choice((1, 50, 20_000)), chance)


def followed(data: bytes, chance: Chance) -> bytes:
    """Another picture behind it, or within it."""
    other = chance.choice(originals()[:14])
    return data + other if chance.random() < 0.5 else _inserted(data, other, chance)


CHANGES: tuple[Callable[[bytes, Chance], bytes], ...] = (
    truncated, scribbled, resized, other_frame, second_frame, repeated_scan, restarting, padded, followed,
)  # fmt: skip


def changed_at_random(seed: int) -> bytes:
    """One picture, changed up to three times. The same for the same seed."""
    chance = random.Random(seed)
    data = chance.choice(originals())
    for change in chance.choices(CHANGES, k=chance.randint(0, 3)):
        data = change(data, chance)[: LIMITS.message_bytes] or data
    return data


def _frame(data: bytes) -> int:
    """Where a frame header is, or might be."""
    places = [place for kind in (b"\xff\xc0", b"\xff\xc2") for place in _all(data[:3000], kind)]
    return min(places, default=0)


def _all(data: bytes, what: bytes) -> list[int]:
    return [place for place in range(len(data) - 1) if data[place : place + 2] == what] if what in data else []


def _inserted(data: bytes, piece: bytes, chance: Chance) -> bytes:
    """Before one of the markers, or anywhere."""
    place = chance.randrange(len(data) + 1)
    if chance.random() < 0.8:
        place = data.rfind(b"\xff", 0, place + 1) if chance.random() < 0.3 else data.find(b"\xff", 2, 700)
    return data[: max(0, place)] + piece + data[max(0, place) :]


# --- measuring -------------------------------------------------------------------------------------------


class Decoded(NamedTuple):
    """What became of one picture."""

    outcome: str
    announced: float
    """Megapixels; 0 where its header was refused."""
    seconds: float


def decoded(data: bytes) -> Decoded:
    began_s = time.thread_time()
    outcome, announced = "image", 0.0
    try:
        announced = weighed(data, LARGEST).megapixels
        image = decode_frame(LIMITS.image_side, data, LARGEST)
        assert image.ndim == 3 and image.dtype == np.uint8
    except ImageError as error:
        outcome = error.reason
    return Decoded(outcome, announced, time.thread_time() - began_s)


def plain_s() -> float:
    """Seconds for a megapixel of a plain photograph, which is the unit of what is announced."""
    width, height = PLAIN_PX
    data = as_jpeg(textured(width, height, 50.0), quality=85)
    took = sorted(_whole_s(data) for _ in range(PLAIN_ROUNDS))[PLAIN_ROUNDS // 2]
    return took / (width * height / 1e6)


def _whole_s(data: bytes) -> float:
    began_s = time.thread_time()
    np.asarray(Image.open(io.BytesIO(data)))
    return time.thread_time() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first picture; each next one has the next")
    arguments = parser.parse_args()
    unit_s = plain_s()
    print(f"a plain megapixel takes {1000 * unit_s:.2f} ms; seeds from {arguments.seed}")
    outcomes: Counter[str] = Counter()
    wrong, worst = 0, (0.0, 0, 0.0)
    for seed in range(arguments.seed, arguments.seed + arguments.pictures):
        data = changed_at_random(seed)
        try:
            found = decoded(data)
        except Exception as error:
            print(f"seed {seed}: {type(error).__name__}: {error}")
            wrong += 1
            continue
        allowed_s = CONSTANT_S + FACTOR * unit_s * found.announced
        if found.seconds > allowed_s:
            found = found._replace(seconds=min(decoded(data).seconds for _ in range(ATTEMPTS)))
        outcomes[found.outcome] += 1
        worst = max(worst, (found.seconds / allowed_s, seed, found.seconds))
        if found.seconds > allowed_s:
            print(f"seed {seed}: {1000 * found.seconds:.1f} ms, announced {found.announced:.2f} megapixels")
            wrong += 1
    print(f"{arguments.pictures} pictures: {dict(outcomes)}; {wrong} wrong")
    print(f"the worst: seed {worst[1]}, {1000 * worst[2]:.1f} ms, {worst[0]:.2f} of what is allowed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
