"""Messages of a worker's stream as bytes: whatever pieces they come in, and what is none is refused."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import Answer, Detection, InputSize, Variant
from jellyfish.devices.stream.framing import (
    BEFORE_OPEN_BYTES,
    Framing,
    Message,
    StreamError,
    encoded,
    front_framing,
    images_of,
    worker_framing,
)
from jellyfish.devices.stream.messages import (
    Done,
    Failed,
    FromFront,
    ImageKind,
    OpenWorker,
    RunBatch,
    SentImage,
    WorkerPing,
)

RUN = RunBatch(
    3,
    1,
    (Variant(128, "a"), Variant(128, "a")),
    (SentImage(ImageKind.JPEG, 4, InputSize(128, 72)), SentImage(ImageKind.PNG, 2, InputSize(128, 72))),
)


def fed(framing: Framing[FromFront], data: bytes, step: int) -> list[Message[FromFront]]:
    """What is understood of `data` that comes in pieces of at most `step` bytes."""
    understood = []
    while data:
        room = framing.room()
        count = min(len(room), step, len(data))
        room[:count] = data[:count]
        data = data[count:]
        message = framing.filled(count)
        if message is not None:
            understood.append(message)
    return understood


@given(step=st.integers(1, 300), pings=st.integers(0, 3))
def test_messages_come_out_as_they_went_in_whatever_pieces_they_come_in(step: int, pings: int) -> None:
    data = (
        b"".join(encoded(WorkerPing(each)) for each in range(pings))
        + encoded(RUN, 6)
        + b"abcdef"
        + encoded(OpenWorker())
    )
    *before, run, last = fed(worker_framing(), data, step)
    assert [each.said for each in before] == [WorkerPing(each) for each in range(pings)]
    assert run.said == RUN and [bytes(each) for each in images_of(RUN.images, run.images)] == [b"abcd", b"ef"]
    assert last.said == OpenWorker()


def test_answers_and_errors_are_told_apart() -> None:
    framing = front_framing()
    done = Done(3, (Answer((Detection(1, 0.5, 0, 0, 1, 1),)), Answer()), 0.001, 0.02, {1: ("bad_image", "why")})
    for said in (done, Failed(4, "it fell", lost=True)):
        data = encoded(said)
        for byte in data[:-1]:
            framing.room()[:1] = bytes([byte])
            assert framing.filled(1) is None
        framing.room()[:1] = data[-1:]
        message = framing.filled(1)
        assert message is not None and message.said == said


@pytest.mark.parametrize(
    "data",
    [bytes(8), b"\xff" * 8, (BEFORE_OPEN_BYTES + 1).to_bytes(4) + bytes(4), encoded(OpenWorker(), BEFORE_OPEN_BYTES),
     (3).to_bytes(4) + bytes(4) + b"abc", encoded(Done(1, (), 0, 0))],
)  # fmt: skip
def test_what_is_no_message_or_is_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(StreamError):
        fed(worker_framing(), data, len(data))


def test_nothing_is_kept_ready_for_more_than_was_announced_and_taken() -> None:
    framing = worker_framing()
    head = encoded(OpenWorker(), 0)[:8]
    assert len(framing.room()) == 8
    framing.room()[:] = head
    framing.filled(8)
    assert len(framing.room()) == len(encoded(OpenWorker())) - 8


@given(st.binary(min_size=1, max_size=200))
def test_noise_ends_in_an_error_or_in_nothing(data: bytes) -> None:
    with contextlib.suppress(StreamError):
        fed(Framing(msgspec.msgpack.Decoder(FromFront), 100), data, 7)


def test_images_that_were_not_announced_so_are_refused() -> None:
    with pytest.raises(StreamError, match="announced"):
        list(images_of(RUN.images, memoryview(b"abcde")))
