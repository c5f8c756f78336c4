"""An MQTT broker, reached on a thread of the library's own, so that whatever it does holds up no frame.

The library connects again for ever. All is sent at most once (QoS 0) over a connection: when there is a new one, what
holds is said anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from jellyfish.config import MqttConfig
from jellyfish.server.publishing.bulletin import Notice

if TYPE_CHECKING:
    from paho.mqtt.client import Client as PahoClient
    from paho.mqtt.client import MQTTMessage, MQTTMessageInfo
    from paho.mqtt.reasoncodes import ReasonCode

KEEP_ALIVE_S = 15
"""A connection that is dead without a word is noticed within one and a half times this, at both ends."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1, 8
"""Before the broker is tried again."""
CONNECTING_S = 5.0
MOST_UNSENT = 16
"""Messages that the library may hold; more are not given to it while the broker does not take these."""


@dataclass(frozen=True, slots=True)
class Login:
    """How the server proves at a broker who it is."""

    user: str
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is told of a broker, on the event loop."""

    reached: Callable[[], None]
    lost: Callable[[str], None]
    """And why; also each time that it could not be reached."""
    found: Callable[[Notice], None]
    """A message that it keeps, or that somebody has sent, of the topics that were asked for."""


class Broker(Protocol):
    """What a publisher needs of one."""

    def begin(self, will: Notice, filters: Sequence[str], hearing: Hearing) -> None:
        """Reach it, and go on trying for ever. Returns at once."""

    def post(self, post: Notice) -> None:
        """Give it a message. Returns at once; lost where it cannot be reached."""

    async def room(self) -> None:
        """Wait until it has taken (nearly) all that it was given."""

    def end(self) -> None:
        """Say good-bye, after what was posted. Returns at once."""


class MqttBroker:
    """A real one. To be used on the event loop that it was begun on."""

    def __init__(self, config: MqttConfig, login: Login | None) -> None:
        """`login`: None where the broker asks for none."""
        self._config, self._login = config, login
        self._unsent: deque[MQTTMessageInfo] = deque()
        self._client: PahoClient | None = None
        self._sent = asyncio.Event()

    def begin(self, will: Notice, filters: Sequence[str], hearing: Hearing) -> None:
        """Reach it, and go on trying for ever. Returns at once."""
        self._client = client = self._made(will)
        _listen(client, filters, hearing, asyncio.get_running_loop(), self._sent)
        client.connect_async(self._config.host, self._config.port, KEEP_ALIVE_S)
        client.loop_start()

    def post(self, post: Notice) -> None:
        """Give it a message. Returns at once; lost where it cannot be reached."""
        if self._client is not None and self._client.is_connected():
            self._unsent.append(self._client.publish(post.topic, post.payload, retain=post.retain))

    async def room(self) -> None:
        """Wait until it has taken (nearly) all that it was given."""
        self._sent.clear()
        while not self._has_room():
            await self._sent.wait()
            self._sent.clear()

    def _has_room(self) -> bool:
        while self._unsent and _is_over(self._unsent[0]):
            self._unsent.popleft()
        return len(self._unsent) < MOST_UNSENT

    def end(self) -> None:
        """Say good-bye, after what was posted. Returns at once."""
        if self._client is not None:
            self._client.disconnect()

    def _made(self, will: Notice) -> PahoClient:
        from paho.mqtt.client import Client, MQTTv311  # an extra, which not everybody has
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2, f"jellyfish-{uuid.uuid4().hex[:12]}", protocol=MQTTv311)
        client.connect_timeout = CONNECTING_S
        client.reconnect_delay_set(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        if self._login is not None:
            client.username_pw_set(self._login.user, self._login.password)
        if self._config.tls:
            client.tls_set_context(ssl.create_default_context())
        return client


def _is_over(info: MQTTMessageInfo) -> bool:
    """Whether a message was sent, or never will be."""
    try:
        return info.is_published()
    except (RuntimeError, ValueError):  # its connection has ended
        return True


def _listen(
    client: PahoClient,
    filters: Sequence[str],
    hearing: Hearing,
    loop: asyncio.AbstractEventLoop,
    sent: asyncio.Event,
) -> None:
    """Have what the library says on its own thread told on the event loop. `sent`: some message was."""

    def tell(what: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(what, *arguments)

    def connected(client: PahoClient, data: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        if code.is_failure:
            tell(hearing.lost, f"it says: {code}")
        else:
            client.subscribe([(each, 0) for each in filters])
            tell(hearing.reached)

    def failed(client: PahoClient, data: Any) -> None:
        error = sys.exc_info()[1]  # the library calls this where it has caught it
        why = getattr(error, "strerror", None) or error or "it cannot be reached"
        tell(hearing.lost, str(why))

    def published(client: PahoClient, data: Any, number: int, code: ReasonCode, properties: Any) -> None:
        if not sent.is_set():  # nobody waits else, and need not be woken
            tell(sent.set)

    def disconnected(client: PahoClient, data: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        tell(hearing.lost, f"the connection has ended ({code})")

    def heard(client: PahoClient, data: Any, message: MQTTMessage) -> None:
        tell(hearing.found, Notice(message.topic, bytes(message.payload), message.retain))

    client.on_connect, client.on_connect_fail = connected, failed
    client.on_disconnect, client.on_message, client.on_publish = disconnected, heard, published
