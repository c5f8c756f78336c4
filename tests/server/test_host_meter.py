"""What a server knows of its own machine, and what its sessions make of that."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.clock import seconds_now
from jellyfish.config import Limits
from jellyfish.control.host import HostLoad, HostReading, Occupancy
from jellyfish.control.learnt_care import UNLEARNT, LearntCare
from jellyfish.core import InputSize, Reason
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.errors import ImageError
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.media.decoding_cost import weightless
from jellyfish.models.slimmable.street import input_size
from jellyfish.protocol import wire
from jellyfish.server.decoding import Decoding
from jellyfish.server.host_meter import HostMeter, HostParts, ProcessorTime
from jellyfish.server.service import Service
from tests.server.peer import JPEG, MODEL, PROFILE, SMALL, decode, everyone_on
from tests.virtual import virtual


async def slow_decode(jpeg: bytes, size: InputSize) -> NDArray[np.uint8]:
    await asyncio.sleep(0.1)
    if not jpeg:
        raise ImageError("bad_image", "there is nothing in it")
    return await decode(jpeg, size)


async def no_send(message: wire.Message) -> None:
    """Nobody reads."""


class Served:
    """A service whose event loop is occupied for the share `occupied` of the time, and one client of it."""

    def __init__(self, occupied: float = 0.0, target: float | None = None) -> None:
        self.occupied = occupied
        parts = HostParts(1, lambda: ProcessorTime(self.occupied * seconds_now(), 0.0, 0.0))
        dispatcher = Dispatcher(TimedExecutor(PROFILE), PROFILE, SMALL, 4)
        self.dispatching = dispatcher.run()
        self.service = Service([dispatcher], MODEL, slow_decode, Limits(), target=target, host=parts)
        self.session = self.service.join(wire.Hello("camera", 15, 500.0), no_send)
        self.service.apply(everyone_on(SMALL, "camera"))

    async def answer(self, number: int, captured_s: float, sent_s: float) -> None:
        await self.session.answer(wire.Frame(number, 128, captured_s, sent_s, JPEG), seconds_now())

    async def windows(self, count: int) -> float:
        """So many looks half a second apart; the share of frames that the host is taken to carry then."""
        shares = [1.0]
        for _ in range(count):
            shares.append(self.service.observe(seconds_now()).host_share)
            await asyncio.sleep(0.5)
        return shares[-1]


@virtual
async def test_decoders_are_occupied_while_a_frame_is_with_them_or_waits_and_every_frame_counts() -> None:
    meter = HostMeter(HostParts(2, lambda: ProcessorTime(1.0, 2.0, 3.0)), Occupancy(2))
    decoding = Decoding(slow_decode, weightless, 2, Limits(), HostLoad(), meter)
    decode, size = decoding.for_client("camera", 15.0, input_size(448)), input_size(128)
    never = seconds_now() + 0.05
    await asyncio.gather(
        *(decode(jpeg, size, seconds_now() + 1.0) for jpeg in (JPEG, JPEG, JPEG, b"")),
        decode(JPEG, size, never),
        return_exceptions=True,
    )
    megapixels = pytest.approx(3 * 0.128 * 0.096)
    assert meter.reading(seconds_now()) == HostReading(1.0, 2.0, 3.0, pytest.approx(0.4), 5, 3, megapixels)


@virtual
async def test_a_host_with_too_much_to_do_is_in_the_problem() -> None:
    served = Served(occupied=1.0)
    assert await served.windows(2) == 1.0
    assert await served.windows(2) < 1.0
    served.occupied = 0.0
    assert await served.windows(6) == 1.0
    served.dispatching.close()


@virtual
async def test_waiting_in_a_busy_host_is_not_charged_to_a_clients_budget() -> None:
    served = Served(occupied=1.0)
    dispatching = asyncio.create_task(served.dispatching)
    await served.answer(0, seconds_now() - 0.01, seconds_now())
    before = served.session.estimator.client_overhead_s
    await served.windows(3)
    await served.answer(1, seconds_now() - 0.2, seconds_now())
    assert served.session.estimator.client_overhead_s == pytest.approx(before) == pytest.approx(0.01)
    dispatching.cancel()


@virtual
async def test_misses_of_a_host_with_too_much_to_do_teach_no_care() -> None:
    async def care_after_misses(occupied: float) -> float:
        served = Served(occupied, target=99.0)
        await served.windows(3)
        assert isinstance(served.session.learnt, LearntCare)
        for number in range(UNLEARNT + 20):
            served.session._attainment.arrived(number, seconds_now())
            served.session._attainment.dropped(Reason.EXPIRED)
            served.session.learn()
        served.dispatching.close()
        return served.session.learnt.care

    assert await care_after_misses(0.5) > await care_after_misses(1.0) == 1.0


@virtual
async def test_a_frame_that_would_wait_too_long_for_a_decoder_is_refused_at_once() -> None:
    served = Served()
    dispatching = asyncio.create_task(served.dispatching)
    await served.windows(1)
    await served.answer(0, seconds_now(), seconds_now())
    await served.windows(2)
    decode = served.service.decoding.for_client("another", 15.0, input_size(448))
    waiting = [asyncio.create_task(decode(JPEG, input_size(128), seconds_now() + 1.0)) for _ in range(5)]
    await asyncio.sleep(0)
    began_s = seconds_now()
    await served.answer(1, began_s, began_s)
    assert seconds_now() == began_s
    assert served.session.account.dropped == {"expired": 1}
    await asyncio.gather(*waiting)
    dispatching.cancel()
