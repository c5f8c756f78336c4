"""A dispatcher whose device is behind a stream: images go there as they came, and what becomes of it is noticed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from jellyfish.clock import seconds_now
from jellyfish.core import InputSize, Reason
from jellyfish.devices.executor import Undecoded
from jellyfish.devices.health import DeviceState
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.request import Answered, Dropped, Request
from tests.devices.stream.joined import Joined
from tests.server.peer import LARGE, SMALL
from tests.virtual import virtual

SIZE = InputSize(128, 72)


@contextlib.asynccontextmanager
async def dispatching(joined: Joined) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(joined.front, await joined.open(), SMALL, 4)
    running = asyncio.ensure_future(dispatcher.run())
    try:
        yield dispatcher
    finally:
        running.cancel()
        joined.front.close()


def submitted(dispatcher: Dispatcher, still: bytes, within_s: float = 0.2) -> asyncio.Future[Answered | Dropped]:
    now = seconds_now()
    done: asyncio.Future[Answered | Dropped] = asyncio.get_running_loop().create_future()
    dispatcher.submit(Request("camera", 0, now + within_s, now, Undecoded(still, SIZE), done))
    return done


@virtual
async def test_stills_are_answered_and_broken_ones_are_their_clients_own_affair() -> None:
    async with dispatching(Joined()) as dispatcher:
        assert dispatcher.decodes
        good, broken = submitted(dispatcher, b"jpeg"), submitted(dispatcher, b"broken")
        assert await broken == Dropped(Reason.BAD_IMAGE, "it is broken")
        outcome = await good
        assert isinstance(outcome, Answered) and outcome.answer.detections[0].score == 4 / 255
        assert dispatcher.state is DeviceState.WORKING and dispatcher.statistics().slow_down <= 1.0


@virtual
async def test_frames_on_a_worker_that_dies_have_their_outcome_at_once_and_it_comes_back_by_itself() -> None:
    joined, changes = Joined(), []
    async with dispatching(joined) as dispatcher:
        dispatcher.on_change = lambda: changes.append(dispatcher.state)
        frames = [submitted(dispatcher, b"jpeg") for _ in range(9)]
        await asyncio.sleep(0.005)
        began_s = seconds_now()
        joined.wires.reachable = False
        joined.wires.cut()
        assert {await each for each in frames} == {Dropped(Reason.DEVICE_ERROR)}
        assert seconds_now() - began_s < 0.001
        assert not dispatcher.takes_frames and changes[-1] is DeviceState.FAILING
        assert await submitted(dispatcher, b"jpeg") == Dropped(Reason.DEVICE_ERROR)
        await asyncio.sleep(30)
        joined.wires.reachable = True
        await asyncio.sleep(2.1)
        assert dispatcher.takes_frames and changes[-1] is DeviceState.WORKING
        assert isinstance(await submitted(dispatcher, b"jpeg"), Answered)


@virtual
async def test_a_worker_that_dies_with_nothing_to_do_is_missed_at_once_and_tested_when_it_is_back() -> None:
    joined = Joined()
    async with dispatching(joined) as dispatcher:
        await asyncio.sleep(1)
        joined.wires.cut()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert dispatcher.state is DeviceState.FAILING
        await asyncio.sleep(0.2)
        assert dispatcher.state is DeviceState.WORKING, "its stream is open again, and a test has gone well"


@virtual
async def test_two_batches_are_on_their_way_at_a_time() -> None:
    joined = Joined(delay_s=0.004)
    async with dispatching(joined) as dispatcher:
        for _ in range(50):  # the way there is learnt
            await submitted(dispatcher, b"jpeg")
        dispatcher.latency_table([SMALL, LARGE], seconds_now(), 0.0)
        began_s, before = seconds_now(), len(joined.device.batches)
        outcomes = await asyncio.gather(*(submitted(dispatcher, b"jpeg", 2.0) for _ in range(40)))
        assert all(isinstance(each, Answered) for each in outcomes)
        batches = len(joined.device.batches) - before
        alone_s = 0.010 + 2 * 0.004 + 0.002  # running, the way there and back, decoding
        assert seconds_now() - began_s < 0.8 * batches * alone_s
