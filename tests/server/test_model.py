"""What a server says of its model, what it refuses, how far it scales frames, and what it answers with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.config import Limits
from jellyfish.core import Answer, ClassScore, InputSize, Task, Variant
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.network import at_url
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.models.model import Description, Size
from jellyfish.modes.decoders import decode_frame
from jellyfish.protocol import wire
from jellyfish.server.service import Service
from tests.server.peer import LARGE, PROFILE, SMALL, Peer, connected, refused
from tests.virtual import virtual

SIZES = (Size(SMALL, InputSize(96, 128), 0.5), Size(LARGE, InputSize(448, 448), 0.6))
SORTER = Description("sorter", "7", Task.CLASSIFICATION, ("cat", "dog"), SIZES, "abc")


class Seeing(TimedExecutor):
    """Says of each image how large it came."""

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        await super().run(variants, images, worker)
        return [Answer(scores=(ClassScore(1, image.shape[1]), ClassScore(0, image.shape[0]))) for image in images]


async def decode(jpeg: bytes, size: InputSize) -> NDArray[np.uint8]:
    return decode_frame(4096, jpeg, size)


@contextlib.asynccontextmanager
async def sorting() -> AsyncIterator[Peer]:
    """A peer of a server with the classifier, before its hello."""
    dispatcher = Dispatcher(Seeing(PROFILE), PROFILE, SMALL, 4)
    service = Service([dispatcher], SORTER, decode, Limits())
    task = asyncio.create_task(dispatcher.run())
    try:
        async with at_url(service), connected() as peer:
            yield peer
    finally:
        task.cancel()


@virtual
async def test_the_welcome_and_the_plan_say_which_model_answers_and_what_it_takes() -> None:
    async with sorting() as peer:
        await peer.send(wire.Hello("camera", 15, 100, model="sorter"))
        welcome = await peer.until(wire.Welcome)
    assert (welcome.model, welcome.version, welcome.task) == ("sorter", "7", Task.CLASSIFICATION)
    assert (welcome.classes, welcome.resolutions) == (("cat", "dog"), (128, 448))
    assert welcome.inputs == (InputSize(96, 128), InputSize(448, 448))
    assert (welcome.plan.resolution, welcome.plan.model) == (128, "sorter")


@virtual
async def test_who_wants_another_model_is_told_which_there_is() -> None:
    async with sorting() as peer:
        error = await refused(peer, peer.send(wire.Hello("camera", 15, 100, model="slimmable")))
    assert (error.code, error.message) == ("unknown_model", "this server has the model sorter, not slimmable")


@pytest.mark.parametrize(
    ("said", "width", "height"),
    [(128, 96, 54), (448, 448, 252), (200, 448, 252), (1, 96, 54), (65535, 448, 252)],
)
def test_a_frame_is_scaled_to_what_the_network_takes_at_the_resolution_that_it_was_sent_for(
    said: int, width: int, height: int
) -> None:
    @virtual
    async def scores() -> tuple[ClassScore, ...]:
        async with sorting() as peer:
            await peer.send(wire.Hello("camera", 15, 100))
            await peer.until(wire.Welcome)
            large = encode_jpeg(np.zeros((360, 640, 3), np.uint8))
            await peer.send(wire.Frame(0, said, peer.clock(), peer.clock(), large))
            result = await peer.until(wire.Result)
            assert (result.reason, result.detections) == (None, ())
            return result.scores

    assert scores() == (ClassScore(1, width), ClassScore(0, height))
