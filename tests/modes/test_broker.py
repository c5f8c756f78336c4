"""The MQTT library against a broker on a real socket: login, last will, what is kept, and one that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jellyfish.config import MqttConfig, SecretUrl, ServerConfig, WebhookConfig
from jellyfish.errors import InputError
from jellyfish.modes.broker import Login, MqttBroker
from jellyfish.modes.mqtt import MqttPublisher
from jellyfish.modes.publishing import Publishing
from jellyfish.server.publishing.bulletin import Bulletin
from jellyfish.server.watching.hub import Hub
from tests.modes.fake_broker import FakeBroker, fake_broker
from tests.modes.test_mqtt import no_stats
from tests.server.publishing.frames import box, seen

pytest.importorskip("paho.mqtt", reason="paho-mqtt, of the extra `mqtt`, is not installed")


@contextlib.asynccontextmanager
async def published(port: int, hub: Hub, states: dict[str, str], login: Login | None = None) -> AsyncIterator[None]:
    broker = MqttBroker(MqttConfig("127.0.0.1", port, topic="home"), login)
    publisher = MqttPublisher(broker, Bulletin("home"), hub, lambda now: states, no_stats, "the broker")
    async with publisher.publishing():
        yield


class Told(logging.Handler):
    """Says when something was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.something = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.something.set()


async def answers(broker: FakeBroker, hub: Hub) -> None:
    """Answers come until the broker has heard one."""
    heard = len(broker.heard)
    while not any(topic == "home/gate/answers" for topic, _, _ in broker.heard[heard:]):
        hub.publish(seen(1.0, box("car")))
        await asyncio.sleep(0.01)


async def test_a_server_says_who_it_is_what_it_sees_and_that_it_goes() -> None:
    async with fake_broker() as broker:
        broker.kept["home/old/state"] = b"live"
        hub = Hub()
        async with published(broker.port, hub, {"gate": "live"}, Login("jelly", "fish")):
            await broker.until(lambda: broker.kept.get("home/old/state") == b"offline")
            await answers(broker, hub)
            (session,) = broker.sessions
            assert session.login == ("jelly", "fish")
            assert session.will == ("home/available", b"offline", True)
            assert broker.kept == {
                "home/available": b"online", "home/gate/state": b"live", "home/old/state": b"offline"
            }  # fmt: skip
        await broker.until(lambda: not broker.sessions)
        assert session.will is None  # it said good-bye
        assert set(broker.kept.values()) == {b"offline"}
        assert hub.watchers == 0


async def test_a_broker_that_is_killed_and_comes_back_knows_what_holds() -> None:
    async with fake_broker() as broker:
        hub, states = Hub(), {"gate": "live"}
        async with published(broker.port, hub, states):
            await answers(broker, hub)
            await broker.kill()
            broker.kept.clear()
            states["gate"] = "silent"
            await broker.start()
            await broker.until(lambda: broker.kept.get("home/gate/state") == b"silent")
            assert broker.kept["home/available"] == b"online"
            await answers(broker, hub)


async def test_a_server_that_is_gone_without_a_word_is_offline() -> None:
    async with fake_broker() as broker, published(broker.port, Hub(), {}):
        await broker.until(lambda: broker.kept.get("home/available") == b"online")
        (session,) = broker.sessions
        session.writer.transport.abort()
        await broker.until(lambda: ("home/available", b"offline", True) in broker.heard)
        await broker.until(lambda: broker.kept["home/available"] == b"online")  # it is not: it says so


async def test_a_refusal_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_broker() as broker:
        broker.refuses = True
        told = Told()
        logging.getLogger("jellyfish.modes.mqtt").addHandler(told)
        async with published(broker.port, Hub(), {}):
            await told.something.wait()
        logging.getLogger("jellyfish.modes.mqtt").removeHandler(told)
    assert "Not authorized" in caplog.records[0].message


def test_credentials_come_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("jelly\nfish and chips\n")
    (tmp_path / "empty").touch()
    broker, hook = MqttConfig("broker"), WebhookConfig(SecretUrl("https://hooks.example.org/secret"))
    told = ServerConfig(mqtt=MqttConfig("broker", credentials=tmp_path / "login"), webhook=hook)
    both = Publishing(told, {"JELLYFISH_WEBHOOK_TOKEN": "abc"})
    assert (both.login, both.token) == (Login("jelly", "fish and chips"), "abc")
    assert Publishing(ServerConfig(mqtt=broker), {"JELLYFISH_MQTT_USER": "jelly"}).login == Login("jelly", None)
    assert Publishing(ServerConfig(mqtt=broker), {}).login is None
    assert "fish" not in repr(both.login)
    for config, environment, said in (
        (ServerConfig(mqtt=MqttConfig("broker", credentials=tmp_path / "none")), {}, "cannot be read"),
        (ServerConfig(mqtt=MqttConfig("broker", credentials=tmp_path / "empty")), {}, "is empty: its first line"),
        (ServerConfig(mqtt=broker), {"JELLYFISH_MQTT_PASSWORD": "fish"}, "JELLYFISH_MQTT_USER is not"),
        (ServerConfig(webhook=hook), {"JELLYFISH_WEBHOOK_TOKEN": "two words"}, "is no token"),
    ):
        with pytest.raises(InputError, match=said):
            Publishing(config, environment)
