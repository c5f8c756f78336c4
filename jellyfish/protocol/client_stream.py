"""A client's end of the stream as a state machine: messages and times in, events and messages out.

    opening --welcome--> open --bye--> closing --farewell--> closed      (an error or silence closes it from anywhere)

It knows no sockets, no event loop and no clock. Whoever has the connection hands in each message that comes
(`receive`), sends what `data_to_send` gives, in that order, and calls `timeout` at `next_timer_s`. One object for one
connection; docs/protocol.md is its prose.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Sequence

from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import ServedModel, served_model

WELCOME_S = 10.0
"""A server that has not taken the client in so long after its hello is taken for gone."""
SILENCE_S = 10.0
"""So is one that says nothing at all for so long: its pings come twice a second."""
REPORT_PERIOD_S = 1.0
"""How often a server that takes reports gets one."""

Event = wire.Welcome | wire.PlanMessage | wire.Arrived | wire.Result | wire.Farewell | wire.ErrorMessage
"""What a server says that is the owner's business, in its own words."""


class ClientState(enum.Enum):
    """Where a conversation is."""

    OPENING = "opening"
    """The hello is said; pings are answered."""
    OPEN = "open"
    """Frames may be sent."""
    CLOSING = "closing"
    """The bye is said: answers may come, nothing is sent."""
    CLOSED = "closed"
    """The server has said its last word, or broken the protocol, or is taken for gone."""


_ALWAYS: frozenset[type] = frozenset({wire.Ping, wire.ErrorMessage})
_ANSWERS: frozenset[type] = frozenset({wire.Result, wire.Arrived, wire.PlanMessage})
_MAY_COME: dict[ClientState, frozenset[type]] = {
    ClientState.OPENING: _ALWAYS | {wire.Welcome},
    ClientState.OPEN: _ALWAYS | _ANSWERS,
    ClientState.CLOSING: _ALWAYS | _ANSWERS | {wire.Farewell},
    ClientState.CLOSED: frozenset(),
}


class ClientStream:
    """One conversation, from the hello on, which is the first to be sent."""

    def __init__(self, hello: wire.Hello, now: float, clock: Callable[[float], float] = lambda now: now) -> None:
        """`clock` turns `now`, here and later, into the client's own time, which is what the server is told."""
        self.state = ClientState.OPENING
        self.farewell: wire.Farewell | None = None
        """The server's own account; None while it has given none."""
        self.opened_s: float | None = None
        """When the welcome came."""
        self.takes_reports = False
        self.model: ServedModel | None = None
        """What answers; None before the welcome."""
        self._arrivals, self._clock = hello.arrivals, clock
        self._begun_s = self.heard_s = now
        """`heard_s`: when the server last said anything."""
        self._report_due_s = now
        self._may_come = _MAY_COME[self.state]
        self._outgoing = deque([wire.encode(hello)])

    # --- what the server says ----------------------------------------------------------------------------

    def receive(self, data: bytes | str, now: float) -> Sequence[Event]:
        """Take in one WebSocket message. ProtocolError for what a server must not send, which closes the stream."""
        self.heard_s = now
        try:
            return self._taken(self._decoded(data), now)
        except ProtocolError:
            self._enter(ClientState.CLOSED)
            raise

    def _decoded(self, data: bytes | str) -> Event | wire.Ping:
        """The message, which may come now; ProtocolError otherwise."""
        if isinstance(data, str):
            raise ProtocolError("text", "messages are binary; the server sent text")
        message = wire.decode(data)
        if type(message) not in self._may_come:
            raise ProtocolError(
                "unexpected", f"a server does not send {type(message).__name__.lower()} when {self.state.value}"
            )
        return message  # type: ignore[return-value]  # all others are in no set of `_MAY_COME`

    def _taken(self, message: Event | wire.Ping, now: float) -> Sequence[Event]:
        """What a message means for the conversation, the most frequent ones first; () for a ping. May raise, too."""
        match message:
            case wire.Result():
                pass
            case wire.Arrived():
                if not self._arrivals:
                    raise ProtocolError("unexpected", "a server sends arrived only to a client that asked for it")
            case wire.Ping():
                if self.state is not ClientState.CLOSING:
                    self._outgoing.append(wire.encode(wire.Pong(message.server_s, self._clock(now), self._clock(now))))
                return ()
            case wire.PlanMessage():
                self._check_plan(message)
            case wire.Welcome():
                self.model = _model(message)
                self._check_plan(message.plan)
                self.takes_reports, self.opened_s = message.reports, now
                self._report_due_s = now + REPORT_PERIOD_S
                self._enter(ClientState.OPEN)
            case wire.Farewell():
                self.farewell = message
                self._enter(ClientState.CLOSED)
            case wire.ErrorMessage():
                self._enter(ClientState.CLOSED)
        return (message,)

    # --- what the client says ----------------------------------------------------------------------------

    def data_to_send(self) -> bytes | None:
        """The next WebSocket message to send, which is binary; None while there is none."""
        return self._outgoing.popleft() if self._outgoing else None

    def frame(self, frame: wire.Frame) -> None:
        """Say a frame. RuntimeError unless the stream is open, as for all that is said."""
        self._say(frame)

    def report(self, report: wire.Report) -> None:
        """Say what became of the frames so far. RuntimeError unless `takes_reports`."""
        if not self.takes_reports:
            raise RuntimeError("this server takes no reports")
        self._say(report)

    def bye(self, report: wire.Report | None) -> None:
        """Say that nothing more comes; `report` goes with it if the server takes it."""
        self._say(wire.Bye(report if self.takes_reports else None))
        self._enter(ClientState.CLOSING)

    def _say(self, message: wire.Message) -> None:
        if self.state is not ClientState.OPEN:
            raise RuntimeError(f"the stream is {self.state.value}, not open")
        self._outgoing.append(wire.encode(message))

    # --- time --------------------------------------------------------------------------------------------

    @property
    def next_timer_s(self) -> float | None:
        """When to call `timeout`, as far as is known now; None when never. It moves on with each message."""
        match self.state:
            case ClientState.OPENING:
                return self._begun_s + WELCOME_S
            case ClientState.OPEN if self.takes_reports:
                return min(self.heard_s + SILENCE_S, self._report_due_s)
            case ClientState.OPEN | ClientState.CLOSING:
                return self.heard_s + SILENCE_S
            case ClientState.CLOSED:
                return None

    def timeout(self, now: float) -> bool:
        """Whether a report is due; nothing happens before `next_timer_s`. TimeoutError when the server is gone."""
        if self.state is ClientState.OPENING and now >= self._begun_s + WELCOME_S:
            self._enter(ClientState.CLOSED)
            raise TimeoutError(f"the server did not take the client in within {WELCOME_S:g} s")
        if self.state in (ClientState.OPEN, ClientState.CLOSING) and now >= self.heard_s + SILENCE_S:
            self._enter(ClientState.CLOSED)
            raise TimeoutError(f"nothing was heard from the server for {SILENCE_S:g} s")
        if self.state is not ClientState.OPEN or not self.takes_reports or now < self._report_due_s:
            return False
        self._report_due_s = now + REPORT_PERIOD_S
        return True

    def _check_plan(self, plan: wire.PlanMessage) -> None:
        """ProtocolError for what no client can do."""
        assert self.model is not None  # a plan comes with the welcome, or after it
        if plan.resolution not in self.model.inputs:
            sizes = ", ".join(map(str, self.model.inputs))
            raise ProtocolError(
                "bad_message", f"a plan's resolution must be one of the welcome's ({sizes}), not {plan.resolution}"
            )
        if not plan.probe_interval_ms > 0:
            raise ProtocolError("bad_message", f"probe_interval_ms must be above 0, not {plan.probe_interval_ms}")

    def _enter(self, state: ClientState) -> None:
        self.state, self._may_come = state, _MAY_COME[state]
        if state is ClientState.CLOSED:
            self._outgoing.clear()


def _model(welcome: wire.Welcome) -> ServedModel:
    """What answers; ProtocolError for terms that no client can keep to."""
    if welcome.max_in_flight < 1:
        raise ProtocolError("bad_message", f"max_in_flight must be at least 1, not {welcome.max_in_flight}")
    return served_model(welcome)
