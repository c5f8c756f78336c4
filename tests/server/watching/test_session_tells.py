"""What a server publishes of the frames that come to it."""

from __future__ import annotations

import asyncio

from jellyfish.core import InputSize
from jellyfish.protocol import wire
from tests.server.peer import JPEG, running, welcomed
from tests.virtual import virtual


@virtual
async def test_an_answer_and_a_miss_are_published_as_the_camera_gets_them() -> None:
    async with running() as service, welcomed("gate", clock_ahead_s=1000.0) as peer:
        await peer.send_frame(1)  # nobody watches
        await peer.until(wire.Result)
        watching = service.hub.subscribe(pictures=True)
        captured_s = asyncio.get_running_loop().time()
        await peer.send_frame(2)
        await peer.send_frame(3, jpeg=b"no picture")
        results = {result.frame: result for result in [await peer.until(wire.Result) for _ in range(2)]}
        told = {seen.frame: seen for seen in [await anext(watching) for _ in range(2)]}
        answered, missed = told[2], told[3]
        assert (answered.camera, answered.jpeg, answered.detections) == ("gate", JPEG, results[2].detections)
        assert (answered.variant, answered.size) == (results[2].variant, InputSize(128, 96))
        assert answered.on_time and abs(answered.captured_s - captured_s) < 0.01 and 0 < answered.age_s < 0.1
        assert (missed.missed, missed.jpeg, missed.on_time) == ("bad_image", None, False)


@virtual
async def test_watchers_are_let_go_when_the_server_stops() -> None:
    async with running() as service:
        watching = service.hub.subscribe()
    assert [seen async for seen in watching] == []
