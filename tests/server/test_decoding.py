"""Between clients' frames and decoders: turns, deadlines, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.clock import seconds_now
from jellyfish.config import Limits
from jellyfish.control.host import HostLoad
from jellyfish.core import InputSize
from jellyfish.devices.executor import Undecoded
from jellyfish.errors import ImageError
from jellyfish.media.decoding_cost import DecodingCost
from jellyfish.server.decoding import MOST_PASSED_BYTES, Decoding
from tests.virtual import virtual

SIZE = InputSize(448, 256)
PLAIN_S = 0.01
"""A decoder's time for a megapixel."""
IMAGE = np.zeros((1, 1, 3), np.uint8)


class Decoders:
    """Decodes what says how many megapixels it is; notes when it began what, and how many at once."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running = self.most = 0

    async def decode(self, jpeg: bytes, size: InputSize) -> NDArray[np.uint8]:
        self.begun.append(jpeg.decode())
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(PLAIN_S * float(jpeg.split()[1]))
        finally:
            self.running -= 1
        if b"broken" in jpeg:
            raise ImageError("bad_image", "it is broken")
        return IMAGE


def weigh(jpeg: bytes, size: InputSize) -> DecodingCost:
    megapixels = float(jpeg.split()[1])
    return DecodingCost(megapixels, megapixels, 100, 100, 1)


class Server:
    def __init__(self, workers: int = 1) -> None:
        self.decoders, self.load = Decoders(), HostLoad()
        self.decoding = Decoding(self.decoders.decode, weigh, workers, Limits(), self.load, None)

    def frame(self, client: str, megapixels: float = 0.5, in_s: float = 10.0) -> asyncio.Task[str]:
        """One frame of a client that has a whole budget; what becomes of it in a word."""
        decode = self.decoding.for_client(client, 15.0, SIZE)
        return asyncio.ensure_future(outcome(decode(f"{client} {megapixels}".encode(), SIZE, seconds_now() + in_s)))


async def outcome(decoding: Any) -> str:
    try:
        await decoding
    except ImageError as error:
        return error.reason
    return "image"


@virtual
async def test_a_client_with_many_frames_does_not_hold_up_another() -> None:
    server = Server()
    frames = [server.frame("flood") for _ in range(4)]
    await asyncio.sleep(0)
    frames.append(server.frame("camera"))
    assert await asyncio.gather(*frames) == ["image"] * 5
    assert [name.split()[0] for name in server.decoders.begun] == ["flood", "camera", "flood", "flood", "flood"]
    assert server.decoders.most == 1


@virtual
async def test_large_pictures_leave_a_decoder_to_others() -> None:
    server = Server(workers=2)
    frames = [server.frame("large", 5.0), server.frame("huge", 5.0), server.frame("camera", 0.1)]
    await asyncio.sleep(0.011)
    assert server.decoders.begun == ["large 5.0", "camera 0.1"]
    assert frames[2].done()
    assert await asyncio.gather(*frames) == ["image"] * 3


@virtual
async def test_a_frame_ends_at_its_deadline_whether_it_waits_or_is_being_decoded() -> None:
    server = Server()
    hanging, late, other = server.frame("a", 20.0, in_s=0.05), server.frame("b", in_s=0.1), server.frame("c")
    assert (await hanging, seconds_now()) == ("expired", pytest.approx(0.05))
    assert (await late, seconds_now()) == ("expired", pytest.approx(0.1))
    assert (await other, seconds_now()) == ("image", pytest.approx(0.205))
    assert server.decoders.begun == ["a 20.0", "c 0.5"]


@virtual
async def test_a_decoder_is_taken_until_it_is_done_though_nobody_waits_any_more() -> None:
    server = Server()
    gone, other = server.frame("a", 5.0), server.frame("b")
    await asyncio.sleep(0.01)
    gone.cancel()
    assert (await other, seconds_now()) == ("image", pytest.approx(0.055))
    assert server.decoders.most == 1


@virtual
async def test_a_client_that_goes_takes_its_waiting_frames_along() -> None:
    server = Server()
    first, gone = server.frame("a"), server.frame("b")
    await asyncio.sleep(0)
    gone.cancel()
    assert await first == "image"
    await asyncio.sleep(1.0)
    assert server.decoders.begun == ["a 0.5"]


@virtual
async def test_after_the_end_nothing_is_begun() -> None:
    server = Server()
    frames = [server.frame("a"), server.frame("b")]
    await asyncio.sleep(0)
    server.decoding.close()
    assert await asyncio.gather(*frames, server.frame("c")) == ["image", "shutdown", "shutdown"]
    assert server.decoders.begun == ["a 0.5"]


@virtual
async def test_what_is_over_the_budget_is_refused_before_it_is_decoded() -> None:
    server = Server()
    decode = server.decoding.for_client("a", 15.0, SIZE)
    frames: list[Coroutine[Any, Any, str]] = [outcome(decode(b"a 10.0", SIZE, 10.0)) for _ in range(3)]
    assert await asyncio.gather(*frames) == ["image", "image", "image_too_large"]
    server.load.room = 0.5
    await asyncio.sleep(0.1)
    assert await outcome(decode(b"a 20.0", SIZE, 10.0)) == "image_too_large"


@virtual
async def test_a_broken_frame_is_its_clients_fault_alone() -> None:
    server = Server()
    assert await asyncio.gather(server.frame("broken"), server.frame("a")) == ["bad_image", "image"]


@virtual
async def test_files_go_to_a_device_that_decodes_as_they_came_unless_they_are_large_or_over_the_budget() -> None:
    server = Server()
    images = server.decoding.for_client("a", 15.0, SIZE)
    small, large = b"a 0.5", b"a 0.5 " + bytes(MOST_PASSED_BYTES)
    in_s = seconds_now() + 10.0
    assert await images.as_taken(small, SIZE, in_s, decodes=True) == Undecoded(small, SIZE)
    assert server.decoders.begun == []
    for still, decodes in ((small, False), (large[:6] + large[6:].replace(b"\0", b" "), True)):
        assert await images.as_taken(still, SIZE, in_s, decodes) is IMAGE
    assert len(server.decoders.begun) == 2
    with pytest.raises(ImageError, match="megapixels") as caught:
        for _ in range(100):
            await images.as_taken(b"a 9", SIZE, in_s, decodes=True)
    assert caught.value.reason == "image_too_large"
    server.decoding.close()
    with pytest.raises(ImageError) as caught:
        await server.decoding.for_client("b", 15.0, SIZE).as_taken(small, SIZE, in_s, decodes=True)
    assert caught.value.reason == "shutdown"
