"""The gate: an asyncio protocol around the HTTP server's own, which gets no byte that has not been let on.

`gated` makes it; both real sockets and those in memory listen with it. What is decided is in `inlet` and `admission`;
here it is done: reading pauses and goes on, connections are cut, timers are set.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import msgspec

from jellyfish.clock import call_at, seconds_now
from jellyfish.config import Limits
from jellyfish.server.gate.admission import Admission
from jellyfish.server.gate.inlet import Inlet, Phase, RequestKind
from jellyfish.server.gate.sparing_log import SparingLog

CLOSING_S = 5.0
"""A client that does not take the last of what it was sent within this is cut off."""
LEAST_PAUSE_S = 0.002
READ_SIZE = 64 * 1024
"""Bytes of one read at most, and so what is held back of one connection."""

_Factory = Callable[[], asyncio.Protocol]


def gated(server: _Factory, keeper: Doorkeeper) -> Callable[[], asyncio.BaseProtocol]:
    """What to listen with: every connection gets a gate before a protocol made by `server`."""
    return lambda: Gate(keeper, server)


class Doorkeeper:
    """All connections of one listening server."""

    def __init__(self, limits: Limits, room: Callable[[], float]) -> None:
        """`room`: the share (0..1) that the host can give of what connections may cost it beyond what plans ask for."""
        self.limits, self.room = limits, room
        self.admission = Admission(limits)
        self.buffer = memoryview(bytearray(READ_SIZE))
        """Where every connection reads into, one after the other: what is read is taken out before the next read."""
        self.on_refused: Callable[[str], None] = lambda cause: None
        """Told of each connection that was not let in, or had to make room, by what cause."""
        self.log = SparingLog(logging.getLogger(__name__))
        self._timer: asyncio.TimerHandle | None = None

    def keep_to(self, limits: Limits) -> None:
        """These hold from now on; for connections that are there, as far as they are counted."""
        self.limits = limits
        self.admission.keep_to(limits)

    def opened(self, gate: Gate) -> None:
        """A connection was accepted: it, or one that has been here for longer, may have to go."""
        loser = self.admission.opened(gate, gate.address)
        if isinstance(loser, Gate):
            self.on_refused("too_many_connections")
            loser.cut("too many connections that carry no stream")
            self.admission.closed(loser)  # before others come: it is told of its end only later

    def asked(self, gate: Gate, kind: RequestKind) -> None:
        """A request is here whole."""
        self.admission.asked(gate, kind)
        self._let_on()

    def _let_on(self) -> None:
        now = seconds_now()
        self.admission.make_room(self.room())
        for gate in self.admission.let_on(now):
            if isinstance(gate, Gate):
                gate.go_on()
        wait_s = self.admission.wait_s(now)
        if self._timer is None and wait_s < float("inf"):
            self._timer = call_at(asyncio.get_running_loop(), now + max(wait_s, LEAST_PAUSE_S), self._again)

    def _again(self) -> None:
        self._timer = None
        self._let_on()

    def close(self) -> None:
        """Let nobody on any more, and close connections that the HTTP server does not know of, and so would not."""
        if self._timer is not None:
            self._timer.cancel()
        for gate in self.admission.those_without_stream():
            if isinstance(gate, Gate) and not gate.known_to_server:
                gate.close()


class Gate(asyncio.Protocol, asyncio.BufferedProtocol):
    """One connection's. What it is told it tells the HTTP server's protocol, except for bytes that have to wait."""

    def __init__(self, keeper: Doorkeeper, make_server: _Factory) -> None:
        """`make_server`: called for the first request that is let on. Who only connects costs little."""
        self.address = ""
        self.asked_s = 0.0
        """When the newest request was here whole, but for its body."""
        self._keeper, self._make_server = keeper, make_server
        self._server: asyncio.Protocol | None = None
        self._inlet = Inlet(keeper.limits)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._outlet: Outlet
        self._reading = True
        self._server_reads = True
        self._resuming: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    # --- what the network says ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place; the request has to come soon."""
        self._transport = transport = cast(asyncio.Transport, transport)  # uvloop's own say that they are none
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        self._outlet = Outlet(self, transport)
        self._wait_for_request(self._keeper.limits.request_timeout_s)
        self._keeper.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._keeper.admission.closed(self)
        for timer in (self._deadline, self._resuming):
            if timer is not None:
                timer.cancel()
        self._transport = None
        if self._server is not None:
            self._server.connection_lost(exc)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read into."""
        return self._keeper.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So much was read into it."""
        self.data_received(bytes(self._keeper.buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._inlet.receive(data, seconds_now())
        if self._inlet.phase in (Phase.STREAM, Phase.ANSWERING):
            self._pass_on()
        elif self._inlet.too_long:
            self._refuse("431 Request Header Fields Too Large", "the request is too long")
        elif self._inlet.phase is Phase.ASKED:
            self._ask()
        self._pace()

    def eof_received(self) -> bool | None:
        """The client sends nothing more, and so wants nothing more."""
        return None if self._server is None else self._server.eof_received()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        if self._server is not None:
            self._server.pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._server is not None:
            self._server.resume_writing()

    @property
    def known_to_server(self) -> bool:
        """Whether a request of its was ever let on."""
        return self._server is not None

    # --- requests ----------------------------------------------------------------------------------------

    def _wait_for_request(self, timeout_s: float) -> None:
        self._deadline = call_at(self._loop, seconds_now() + timeout_s, self._request_overdue)

    def _request_overdue(self) -> None:
        self._refuse("408 Request Timeout", "the request did not come in time")

    def _ask(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._inlet.goes_on_behind:
            self._refuse("400 Bad Request", "this is no HTTP/1.1 request")
            return
        if (refused := self._inlet.refused_body) is not None:
            self._refuse(*refused)
            return
        self.asked_s = seconds_now()
        self._keeper.asked(self, self._inlet.kind)

    def go_on(self) -> None:
        """The request may be answered."""
        if self._transport is None or self._inlet.phase is not Phase.ASKED:
            return
        if self._server is None:
            self._server = self._make_server()
            self._server.connection_made(self._outlet)
        self._server.data_received(self._inlet.take_request())
        self._pass_on()
        self._pace()

    def answered(self, data: bytes) -> None:
        """The server has begun to write its answer."""
        if self._inlet.phase is not Phase.ANSWERING:
            return
        phase = self._inlet.answered(data)
        if phase is Phase.ANSWERING:
            return
        self._keeper.admission.answered(self)
        if phase is Phase.OVER:
            self._wait_for_request(CLOSING_S)  # the HTTP server closes it behind its answer, or this does
        elif phase is Phase.STREAM:
            self._outlet.write_straight()
            self._loop.call_soon(self._pass_on)  # what came behind the request, however little
        elif phase is Phase.LASTING:
            self._outlet.write_straight()
        elif phase is Phase.REQUEST:
            self._wait_for_request(self._keeper.limits.keep_alive_s)
        else:
            self._loop.call_soon(self._ask)  # the answer before is not finished yet
        self._pace()

    def _refuse(self, status: str, why: str) -> None:
        """Say why in the least of words, and close."""
        if self._transport is None or self._transport.is_closing():
            return
        self._keeper.on_refused(f"http_{status[:3]}")
        self._keeper.log.line(f"request from {self.address} refused: {why}")
        kind, text = "text/plain", f"{why}\n".encode()
        if self._inlet.kind is RequestKind.INFERENCE:  # its clients understand nothing else
            kind, text = "application/json", msgspec.json.encode({"error": why})
        head = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(text)}", "Connection: close")
        self._transport.write("\r\n".join((*head, "", "")).encode() + text)
        self.close()

    # --- a stream ----------------------------------------------------------------------------------------

    def begins(self, address: str | None) -> str | None:
        """The request that is being answered is to become a stream for a client at `address`; why not, or None."""
        return self._keeper.admission.begins(self, address)

    def watches(self, address: str, by_socket: bool) -> str | None:
        """What is answered now goes on for as long as somebody at `address` watches, over a WebSocket or as the body of
        the answer; why not, or None."""
        why = self._keeper.admission.begins(self, address, watching=True)
        if why is None and not by_socket:
            self._inlet.lasts()
        return why

    def agree(self, fps: float) -> None:
        """The stream is for so many frames a second."""
        self._inlet.agree(fps)

    def _pass_on(self) -> None:
        if self._server is not None and self._server_reads and (data := self._inlet.release(seconds_now())):
            self._server.data_received(data)

    # --- reading -----------------------------------------------------------------------------------------

    def server_reads(self, reads: bool) -> None:
        """The server wants nothing more for now, or wants more."""
        self._server_reads = reads
        if reads:
            self._pass_on()
        self._pace()

    def _pace(self) -> None:
        """Read on, or not; and when to see again."""
        if self._transport is None or self._transport.is_closing():
            return
        now = seconds_now()
        if self._inlet.phase in (Phase.STREAM, Phase.ANSWERING):
            self._inlet.make_room(self._keeper.room())
        pause_s = self._inlet.pause_s(now) if self._server_reads else float("inf")
        if (pause_s <= 0) != self._reading:
            self._reading = not self._reading
            (self._transport.resume_reading if self._reading else self._transport.pause_reading)()
        if 0 < pause_s < float("inf") and self._resuming is None:
            self._resuming = call_at(self._loop, now + max(pause_s, LEAST_PAUSE_S), self._see_again)

    def _see_again(self) -> None:
        self._resuming = None
        self._pass_on()
        self._pace()

    # --- the end -----------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the connection behind what has been written; soon, whatever the client does."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            if self._transport is not None and self._transport.get_write_buffer_size():
                call_at(self._loop, seconds_now() + CLOSING_S, self._transport.abort)

    def cut(self, why: str) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._keeper.log.line(f"connection from {self.address} cut: {why}")
            self._transport.abort()


class Outlet(asyncio.Transport):
    """The transport as the HTTP server sees it: writing is as it is, reading and closing go by the gate."""

    def __init__(self, gate: Gate, transport: asyncio.Transport) -> None:
        super().__init__()
        self.gate, self._transport = gate, transport
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        self.get_write_buffer_size = transport.get_write_buffer_size  # type: ignore[method-assign]

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """To the client."""
        self._transport.write(data)
        self.gate.answered(bytes(data[:16]))

    def write_straight(self) -> None:
        """The gate need not see what is written any more: thousands of messages a second."""
        self.write = self._transport.write  # type: ignore[method-assign]

    def writelines(self, list_of_data: object) -> None:
        """To the client."""
        self.write(b"".join(list_of_data))  # type: ignore[arg-type]

    def can_write_eof(self) -> bool:
        """No half-closed connections."""
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When the server is told to pause writing."""
        self._transport.set_write_buffer_limits(high, low)

    def pause_reading(self) -> None:
        """The server has enough to do."""
        self.gate.server_reads(False)

    def resume_reading(self) -> None:
        """The server wants more."""
        self.gate.server_reads(True)

    def is_reading(self) -> bool:
        """Whether it does."""
        return self._transport.is_reading()

    def close(self) -> None:
        """Behind what has been written."""
        self.gate.close()

    def abort(self) -> None:
        """At once."""
        self._transport.abort()
