"""A stream without a camera: what its owner hears, and what it may send when."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from jellyfish.camera.stream import Stream
from jellyfish.camera.stream_log import StreamLog
from jellyfish.config import Limits
from jellyfish.core import Reason
from jellyfish.errors import ProtocolError
from jellyfish.link.shaper import Shaper
from jellyfish.link.trace import BandwidthTrace
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.records import OutageRecord
from tests.camera.cameras import URL
from tests.server.peer import JPEG, LARGE, SMALL, connected, everyone_on, http, running, welcomed
from tests.virtual import virtual


class Asker:
    """Says nothing by itself; writes down what it hears."""

    def __init__(self, will_do: bool = True, fps: float = 15, way_back: BandwidthTrace | None = None) -> None:
        self.heard: list[str | int | Reason | None] = []
        self.talking = 0
        self._will_do = will_do
        self.outages: list[OutageRecord] = []
        shapers = Shaper(None, 0.01), Shaper(way_back, 0.01)
        log = StreamLog("asker", out=self.outages.append)
        self.stream = Stream(self, wire.Hello("asker", fps, 100), *shapers, lambda now: now, log)

    async def ask(self, frame: int) -> None:
        now = asyncio.get_running_loop().time()
        await self.stream.send(wire.Frame(frame, 128, now, now, JPEG))

    async def talk(self) -> None:
        self.talking += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.talking -= 1

    def welcomed(self, welcome: wire.Welcome, model: ServedModel) -> None:
        self.heard.append("welcome")
        if not self._will_do:
            raise ProtocolError("terms", "not on these terms")

    def planned(self, plan: wire.PlanMessage) -> None:
        self.heard.append(plan.resolution)

    def report(self) -> None:
        """It captures nothing."""

    def answered(self, result: wire.Result, now: float) -> None:
        self.heard.append(result.reason or result.variant)

    def disconnected(self) -> None:
        self.heard.append("disconnected")


@virtual
async def test_an_owner_hears_the_welcome_plans_and_answers_and_the_farewell_is_kept() -> None:
    asker = Asker()
    async with running() as service, http() as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(asker.stream.run(session, URL))
        await asyncio.sleep(1.0)
        service.apply(everyone_on(SMALL, "asker"))
        await asyncio.sleep(0.1)
        await asker.ask(7)
        await asyncio.sleep(0.1)
        service.apply(everyone_on(LARGE, "asker"))
        await asyncio.sleep(0.1)
        assert asker.talking == 1
        await asker.stream.say_goodbye(1.0)
    assert asker.heard[0] == "welcome"
    assert asker.heard[-3:] == [128, SMALL.name, 448]
    assert asker.stream.farewell == wire.Farewell(received=1, answered=1, dropped={})
    assert asker.talking == 0


@pytest.mark.parametrize(("back_s", "until_s", "ended"), [(6.0, 9.0, True), (30.0, 7.0, False)])
@virtual
async def test_a_long_silence_over_an_open_stream_is_an_outage(back_s: float, until_s: float, ended: bool) -> None:
    asker = Asker(way_back=BandwidthTrace((0.0, 3.0, back_s), (1e6, 0.0, 1e6), "silence"))
    async with running(), http() as session, asyncio.TaskGroup() as tasks:
        running_task = tasks.create_task(asker.stream.run(session, URL))
        asker.stream.log.wanted(1.0)
        await asyncio.sleep(until_s)
        asker.stream.end_log(asyncio.get_running_loop().time())
        running_task.cancel()
    (outage,) = asker.outages
    assert outage.why == "the server said nothing"
    assert 1.9 <= outage.began_s <= 3.1
    assert outage.began_s + outage.lasted_s == pytest.approx(back_s if ended else until_s, abs=0.2)
    assert (outage.ended_s is not None) == ended


@virtual
async def test_without_a_connection_nothing_can_be_sent_and_goodbye_is_no_wait() -> None:
    asker = Asker()
    with pytest.raises(ConnectionResetError, match="not connected"):
        await asker.ask(0)
    await asker.stream.say_goodbye(100.0)
    assert asyncio.get_running_loop().time() == 0.0
    assert asker.stream.farewell is None


@virtual
async def test_what_the_owner_says_is_cancelled_with_the_connection_and_begun_anew_with_the_next() -> None:
    asker = Asker()
    async with http() as session:
        async with running() as service:
            task = asyncio.create_task(asker.stream.run(session, URL))
            await asyncio.sleep(1.0)
            assert (asker.talking, asker.stream.plan is not None) == (1, True)
            await service.drain()
        await asyncio.sleep(1.0)
        assert asker.heard[-1] == "disconnected"
        assert (asker.talking, asker.stream.plan) == (0, None)
        async with running():
            await asyncio.sleep(3.0)
            assert (asker.talking, asker.stream.plan is not None) == (1, True)
            task.cancel()
            await asyncio.wait([task])
    assert asker.heard.count("welcome") == 2


@virtual
async def test_a_refusal_that_passes_is_kept_and_another_try_made_after_longer_and_longer_pauses() -> None:
    asker = Asker()
    async with running(Limits(clients=1)), http() as session:
        async with welcomed("first"):
            task = asyncio.create_task(asker.stream.run(session, URL))
            await asyncio.sleep(7.0)
            assert "full" in str(asker.stream.refusal)
            assert 4 <= asker.heard.count("disconnected") <= 6
        await asyncio.sleep(8.0)
        assert asker.stream.plan is not None
        task.cancel()
        await asyncio.wait([task])


@virtual
async def test_an_owner_that_does_not_like_the_terms_has_no_plan() -> None:
    asker = Asker(will_do=False)
    async with running(), http() as session:
        await asker.stream.run(session, URL)  # which ends: it would not like them the next time
    assert asker.stream.refusal == "not on these terms"
    assert asker.heard == ["welcome", "disconnected"]


@virtual
async def test_what_the_client_itself_does_wrong_is_refused_once_and_for_all() -> None:
    asker = Asker(fps=-1)
    async with running(), http() as session:
        await asker.stream.run(session, URL)
    assert "bad_message" in str(asker.stream.refusal)
    assert asker.heard == ["disconnected"]


@pytest.mark.parametrize("size_bytes", [1500, 5000])
@virtual
async def test_a_message_that_is_too_large_is_not_sent_again_and_again(size_bytes: int) -> None:
    """Somewhat too large: the server says so. Much: it closes, with the WebSocket's own code for that."""
    asker = Asker()
    async with running(Limits(message_bytes=1000)), http() as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(asker.stream.run(session, URL))
        await asyncio.sleep(1.0)
        await asker.stream.send(wire.Frame(0, 128, 1.0, 1.0, bytes(size_bytes)))
    assert "too large" in str(asker.stream.refusal) or "message_too_large" in str(asker.stream.refusal)
    assert asker.heard.count("disconnected") == 1


@virtual
async def test_an_upgrade_that_is_refused_for_good_is_not_tried_again() -> None:
    asker = Asker()
    async with running(), http() as session:
        await asker.stream.run(session, URL + "/elsewhere")
    assert asker.stream.refusal == "refused by the server: HTTP status 404"
    assert asker.heard == ["disconnected"]


@virtual
async def test_a_server_without_room_for_a_connection_is_tried_again() -> None:
    asker = Asker()
    limits = Limits(clients=1)
    async with running(limits), http() as session:
        async with contextlib.AsyncExitStack() as others:
            for _ in range(limits.connections):
                await others.enter_async_context(connected())
            task = asyncio.create_task(asker.stream.run(session, URL))
            await asyncio.sleep(1.0)
            assert asker.stream.refusal == "refused by the server: HTTP status 503"
        await asyncio.sleep(4.0)
        assert asker.stream.open
        task.cancel()
        await asyncio.wait([task])


@virtual
async def test_after_the_goodbye_no_frame_is_taken() -> None:
    asker = Asker()
    async with running(), http() as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(asker.stream.run(session, URL))
        await asyncio.sleep(1.0)
        goodbye = tasks.create_task(asker.stream.say_goodbye(1.0))
        await asyncio.sleep(0)
        assert not asker.stream.open
        with pytest.raises(RuntimeError, match="closing"):
            await asker.ask(0)
        await goodbye
    assert asker.stream.farewell == wire.Farewell(0, 0, {})


@virtual
async def test_all_that_went_wrong_with_a_connection_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Asker):
        async def talk(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise ProtocolError("terms", "talk failed, too")

    asker = Failing(will_do=False)
    async with running(), http() as session:
        await asker.stream.run(session, URL)
    assert str(asker.stream.refusal) == "not on these terms; talk failed, too"
    assert "talk failed, too" in caplog.text
