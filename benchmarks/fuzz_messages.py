"""Messages of the stream's protocol that are nearly right: valid ones, mutated by a seeded hand.

Most get a header that fits their body again, so that what is wrong is not found at the door.
"""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

from jellyfish.core import Reason
from jellyfish.protocol import wire

PREFIX = struct.Struct("<2sBBI")
ODD_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
ODD_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, -1e308, float("nan"), float("inf"), 2**53, 2**64, 10**400, "", "\0", "\ud800", "a" * 65,
    [], {}, [[[[]]]], {"": {}}, -0.0, 1e-320, "\u202e", ["late"], {"late": -1},
)  # fmt: skip
MENDED = 0.7
"""So many of the mutated messages get a length and a checksum that fit."""
DEEP = 2000

_PLAN = wire.PlanMessage(448, "w100e2-448", True, 250.0, 7.5)
_REPORT = wire.Report(100, 90, {"late": {"network": 4}, "dropped": {"expired": 6}}, (0,) * wire.SLACK_BUCKETS)
SAMPLES: tuple[wire.Message, ...] = (
    wire.Hello("camera", 15, 150.0, arrivals=True, target=99.9),
    wire.Hello("c", 240, 60_000),
    wire.Frame(7, 448, 1.5, 1.6, b"\xff\xd8\xff\xd9" * 20),
    wire.Frame(2**32 - 1, 65535, -1e12, 1e12, b""),
    wire.Pong(1.0, 2.0, 3.0),
    wire.Ping(1.0),
    _REPORT,
    wire.Bye(),
    wire.Bye(_REPORT),
    wire.Welcome(("person", "car"), (128, 448), 4, 4 * 1024**2, _PLAN, (wire.Offer(128, "w", 0.5, 3.0),), True, True),
    _PLAN,
    wire.Result(3, variant="w100e2-448", device="cpu", batch=2, detections=((0, 0.5, 0.1, 0.1, 0.2, 0.2),)),  # type: ignore[arg-type]
    wire.Result(4, Reason.EXPIRED),
    wire.Arrived(3, 4.0, 5000.0),
    wire.Farewell(100, 90, {"expired": 10}),
    wire.ErrorMessage("full", "the server is full"),
)
VALID = tuple(wire.encode(sample) for sample in SAMPLES)

Mutation = Callable[[random.Random, bytearray], bytes | bytearray]


def flipped(draw: random.Random, data: bytearray) -> bytearray:
    """One to eight bits are the other way."""
    for _ in range(draw.randint(1, 8)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return data


def shortened(draw: random.Random, data: bytearray) -> bytearray:
    return data[: draw.randrange(len(data))]


def lengthened(draw: random.Random, data: bytearray) -> bytearray:
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.randbytes(draw.choice((1, 4, 100, 5000))) + data[at:]


def without_part(draw: random.Random, data: bytearray) -> bytearray:
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.randint(1, 16) :]


def repeated(draw: random.Random, data: bytearray) -> bytearray:
    at = draw.randrange(len(data))
    part = data[at : at + draw.randint(1, 32)]
    return data[:at] + part * draw.randint(2, 50) + data[at:]


def spliced(draw: random.Random, data: bytearray) -> bytes | bytearray:
    """The beginning of one and the end of another."""
    other = draw.choice(VALID)
    return data[: draw.randrange(len(data))] + other[draw.randrange(len(other)) :]


def odd_number(draw: random.Random, data: bytearray) -> bytearray:
    """Somewhere four bytes say something odd."""
    at = draw.randrange(max(1, len(data) - 4))
    data[at : at + 4] = struct.pack("<I", draw.choice(ODD_NUMBERS))
    return data


def odd_json(draw: random.Random, data: bytearray) -> bytes | bytearray:
    """A key that has a value of another kind, or one more, or one less."""
    try:
        body = json.loads(data[wire.HEADER_BYTES :])
    except (ValueError, RecursionError):
        return flipped(draw, data)
    if not isinstance(body, dict):
        return flipped(draw, data)
    key = draw.choice([*body, "other"])
    if draw.random() < 0.2:
        body.pop(key, None)
    else:
        body[key] = draw.choice(ODD_VALUES)
    return data[: wire.HEADER_BYTES] + json.dumps(body).encode("utf-8", "surrogatepass")


def deep_json(draw: random.Random, data: bytearray) -> bytes | bytearray:
    """Brackets in brackets in brackets."""
    bracket = draw.choice((b"[", b'{"":', b'{"client":'))
    return data[: wire.HEADER_BYTES] + bracket * draw.randint(1, DEEP)


MUTATIONS: tuple[Mutation, ...] = (
    flipped, shortened, lengthened, without_part, repeated, spliced, odd_number, deep_json,
    odd_json, odd_json, odd_json,
)  # fmt: skip


def mended(data: bytes | bytearray) -> bytes:
    """With a length and a checksum that fit; what is too short for a header stays as it is."""
    if len(data) < wire.HEADER_BYTES:
        return bytes(data)
    body = data[wire.HEADER_BYTES :]
    prefix = bytes(data[:4]) + struct.pack("<I", len(body))
    return prefix + struct.pack("<I", zlib.crc32(body, zlib.crc32(prefix))) + bytes(body)


def message(draw: random.Random) -> bytes:
    """One message, mutated up to three times."""
    data: bytes | bytearray = bytearray(draw.choice(VALID))
    for _ in range(draw.randint(0, 3)):
        if data:
            data = draw.choice(MUTATIONS)(draw, bytearray(data))
    return mended(data) if draw.random() < MENDED else bytes(data)
