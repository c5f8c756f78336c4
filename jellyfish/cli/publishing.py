"""Options of where a server publishes answers, as values; typer.BadParameter where they say nothing sensible."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import typer

from jellyfish.config import DEFAULT_TOPIC, MqttConfig, SecretUrl, WebhookConfig

MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}
"""Scheme -> its usual port; the second one's connections are encrypted."""
LONGEST_URL, LONGEST_TOPIC = 4096, 256
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]+")

Mqtt = Annotated[
    str | None,
    typer.Option(
        help="Broker at which answers, counts and states are published: mqtt://HOST[:PORT][/TOPIC], or mqtts:// with "
        "TLS (needs the extra `mqtt`; docs/publishing.md)."
    ),
]
MqttCredentials = Annotated[
    Path | None,
    typer.Option(
        help="File with the broker's user in its first line and the password in its second. Without it "
        "JELLYFISH_MQTT_USER and JELLYFISH_MQTT_PASSWORD of the environment are taken."
    ),
]
Webhook = Annotated[
    str | None,
    typer.Option(help="URL, http:// or https://, that answers are posted to in batches (docs/publishing.md)."),
]
WebhookToken = Annotated[
    Path | None,
    typer.Option(
        help="File whose first line is the token that such a post brings with it. Without it JELLYFISH_WEBHOOK_TOKEN "
        "of the environment is taken."
    ),
]


def mqtt_config(url: str | None, credentials: Path | None) -> MqttConfig | None:
    """`mqtts://broker.lan/garage` -> its parts; None of none."""
    if url is None:
        return None
    option = "--mqtt"
    parts, port = _parts(url, option, MQTT_PORTS)
    if parts.query or "#" in url:
        raise _wrong(option, "nothing goes behind the topic")
    topic = parts.path.strip("/") or DEFAULT_TOPIC
    if not topic.isprintable() or {"+", "#"} & set(topic) or topic.startswith("$") or len(topic) > LONGEST_TOPIC:
        raise _wrong(option, "a topic has no + and no #, and does not begin with $")
    return MqttConfig(parts.hostname or "", port, parts.scheme == "mqtts", topic, credentials)


def webhook_config(url: str | None, token_file: Path | None) -> WebhookConfig | None:
    """A URL to post to; None of none."""
    if url is None:
        return None
    _parts(url, "--webhook", {"http": 80, "https": 443})
    return WebhookConfig(SecretUrl(url), token_file)


def _parts(url: str, option: str, ports: dict[str, int]) -> tuple[SplitResult, int]:
    """A URL taken apart, and its port. What is wrong is said without the URL, which may hold a secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _wrong(option, str(error)) from None
    if parts.scheme not in ports:
        raise _wrong(option, f"it begins with {' or '.join(f'{scheme}://' for scheme in ports)}")
    if parts.username is not None or parts.password is not None:
        raise _wrong(option, "a password in it could be read by all of this machine; docs/publishing.md says where to")
    if _HOST.fullmatch(parts.hostname or "") is None:
        raise _wrong(option, "it names no host, or one with odd letters")
    if port == 0 or len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        raise _wrong(option, "its port is 0, or it is too long, or holds blanks")
    return parts, port or ports[parts.scheme]


def _wrong(option: str, why: str) -> typer.BadParameter:
    return typer.BadParameter(f"the URL cannot be used: {why}", param_hint=option)
