"""WebSocket frames are counted wherever the pieces are cut."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.server.gate.frames import MOST_HEADER_BYTES, FrameCount


def frame(payload: bytes, masked: bool = True) -> bytes:
    flag, size = 0x80 * masked, len(payload)
    if size < 126:
        head = struct.pack(">BB", 0x82, flag | size)
    elif size < 2**16:
        head = struct.pack(">BBH", 0x82, flag | 126, size)
    else:
        head = struct.pack(">BBQ", 0x82, flag | 127, size)
    return head + bytes(4 * masked) + payload


streams = st.lists(st.builds(frame, st.integers(0, 300).map(bytes), st.booleans()), min_size=1, max_size=8)


@given(streams, st.lists(st.integers(1, 400), max_size=200), st.integers(1, 3), st.integers(1, 1000))
def test_every_frame_is_counted_once_and_every_byte_goes_on(
    frames: list[bytes], cuts: list[int], most_frames: int, most_bytes: int
) -> None:
    count, held, seen, passed = FrameCount(), b"", 0, 0
    rest = b"".join(frames)
    pieces = [rest[sum(cuts[:i]) : sum(cuts[: i + 1])] for i in range(len(cuts))] + [rest[sum(cuts) :]]
    for piece in pieces:
        held += piece
        while True:
            end, begun = count.within(held, most_bytes, most_frames)
            assert begun <= most_frames
            assert end <= most_bytes + MOST_HEADER_BYTES  # a header goes whole
            held, seen, passed = held[end:], seen + begun, passed + end
            if not end:
                break
    assert (seen, passed, held) == (len(frames), len(rest), b"")


@pytest.mark.parametrize("size", [125, 126, 65_535, 65_536, 200_000])
def test_lengths_of_every_kind_are_read(size: int) -> None:
    count, data = FrameCount(), frame(bytes(size)) + frame(b"next")
    assert count.within(data, len(data), 1) == (len(frame(bytes(size))), 1)


def test_nothing_goes_on_when_no_frame_may_begin() -> None:
    assert FrameCount().within(frame(b"abc"), 100, 0) == (0, 0)
