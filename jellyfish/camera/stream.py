"""A client's stream: a connection to a server, held open over an emulated link until goodbye is said.

What is said when is decided by `protocol.client_stream`, when to try again by `retries`; here are sockets and tasks.
What is sent, and what the answers mean, is the owner's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import aiohttp

from jellyfish.camera.reaching import why_refused, why_unreachable
from jellyfish.camera.retries import is_hopeless, is_hopeless_status
from jellyfish.camera.server_choice import ServerChoice
from jellyfish.camera.stream_log import SILENT, StreamLog
from jellyfish.clock import call_at, seconds_now
from jellyfish.errors import ProtocolError, each_error
from jellyfish.link.link import Downlink, Link
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire
from jellyfish.protocol.client_stream import ClientState, ClientStream
from jellyfish.protocol.served_model import ServedModel
from jellyfish.waiting import Signal

CONNECT_S = 10.0
"""Longest wait for a connection and its upgrade."""
CONNECT_OTHERWISE_S = 3.0
"""The same while there is another server to try: a machine that is gone refuses nothing."""
CLOSE_S = 1.0
"""Longest wait for the server's part in closing a connection."""
SILENT_S = 2.0
"""A server that has said nothing for longer, whose pings come twice a second, is not there, whatever the connection."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """Whose stream it is. All but `talk` return at once; times are the event loop's."""

    async def talk(self) -> None:
        """Send what there is to send. Begun anew with each connection and cancelled when that is lost."""
        ...

    def welcomed(self, welcome: wire.Welcome, model: ServedModel) -> None:
        """The server has taken the client in, and `model` answers, which may be another one than before.

        Its first plan follows. ProtocolError when its terms will not do.
        """
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
        """The connection is gone, or could not be made; it will be tried again, unless that is hopeless."""
        ...


class _EndOfStream(bytes):
    """Stands on the emulated way back for the end of the connection: no message of a server's is this object."""


_END_OF_STREAM = _EndOfStream()


class Stream:
    """One client's way to a server. `run` once; afterwards `farewell` holds the server's account, if it gave one."""

    def __init__(
        self,
        owner: Owner,
        hello: wire.Hello,
        uplink: Shaper,
        downlink: Shaper,
        clock: Callable[[float], float],
        log: StreamLog | None = None,
        choice: ServerChoice | None = None,
    ) -> None:
        """`clock` turns the event loop's time into the client's own, which is what it tells the server.

        `log` is told of plans and outages; it is the owner's to say from when to when frames are wanted. `choice` knows
        of servers what streams before have learnt.
        """
        self.log = log or StreamLog(hello.client)
        self.plan: wire.PlanMessage | None = None
        """The newest; None while the server has not taken the client in."""
        self.farewell: wire.Farewell | None = None
        self.refusal: str | None = None
        """What the server last said when it ended the stream; None when it never did."""
        self.model: ServedModel | None = None
        """What answers, or did while there was a server; None before the first welcome."""
        self.let_in = False
        """Whether a server has ever taken the client in."""
        self.unreachable: str | None = None
        """Why no connection could be made when that was last tried, in words; None when one was."""
        self._owner, self._hello, self._clock = owner, hello, clock
        self._uplink_shaper, self._downlink_shaper = uplink, downlink
        self._uplink: Link | None = None
        self._conversation: ClientStream | None = None
        self._choice = choice or ServerChoice(hello.client)
        self._hopeless = self._stopped = False
        self._lost_because = ""
        """Why the newest connection ended."""
        self._loop = asyncio.get_running_loop()
        self._alarm = Signal(self._loop)
        """Set when a time of the conversation's has come, or may be another now."""
        self._answering: asyncio.Task[None] | None = None
        self._finished = asyncio.Event()

    @property
    def open(self) -> bool:
        """Whether frames may be sent: the server has taken the client in, and goodbye is not said yet."""
        return self._conversation is not None and self._conversation.state is ClientState.OPEN

    @property
    def given_up(self) -> bool:
        """Whether every server has refused this client in a way that no further try would change."""
        return self._hopeless

    @property
    def elsewhere(self) -> str | None:
        """The address of the server that it is at or tries, unless that is the one it was told."""
        return self._choice.elsewhere

    async def run(self, http: aiohttp.ClientSession, url: str) -> None:
        """Hold a connection open until the farewell; a lost one is opened anew, here or elsewhere, unless it would be
        refused again.
        """
        self._choice.begin(url, "Authorization" in http.headers)
        while True:
            try:
                await self._connect(http, self._choice.url)
            except* (aiohttp.ClientError, ConnectionError, TimeoutError) as lost:
                self._lost(each_error(lost))
            except* ProtocolError as refused:
                self._refused(each_error(refused))
            if self._finished.is_set() or self._stopped:
                return
            pause_s = self._choice.pause_s(self._open_s)
            self._hopeless = pause_s is None
            now = seconds_now()
            self.log.lost(now - (self._silent_s(now) or 0.0), self._lost_because)
            self._conversation = self._uplink = self.plan = None
            self._owner.disconnected()
            if pause_s is None:
                _log.warning("%s: not tried again", self._hello.client)
                return
            await asyncio.sleep(pause_s)

    def away_s(self, now: float) -> float | None:
        """For how long there has been no server, or none that says anything; None while there is one."""
        away_s = self.log.away_s(now)
        return self._silent_s(now) if away_s is None and self.open else away_s

    def end_log(self, now: float) -> None:
        """No more frames are wanted from `now` on; a silence until then is an outage, too."""
        if (silent_s := self._silent_s(now)) is not None:
            self.log.lost(now - silent_s, SILENT)
        self.log.finish(now)

    def _silent_s(self, now: float) -> float | None:
        """For how long nothing was heard over this connection, where that is long; else None."""
        silent_s = 0.0 if self._conversation is None else now - self._conversation.heard_s
        return silent_s if silent_s > SILENT_S else None

    async def send(self, frame: wire.Frame) -> None:
        """Put a frame on the uplink; ConnectionResetError when there is no connection, or no longer."""
        if self._conversation is None:
            raise ConnectionResetError("not connected")
        self._conversation.frame(frame)
        await self._flush()

    async def say_goodbye(self, patience_s: float) -> None:
        """Tell the server that nothing more comes, and wait for its farewell, at most `patience_s` in all."""
        if self._conversation is None or not self.open:
            return
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(patience_s):
                self._conversation.bye(self._owner.report())
                await self._flush()
                await self._finished.wait()

    def stop(self) -> None:
        """Open no connection any more. Cancelling `run` is not enough: one that is lost in that moment hides it."""
        self._stopped = True

    async def _connect(self, http: aiohttp.ClientSession, url: str) -> None:
        """One connection, from its hello to its end."""
        timeout = aiohttp.ClientWSTimeout(ws_receive=None, ws_close=CLOSE_S)
        async with asyncio.timeout(CONNECT_OTHERWISE_S if self._choice.others else CONNECT_S):
            socket = await http.ws_connect(url, max_msg_size=MAX_ANSWER_BYTES, compress=0, timeout=timeout)
        self.unreachable = None
        async with socket:
            uplink = Link(self._uplink_shaper, socket.send_bytes)
            downlink = Downlink(self._downlink_shaper, self._take)
            conversation = ClientStream(self._hello, seconds_now(), self._clock)
            self._uplink, self._conversation = uplink, conversation
            with contextlib.closing(downlink):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(uplink.run())
                    tasks.create_task(downlink.run())
                    tasks.create_task(self._owner.talk())
                    tasks.create_task(self._keep_time(conversation))
                    await self._flush()
                    while (received := await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                        await downlink.send(received.data)
                    if received.type is aiohttp.WSMsgType.TEXT:
                        conversation.receive(received.data, seconds_now())
                    if socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                        raise ProtocolError("message_too_large", "closed by the server: a message was too large for it")
                    await downlink.send(_END_OF_STREAM)  # behind what is still on the emulated way back

    async def _keep_time(self, conversation: ClientStream) -> None:
        """Tell the conversation when its time has come. One timer at a time: one per message would cost far more."""
        while (time_s := conversation.next_timer_s) is not None:
            timer = call_at(self._loop, time_s, self._alarm.set)
            try:
                await self._alarm.wait()
            finally:
                timer.cancel()
            self._alarm.clear()
            if conversation.timeout(seconds_now()) and (report := self._owner.report()) is not None:
                conversation.report(report)
                await self._flush()

    async def _flush(self) -> None:
        """Send what the conversation has to say; whoever waits for room on the link is served in that order."""
        while (
            self._conversation is not None
            and self._uplink is not None
            and (data := self._conversation.data_to_send()) is not None
        ):
            await self._uplink.send(data)

    async def _flush_quietly(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever runs the connection learns of it there
            await self._flush()

    def _take(self, data: bytes) -> None:
        """Take in one message of the server's; ConnectionResetError when it was the last one."""
        conversation, now = self._conversation, seconds_now()
        if data is _END_OF_STREAM or conversation is None:
            raise ConnectionResetError("closed by the server")
        self._heard(now)
        events = conversation.receive(data, now)
        if not events:  # it was a ping
            self._answering = self._loop.create_task(self._flush_quietly())
        for event in events:
            match event:
                case wire.Result():
                    self._owner.answered(event, now)
                case wire.Arrived():
                    self._owner.arrived(event, now)
                case wire.PlanMessage():
                    self._take_plan(event, now)
                case wire.Welcome():
                    self.model = conversation.model
                    assert self.model is not None  # a conversation knows it from the welcome on
                    self._owner.welcomed(event, self.model)
                    self._choice.name(event.alternatives)
                    self.let_in = True
                    self.log.opened(now)
                    self._take_plan(event.plan, now)
                    self._alarm.set()
                case wire.Farewell():
                    self.farewell = event
                    self._finished.set()
                case wire.ErrorMessage():
                    raise self._sent_away(event)

    def _heard(self, now: float) -> None:
        """A message is here, perhaps after a long silence."""
        if (silent_s := self._silent_s(now)) is not None:
            self.log.silent(now - silent_s, now)

    def _sent_away(self, why: wire.ErrorMessage) -> ProtocolError:
        """The server ends the stream; it may know who has a place for this client."""
        if why.alternatives:
            self._choice.name(why.alternatives)
        return ProtocolError(why.code, f"refused by the server ({why.code}): {why.message}")

    def _take_plan(self, plan: wire.PlanMessage, now: float) -> None:
        self.plan = plan
        if self.model is not None and plan.version:
            self.model = replace(self.model, name=plan.model, version=plan.version)
        self.log.planned(plan, now, self._choice.elsewhere)
        self._owner.planned(plan)

    # --- how a connection ended --------------------------------------------------------------------------

    @property
    def _open_s(self) -> float:
        """How long the newest stream has been open; 0 where it never was."""
        opened_s = None if self._conversation is None else self._conversation.opened_s
        return 0.0 if opened_s is None else seconds_now() - opened_s

    def _lost(self, errors: list[aiohttp.ClientError | ConnectionError | TimeoutError]) -> None:
        self._lost_because = "; ".join(str(error) or type(error).__name__ for error in errors)
        for error in errors:
            _log.info("%s: connection lost: %r", self._hello.client, error)
            if isinstance(error, aiohttp.WSServerHandshakeError):
                self.refusal = why_refused(error.status)
                if is_hopeless_status(error.status):
                    self._choice.strike()
            elif self._conversation is None:
                self.unreachable = why_unreachable(error)

    def _refused(self, errors: list[ProtocolError]) -> None:
        self.refusal = self._lost_because = "; ".join(map(str, errors))
        _log.warning("%s: %s", self._hello.client, self.refusal)
        if any(is_hopeless(error.code, self._open_s) for error in errors):
            self._choice.strike()
