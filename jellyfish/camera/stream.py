"""A client's stream: a connection to a server, held open over an emulated link until goodbye is said.

It connects, says hello, answers pings, and connects again when the connection was lost. What is sent over it, and
what the answers mean, is its owner's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

import aiohttp

from jellyfish.clock import seconds_now
from jellyfish.errors import ProtocolError
from jellyfish.link.link import Downlink, Link
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire
from jellyfish.waiting import sleep_until

RETRY_S = 0.25
"""Pause before a lost connection is tried again."""
CLOSE_S = 1.0
"""Longest wait for the server's part in closing a connection."""
SILENCE_S = 10.0
"""A server that says nothing at all for so long is taken for gone: its pings come twice a second."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
REPORT_PERIOD_S = 1.0
"""How often a server that takes reports gets one."""
END_OF_STREAM = b""
"""Stands on the emulated way back for the end of the connection."""

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Whose stream it is. All but `talk` return at once; times are the event loop's."""

    async def talk(self) -> None:
        """Send what there is to send. Begun anew with each connection and cancelled when that is lost."""
        ...

    def welcomed(self, welcome: wire.Welcome) -> None:
        """The server has taken the client in; its first plan follows. ProtocolError when its terms will not do."""
        ...

    def planned(self, plan: wire.PlanMessage) -> None:
        """This is the plan from now on."""
        ...

    def report(self) -> wire.Report | None:
        """What became of the frames captured since the welcome; None where the owner keeps no account of them."""
        ...

    def arrived(self, arrival: wire.Arrived, now: float) -> None:
        """A frame is with the server; its answer is still to come. Told where the hello asked for it."""
        ...

    def answered(self, result: wire.Result, now: float) -> None:
        """The answer to a frame is here."""
        ...

    def disconnected(self) -> None:
        """The connection is gone, or could not be made; it will be tried again."""
        ...


class Stream:
    """One client's way to a server. `run` once; afterwards `farewell` holds the server's account, if it gave one."""

    def __init__(
        self, owner: Owner, hello: wire.Hello, uplink: Shaper, downlink: Shaper, clock: Callable[[float], float]
    ) -> None:
        """`clock` turns the event loop's time into the client's own, which is what it tells the server."""
        self.plan: wire.PlanMessage | None = None
        """The newest; None while the server has not taken the client in."""
        self.farewell: wire.Farewell | None = None
        self.refusal: str | None = None
        """What the server last said when it ended the stream; None when it never did."""
        self._owner, self._hello, self._clock = owner, hello, clock
        self._uplink_shaper, self._downlink_shaper = uplink, downlink
        self._uplink: Link | None = None
        self._said_bye = self._stopped = self._reports = False
        self._loop = asyncio.get_running_loop()
        self._answering: asyncio.Task[None] | None = None
        self._heard_s = 0.0
        """When the server was last heard."""
        self._finished = asyncio.Event()

    async def run(self, http: aiohttp.ClientSession, url: str) -> None:
        """Hold a connection open until the farewell; a lost one is opened anew."""
        while True:
            try:
                await self._connect(http, url)
            except* (aiohttp.ClientError, ConnectionError, TimeoutError) as errors:
                _log.info("%s: connection lost: %s", self._hello.client, errors.exceptions[0])
            except* ProtocolError as errors:
                self.refusal = str(errors.exceptions[0])
                _log.warning("%s: %s", self._hello.client, errors.exceptions[0])
            if self._finished.is_set() or self._stopped:
                return
            self.plan, self._uplink = None, None
            self._owner.disconnected()
            await asyncio.sleep(RETRY_S)

    async def send(self, data: bytes) -> None:
        """Put an encoded message on the uplink; ConnectionResetError when there is no connection, or no longer."""
        if self._uplink is None:
            raise ConnectionResetError("not connected")
        await self._uplink.send(data)

    async def say_goodbye(self, patience_s: float) -> None:
        """Tell the server that nothing more comes, and wait for its farewell, at most `patience_s` in all."""
        if self.plan is None:
            return
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(patience_s):
                self._said_bye = True
                await self.send(wire.encode(wire.Bye(self._owner.report() if self._reports else None)))
                await self._finished.wait()

    def stop(self) -> None:
        """Open no connection any more. Cancelling `run` is not enough: one that is lost in that moment hides it."""
        self._stopped = True

    async def _connect(self, http: aiohttp.ClientSession, url: str) -> None:
        """One connection, from its hello to its end."""
        timeout = aiohttp.ClientWSTimeout(ws_receive=None, ws_close=CLOSE_S)
        async with http.ws_connect(url, max_msg_size=MAX_ANSWER_BYTES, compress=0, timeout=timeout) as socket:
            uplink = Link(self._uplink_shaper, socket.send_bytes)
            downlink = Downlink(self._downlink_shaper, self._handle)
            self._uplink = uplink
            self._heard_s, self._reports = seconds_now(), False
            with contextlib.closing(downlink):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(uplink.run())
                    tasks.create_task(downlink.run())
                    tasks.create_task(self._owner.talk())
                    tasks.create_task(self._watch_silence())
                    tasks.create_task(self._report())
                    await uplink.send(wire.encode(self._hello))
                    while (received := await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                        self._heard_s = seconds_now()
                        await downlink.send(received.data)
                    await downlink.send(END_OF_STREAM)  # behind what is still on the emulated way back

    async def _watch_silence(self) -> None:
        """End the connection once nothing has been heard for too long. A timer for each message would cost far more."""
        while (end_s := self._heard_s + SILENCE_S) > seconds_now():
            await sleep_until(self._loop, end_s)
        raise TimeoutError(f"nothing was heard from the server for {SILENCE_S:g} s")

    async def _report(self) -> None:
        """Tell the server once a second how its frames fared, if it takes that; nothing more after the goodbye."""
        while True:
            await sleep_until(self._loop, seconds_now() + REPORT_PERIOD_S)
            if self._reports and not self._said_bye and (report := self._owner.report()) is not None:
                await self.send(wire.encode(report))

    def _handle(self, data: bytes) -> None:
        """Take in one message of the server's; ConnectionResetError when it was the last one."""
        if data == END_OF_STREAM:
            raise ConnectionResetError("closed by the server")
        now = seconds_now()
        match message := wire.decode(data):
            case wire.Result():
                self._owner.answered(message, now)
            case wire.Arrived():
                self._owner.arrived(message, now)
            case wire.Ping():
                self._answering = self._loop.create_task(self._answer_ping(message, now))
            case wire.PlanMessage():
                self._take_plan(message)
            case wire.Welcome():
                self._owner.welcomed(message)
                self._reports = message.reports
                self._take_plan(message.plan)
            case wire.Farewell():
                self.farewell = message
                self._finished.set()
            case wire.ErrorMessage():
                raise ProtocolError(message.code, f"refused by the server ({message.code}): {message.message}")
            case _:
                raise ProtocolError("unexpected", f"a server does not send {type(message).__name__.lower()}")

    def _take_plan(self, plan: wire.PlanMessage) -> None:
        self.plan = plan
        self._owner.planned(plan)

    async def _answer_ping(self, ping: wire.Ping, now: float) -> None:
        # Nothing may follow the goodbye: the server closes on it, and a pong written to a closed connection
        # would break the stream off while the farewell is still on its way back.
        if not self._said_bye:
            with contextlib.suppress(ConnectionError):  # whoever runs the connection learns of it there
                await self.send(wire.encode(wire.Pong(ping.server_s, self._clock(now), self._clock(now))))
