"""The server's end of a conversation: its order, its deadlines, and that no bytes can do more than end it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.config import Limits
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire
from jellyfish.protocol.server_stream import (
    MOST_OPEN_PINGS,
    OPENING_PINGS,
    PING_PERIOD_S,
    ByeSaid,
    FrameCame,
    HelloSaid,
    MeasuringDone,
    PongCame,
    ReportCame,
    ServerStream,
    State,
)
from tests.protocol.test_wire import messages

LIMITS = Limits(hello_timeout_s=5.0, silence_timeout_s=10.0)
HELLO = wire.encode(wire.Hello("camera", 15, 100))
WELCOME = wire.Welcome((), (128,), 4, 1000, wire.PlanMessage(128, "", mapped=False, probe_interval_ms=250.0))
FRAME = wire.encode(wire.Frame(0, 128, 0.0, 0.0, b"jpeg"))


def pong(ping: wire.Message) -> bytes:
    assert isinstance(ping, wire.Ping)
    return wire.encode(wire.Pong(ping.server_s, 1.0, 1.0))


def opened(now: float = 0.0, hello: bytes = HELLO) -> ServerStream:
    stream = ServerStream(LIMITS, now)
    stream.receive(hello, now)
    for _ in range(OPENING_PINGS):
        (ping,) = stream.to_send()
        now += 0.01
        stream.receive(pong(ping), now)
    stream.open(WELCOME, now)
    assert stream.to_send() == [WELCOME]
    return stream


def test_a_conversation_from_hello_to_goodbye() -> None:
    stream = ServerStream(LIMITS, 0.0)
    assert [type(event) for event in stream.receive(HELLO, 0.0)] == [HelloSaid]
    for left in reversed(range(OPENING_PINGS)):
        (ping,) = stream.to_send()
        events = [type(event) for event in stream.receive(pong(ping), 0.1 * (OPENING_PINGS - left))]
        assert events == ([PongCame] if left else [PongCame, MeasuringDone])
    stream.open(WELCOME, 0.5)
    assert [type(event) for event in stream.receive(FRAME, 0.6)] == [FrameCame]
    assert [type(event) for event in stream.receive(wire.encode(wire.Report(1)), 0.7)] == [ReportCame]
    goodbye = stream.receive(wire.encode(wire.Bye(wire.Report(2))), 0.8)
    assert [type(event) for event in goodbye] == [ReportCame, ByeSaid]
    assert stream.state is State.ENDING
    with pytest.raises(ProtocolError, match="does not send frame here"):
        stream.receive(FRAME, 0.9)


@pytest.mark.parametrize("early", [FRAME, wire.encode(wire.Bye()), wire.encode(wire.Report(1))])
def test_nothing_comes_before_the_welcome(early: bytes) -> None:
    stream = ServerStream(LIMITS, 0.0)
    with pytest.raises(ProtocolError, match="expected hello"):
        stream.receive(early, 0.0)
    stream.receive(HELLO, 0.0)
    with pytest.raises(ProtocolError, match="expected pong"):
        stream.receive(early, 0.0)


def test_there_is_one_hello() -> None:
    stream = opened()
    with pytest.raises(ProtocolError, match="does not send hello here"):
        stream.receive(HELLO, 1.0)


def test_pongs_that_nobody_asked_for_are_nothing() -> None:
    stream = opened()
    stream.ping(1.0)
    (ping,) = stream.to_send()
    assert stream.receive(pong(wire.Ping(77.0)), 1.0) == []
    assert len(stream.receive(pong(ping), 1.0)) == 1
    assert stream.receive(pong(ping), 1.0) == []


@pytest.mark.parametrize("said", [0, 1, 3])
def test_each_step_of_the_opening_has_its_deadline(said: int) -> None:
    stream = ServerStream(LIMITS, 100.0)
    if said:
        stream.receive(HELLO, 101.0)
    for number in range(1, said):
        stream.receive(pong(stream.to_send()[0]), 101.0 + number)
    due_s = stream.next_timer_s
    assert due_s == 105.0 + said
    stream.timeout(due_s - 0.001)
    with pytest.raises(ProtocolError, match="no pong came" if said else "no hello came"):
        stream.timeout(due_s)


def test_pongs_that_nobody_asked_for_keep_no_place_before_the_welcome() -> None:
    stream = ServerStream(LIMITS, 0.0)
    stream.receive(HELLO, 1.0)
    stream.receive(wire.encode(wire.Pong(12.0, 1.0, 1.0)), 5.0)
    with pytest.raises(ProtocolError, match="no pong"):
        stream.timeout(6.0)


def test_pings_go_out_and_silence_ends_it() -> None:
    stream, now, pings = opened(), 0.0, 0
    with pytest.raises(ProtocolError, match="nothing was heard"):
        while True:
            assert stream.next_timer_s >= now
            now = stream.next_timer_s
            stream.timeout(now)
            pings += len(stream.to_send())
    assert now == pytest.approx(10.0, abs=0.05)
    assert pings == pytest.approx(10.0 / PING_PERIOD_S, abs=1)


@pytest.mark.parametrize(("fps", "period_s"), [(15, PING_PERIOD_S), (3, 2 / 3), (1, 1.0), (0.1, 1.0)])
def test_a_camera_of_few_frames_is_pinged_less_often(fps: float, period_s: float) -> None:
    stream = opened(hello=wire.encode(wire.Hello("camera", fps, 100)))
    begin_s = stream.next_timer_s
    stream.timeout(begin_s)
    assert stream.next_timer_s - begin_s == pytest.approx(period_s)


def test_open_pings_are_bounded() -> None:
    stream = opened()
    for number in range(10 * MOST_OPEN_PINGS):
        stream.ping(2.0 + number)
    pings = stream.to_send()
    assert stream.receive(pong(pings[0]), 1000.0) == []
    assert len(stream.receive(pong(pings[-1]), 1000.0)) == 1


def test_a_message_over_the_limit_is_not_looked_at() -> None:
    stream = ServerStream(Limits(message_bytes=100), 0.0)
    with pytest.raises(ProtocolError) as refused:
        stream.receive(bytes(101), 0.0)
    assert refused.value.code == "message_too_large"


@given(st.lists(messages.map(wire.encode) | st.binary(max_size=40) | st.just(HELLO), max_size=20), st.booleans())
def test_whatever_comes_there_is_a_protocol_error_at_worst(came: list[bytes], open_already: bool) -> None:
    stream = opened() if open_already else ServerStream(LIMITS, 0.0)
    with contextlib.suppress(ProtocolError):
        for number, data in enumerate(came):
            stream.receive(data, 1.0 + number)
            stream.to_send()
            stream.timeout(1.0 + number)
            assert stream.next_timer_s > 1.0 + number
