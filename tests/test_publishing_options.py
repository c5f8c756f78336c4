"""Where answers are published, as options say it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.cli.publishing import mqtt_config, webhook_config
from jellyfish.config import MqttConfig, ServerConfig
from jellyfish.modes.run import run_info


@pytest.mark.parametrize(
    ("url", "config"),
    [
        ("mqtt://broker", MqttConfig("broker")),
        ("mqtts://Broker.lan/", MqttConfig("broker.lan", 8883, tls=True)),
        ("mqtt://[::1]:1884/home/cameras/", MqttConfig("::1", 1884, topic="home/cameras")),
    ],
)
def test_brokers(url: str, config: MqttConfig) -> None:
    assert mqtt_config(url, None) == config
    assert mqtt_config(None, None) is None


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("broker:1883", "it begins with mqtt:// or mqtts://"),
        ("mqtt://", "it names no host"),
        ("mqtt://a b", "no host, or one with odd letters"),
        ("mqtt://broker:0", "its port is 0"),
        ("mqtt://broker:99999", "out of range"),
        ("mqtt://user:secret@broker", "could be read by all of this machine"),
        ("mqtt://broker/home/#", "nothing goes behind the topic"),
        ("mqtt://broker/+/x", "has no"),
        ("mqtt://broker/$SYS", "does not begin with"),
        ("mqtt://broker/x?y", "nothing goes behind the topic"),
        ("mqtt://[::1", "Invalid IPv6 URL"),
    ],
)
def test_wrong_brokers(url: str, said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said) as caught:
        mqtt_config(url, None)
    assert "secret" not in caught.value.message


def test_a_hook_is_written_down_without_what_may_be_secret() -> None:
    config = ServerConfig(webhook=webhook_config("https://hooks.example.org:8443/services/T0/secret?key=secret", None))
    told = msgspec.json.encode(run_info("serve", datetime(2026, 1, 2, tzinfo=UTC), 0, config, [], "none"))
    assert b"https://hooks.example.org:8443/..." in told
    assert b"secret" not in told
    assert "secret" not in repr(config)
    with pytest.raises(typer.BadParameter, match="it begins with http:// or https://"):
        webhook_config("ftp://hooks.example.org", None)


def serve(*options: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["serve", "--check", *map(str, options)])


def test_a_token_that_cannot_be_read_is_said_before_anything_begins(tmp_path: Path) -> None:
    done = serve("--webhook", "https://hooks.example.org/x", "--webhook-token", tmp_path / "none")
    assert (done.exit_code, "cannot be read" in done.output) == (2, True), done.output
