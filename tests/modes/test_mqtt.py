"""Publishing at a broker that comes, goes, and takes nothing: nobody waits for it, and what it keeps is right."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from jellyfish.modes.broker import Hearing
from jellyfish.modes.mqtt import MqttPublisher
from jellyfish.server.publishing.bulletin import Bulletin, Notice
from jellyfish.server.watching.hub import MOST_WAITING, Hub
from tests.server.publishing.frames import box, seen
from tests.virtual import virtual


class StandIn:
    """A broker that the test makes come and go."""

    def __init__(self) -> None:
        self.posts: list[Notice] = []
        self.kept: dict[str, bytes] = {}
        self.room_for, self.ended = asyncio.Event(), False
        self.room_for.set()
        self._connected = False

    def begin(self, will: Notice, filters: Sequence[str], hearing: Hearing) -> None:
        self._will, self._hearing = will, hearing

    def post(self, post: Notice) -> None:
        assert self._connected
        self.posts.append(post)
        if post.retain:
            self.kept[post.topic] = post.payload

    async def room(self) -> None:
        await self.room_for.wait()

    def end(self) -> None:
        self.ended = True
        if self._connected:
            self._connected = False
            self._hearing.lost("good-bye")

    async def comes(self) -> None:
        self._connected = True
        self._hearing.reached()
        await asyncio.sleep(0.01)

    async def goes(self, why: str = "the connection has ended") -> None:
        if self._connected:
            self.kept[self._will.topic] = self._will.payload
        self._connected = False
        self._hearing.lost(why)
        await asyncio.sleep(0.01)

    def taken(self) -> list[str]:
        """Topics of what was posted since the last time."""
        topics = [post.topic for post in self.posts]
        self.posts.clear()
        return topics


async def no_stats() -> bytes:
    return b"{}"


@contextlib.asynccontextmanager
async def published(broker: StandIn, hub: Hub, states: dict[str, str]) -> AsyncIterator[None]:
    publisher = MqttPublisher(broker, Bulletin("home"), hub, lambda now: states, no_stats, "broker:1883")
    async with publisher.publishing():
        yield


@virtual
async def test_a_broker_that_comes_late_goes_and_comes_back() -> None:
    broker, hub, states = StandIn(), Hub(), {"gate": "live"}
    async with published(broker, hub, states):
        await broker.goes("it refuses")
        await asyncio.sleep(30)
        assert not hub.wanted("gate", "gate")  # nothing is made for nobody
        await broker.comes()
        assert broker.taken() == ["home/available", "home/gate/state", "home/stats"]
        hub.publish(seen(1.0, box("car")))
        await asyncio.sleep(0.1)
        assert broker.taken() == ["home/gate/answers", "home/gate/all", "home/gate/car"]
        await broker.goes()
        assert broker.kept == {"home/available": b"offline", "home/gate/state": b"live"}
        assert not hub.wanted("gate", "gate")
        states.clear()
        await asyncio.sleep(5)
        assert broker.taken() == []
        await broker.comes()
        assert broker.kept == {"home/available": b"online", "home/gate/state": b"offline"}
    assert broker.ended
    assert broker.kept == {"home/available": b"offline", "home/gate/state": b"offline"}
    assert hub.watchers == 0


@virtual
async def test_a_broker_that_takes_nothing_costs_the_oldest_answers_and_no_waiting() -> None:
    broker, hub = StandIn(), Hub()
    async with published(broker, hub, {}):
        await broker.comes()
        broker.taken()
        broker.room_for.clear()
        for frame in range(3 * MOST_WAITING):
            hub.publish(seen(frame / 100, frame=frame))
            await asyncio.sleep(0.01)
        assert broker.taken().count("home/gate/answers") == 1
        broker.room_for.set()
        await asyncio.sleep(0.1)
        later = [post.payload for post in broker.posts if post.topic == "home/gate/answers"]
        assert len(later) <= MOST_WAITING
        assert b'"frame":191,' in later[-1]


@virtual
async def test_trouble_is_told_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    broker, hub = StandIn(), Hub()
    async with published(broker, hub, {}):
        for _ in range(5):
            await broker.goes("Connection refused")
            await asyncio.sleep(3)
        await broker.comes()
    assert [record.message for record in caplog.records] == [
        "the MQTT broker broker:1883: Connection refused; it is tried again for ever, and nothing waits for it",
        "the MQTT broker broker:1883: is reached again",
    ]


@virtual
async def test_a_camera_that_comes_and_goes_is_told_within_a_second() -> None:
    broker, hub, states = StandIn(), Hub(), dict[str, str]()
    async with published(broker, hub, states):
        await broker.comes()
        states["yard"] = "live"
        await asyncio.sleep(1.01)
        assert broker.kept["home/yard/state"] == b"live"
        del states["yard"]
        await asyncio.sleep(1.01)
        assert broker.kept["home/yard/state"] == b"offline"


@virtual
async def test_what_goes_wrong_is_told_and_begun_again(caplog: pytest.LogCaptureFixture) -> None:
    broker, hub, tries = StandIn(), Hub(), []

    async def stats() -> bytes:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("no figures")
        return b"[]"

    publisher = MqttPublisher(broker, Bulletin("home"), hub, lambda now: {}, stats, "broker:1883")
    async with publisher.publishing():
        await broker.comes()
        assert "home/stats" not in broker.taken()
        await asyncio.sleep(1.1)
        assert "home/stats" in broker.taken()
    (record,) = caplog.records
    assert record.message == "publishing at broker:1883 went wrong, and is begun again"
