"""The server's end of one stream's conversation. No I/O: messages in, events and messages out, `now` as an argument.

It may not know how messages travel, who the client is to the server, or what becomes of frames. It knows the order of
a conversation, its deadlines and its limits:

    WAITING  -- hello --> MEASURING -- pongs to the first pings --> READY -- open() --> OPEN -- bye --> ENDING

Whatever the client does wrong raises ProtocolError, after which the conversation is over. Whoever holds it calls
`receive` for each message, `timeout` when `next_timer_s` is there, and sends what `to_send` gives.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from dataclasses import dataclass

from jellyfish.config import Limits
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire

OPENING_PINGS = 4
"""Exchanges before the welcome: the uplink is idle then, so these are the best ones for the clock offset."""
PING_PERIOD_S, MOST_PING_PERIOD_S, FRAMES_A_PING = 0.5, 1.0, 2.0
"""A client of few frames is asked whenever it should have sent so many, for else pings cost more than its frames; but
no later than the second: a camera that hears nothing for twice as long takes its server for gone."""
MOST_OPEN_PINGS = 64
"""Pings whose pongs are waited for; the oldest is forgotten. Only what was asked for is taken in."""


class State(enum.Enum):
    """How far the conversation is."""

    WAITING = enum.auto()
    """For the hello."""
    MEASURING = enum.auto()
    """The first pings go to and fro."""
    READY = enum.auto()
    """They are done: the welcome is due."""
    OPEN = enum.auto()
    ENDING = enum.auto()
    """The client has said goodbye."""


@dataclass(frozen=True, slots=True)
class HelloSaid:
    """The client has said who it is."""

    hello: wire.Hello


@dataclass(frozen=True, slots=True)
class PongCame:
    """The answer to one of our pings."""

    pong: wire.Pong


@dataclass(frozen=True, slots=True)
class MeasuringDone:
    """The client answers: it can be welcomed."""


@dataclass(frozen=True, slots=True)
class FrameCame:
    """A frame is here."""

    frame: wire.Frame


@dataclass(frozen=True, slots=True)
class ReportCame:
    """The client's own account of its frames."""

    report: wire.Report


@dataclass(frozen=True, slots=True)
class ByeSaid:
    """The client sends no more; what is open is to be answered."""


Event = HelloSaid | PongCame | MeasuringDone | FrameCame | ReportCame | ByeSaid


class ServerStream:
    """One conversation, from its beginning at `now`."""

    def __init__(self, limits: Limits, now: float, phase: float = 0.0) -> None:
        """`phase` (0..1): how late in the period its pings come, so that not all clients are asked at the same time."""
        self._limits, self._phase = limits, phase
        self.state = State.WAITING
        self._heard_s = now
        self.ping_period_s = PING_PERIOD_S
        """Between the pings that go out by themselves."""
        self._ping_s = float("inf")
        """When the next ping goes out."""
        self._open_pings: OrderedDict[float, None] = OrderedDict()
        self._measured = 0
        self._out: list[wire.Message] = []

    # --- what comes --------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What one message means; ProtocolError for one that has no place here."""
        limit = self._limits.message_bytes
        if len(data) > limit:
            raise ProtocolError("message_too_large", f"{len(data)} bytes; at most {limit} are taken")
        message = wire.decode(data)
        if self.state is State.OPEN:  # before, only what was asked for keeps the deadline away
            self._heard_s = now
        match message:
            case wire.Frame() if self.state is State.OPEN:
                return [FrameCame(message)]
            case wire.Pong() if self.state in (State.MEASURING, State.READY, State.OPEN):
                return self._pong(message, now)
            case wire.Report() if self.state is State.OPEN:
                return [ReportCame(message)]
            case wire.Bye() if self.state is State.OPEN:
                return self._bye(message)
            case wire.Hello() if self.state is State.WAITING:
                return self._hello(message, now)
        raise ProtocolError("unexpected", self._out_of_place(message))

    def _hello(self, hello: wire.Hello, now: float) -> list[Event]:
        self.state = State.MEASURING
        self._heard_s = now
        slowest_s = min(MOST_PING_PERIOD_S, self._limits.silence_timeout_s / 2)  # by its pongs it is known to be there
        self.ping_period_s = max(PING_PERIOD_S, min(FRAMES_A_PING / hello.fps, slowest_s))
        self._ping(now)
        return [HelloSaid(hello)]

    def _pong(self, pong: wire.Pong, now: float) -> list[Event]:
        if pong.server_s not in self._open_pings:
            return []  # nobody asked
        del self._open_pings[pong.server_s]
        self._heard_s = now
        events: list[Event] = [PongCame(pong)]
        if self.state is State.MEASURING:
            self._measured += 1
            if self._measured < OPENING_PINGS:
                self._ping(now)
            else:
                self.state = State.READY
                events.append(MeasuringDone())
        return events

    def _bye(self, bye: wire.Bye) -> list[Event]:
        self.state = State.ENDING
        reported: list[Event] = [] if bye.report is None else [ReportCame(bye.report)]
        return [*reported, ByeSaid()]

    def _out_of_place(self, message: wire.Message) -> str:
        name = type(message).__name__.removesuffix("Message").lower()
        if self.state is State.WAITING:
            return f"expected hello, got {name}"
        if self.state is State.MEASURING and not isinstance(message, wire.Hello):
            return f"expected pong, got {name}"
        return f"a client does not send {name} here"

    # --- what goes ---------------------------------------------------------------------------------------

    def open(self, welcome: wire.Welcome, now: float) -> None:
        """Welcome the client: from here on frames may come. RuntimeError before `MeasuringDone`."""
        if self.state is not State.READY:
            raise RuntimeError(f"a stream is opened after its first exchanges, not while {self.state.name}")
        self.state = State.OPEN
        self._out.append(welcome)
        self._ping_s = now + self.ping_period_s * (1 - self._phase / 2)

    def ping(self, now: float) -> None:
        """Ask for the client's clock once more, beyond the pings that go out by themselves."""
        if self.state is State.OPEN:
            self._ping(now)

    def _ping(self, now: float) -> None:
        self._out.append(wire.Ping(now))
        self._open_pings[now] = None
        if len(self._open_pings) > MOST_OPEN_PINGS:
            self._open_pings.popitem(last=False)

    def to_send(self) -> list[wire.Message]:
        """What is to be sent now, in this order; nothing of it a second time."""
        if not self._out:
            return []
        going, self._out = self._out, []
        return going

    # --- time --------------------------------------------------------------------------------------------

    @property
    def next_timer_s(self) -> float:
        """When `timeout` is to be called; infinite for never."""
        if self.state is State.OPEN:
            return min(self._ping_s, self._heard_s + self._limits.silence_timeout_s)
        if self.state is State.ENDING:
            return float("inf")
        return self._heard_s + self._limits.hello_timeout_s

    def timeout(self, now: float) -> None:
        """See what is due; ProtocolError when the client has kept silent for too long."""
        if self.state is State.ENDING:
            return
        if self.state is not State.OPEN:
            limit_s, wanted = self._limits.hello_timeout_s, "hello" if self.state is State.WAITING else "pong"
            if now >= self._heard_s + limit_s:
                raise ProtocolError("silent", f"no {wanted} came within {limit_s:g} s")
            return
        limit_s = self._limits.silence_timeout_s
        if now >= self._heard_s + limit_s:
            raise ProtocolError("silent", f"nothing was heard from the client for {limit_s:g} s")
        if now >= self._ping_s:
            self._ping(now)
            self._ping_s = now + self.ping_period_s
