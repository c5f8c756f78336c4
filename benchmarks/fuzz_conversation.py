"""One message to the server's end of a conversation, in each of its states: a target of `benchmarks/fuzz.py`."""

from __future__ import annotations

import math

from jellyfish.config import Limits
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire
from jellyfish.protocol.server_stream import ServerStream, State

LIMITS = Limits()
HELLO = wire.encode(wire.Hello("camera", 15, 150))
WELCOME = wire.Welcome(("person",), (128, 448), 4, LIMITS.message_bytes, wire.PlanMessage(448, "w", True, 250.0))
STEP_S = 0.01


def conversation(state: State) -> tuple[ServerStream, float]:
    """One that has come so far by itself, and what time it is then."""
    now, stream = 1.0, ServerStream(LIMITS, 1.0)
    if state is State.WAITING:
        return stream, now
    stream.receive(HELLO, now)
    while state is State.OPEN and stream.state is State.MEASURING:
        now += STEP_S
        for ping in stream.to_send():
            assert isinstance(ping, wire.Ping)
            stream.receive(wire.encode(wire.Pong(ping.server_s, now, now)), now)
    if state is State.OPEN:
        stream.open(WELCOME, now)
    return stream, now


def read_by_conversation(data: bytes) -> str | None:
    """What is wrong with how a conversation takes `data`, and goes on; None when nothing is."""
    return next(filter(None, (_read_in(state, data) for state in (State.WAITING, State.MEASURING, State.OPEN))), None)


def _read_in(state: State, data: bytes) -> str | None:
    stream, now = conversation(state)
    try:
        stream.receive(data, now + STEP_S)
        _go_on(stream)
    except ProtocolError:
        return None
    except Exception as error:  # what this is looking for
        return f"{type(error).__name__} while {state.name}: {error}"
    return None


def _go_on(stream: ServerStream) -> None:
    """Send what is to be sent and let every timer run: it must end, in silence."""
    last_s = -math.inf
    while stream.next_timer_s < math.inf:
        for message in stream.to_send():
            wire.encode(message)
        now = stream.next_timer_s
        assert now > last_s, "a timer that has run is due again"
        last_s = now
        stream.timeout(now)
