"""The fuzzers' own parts: what they make is worth reading, what breaks is found and made small."""

from __future__ import annotations

import io
import random

import numpy as np
from PIL import Image

from benchmarks.bad_pictures import repeated_scan
from benchmarks.fuzz import read_by_wire, twice
from benchmarks.fuzz_messages import message
from benchmarks.shrinking import smallest
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire


def readable(data: bytes) -> bool:
    try:
        wire.decode(data)
    except ProtocolError:
        return False
    return True


def test_messages_are_partly_good_and_none_breaks_what_reads_them() -> None:
    draw = random.Random(7)
    messages = [message(draw) for _ in range(1000)]
    assert [data for data in messages if twice(read_by_wire, data) is not None] == []
    assert 0.1 < sum(map(readable, messages)) / len(messages) < 0.6


def test_the_same_seed_makes_the_same_messages() -> None:
    first, second = random.Random(7), random.Random(7)
    assert [message(first) for _ in range(100)] == [message(second) for _ in range(100)]


def test_what_fails_is_made_as_small_as_it_can_be() -> None:
    data = random.Random(7).randbytes(500) + b"<" + bytes(300) + b">"
    assert smallest(data, lambda each: 0 <= each.find(b"<") < each.find(b">")) == b"<>"
    assert smallest(data, lambda each: each == data) == data


def test_a_scan_that_is_repeated_leaves_a_valid_picture() -> None:
    once, often = repeated_scan(1, side=64), repeated_scan(50, side=64)
    assert len(often) > len(once)
    pictures = [np.asarray(Image.open(io.BytesIO(data))) for data in (once, often)]
    assert (pictures[0] == pictures[1]).all()
