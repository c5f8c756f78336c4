"""The client's conversation: whatever a server says in whatever order, and whenever, only ProtocolError comes of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.core import Reason
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire
from jellyfish.protocol.client_stream import (
    REPORT_PERIOD_S,
    SILENCE_S,
    WELCOME_S,
    ClientState,
    ClientStream,
)

HELLO = wire.Hello("camera", 15, 100, arrivals=True)
PLAN = wire.PlanMessage(128, "w025-128", mapped=True, probe_interval_ms=250)
WELCOME = wire.Welcome(("person",), (128, 256), 4, 10**6, PLAN, reports=True)
FRAME = wire.Frame(0, 128, 1.0, 1.0, b"jpeg")
REPORT = wire.Report(3, 2, {"late": {"server": 1}})
PING = wire.Ping(7.0)
FAREWELL = wire.Farewell(1, 1, {})
ANSWERS = (wire.Result(0), wire.Result(0, Reason.EXPIRED), wire.Arrived(0, 1.0, 2.0), PLAN)


def opened(now: float = 0.0, welcome: wire.Welcome = WELCOME, hello: wire.Hello = HELLO) -> ClientStream:
    """A stream whose hello is sent and whose welcome has come."""
    stream = ClientStream(hello, now)
    stream.data_to_send()
    stream.receive(wire.encode(welcome), now)
    return stream


def told(stream: ClientStream) -> list[wire.Message]:
    """What it has to send."""
    said = []
    while (data := stream.data_to_send()) is not None:
        said.append(wire.decode(data))
    return said


def test_the_hello_comes_first_and_pings_are_answered_before_the_welcome() -> None:
    stream = ClientStream(HELLO, 5.0, lambda now: now + 100)
    assert stream.receive(wire.encode(PING), 6.0) == ()
    assert told(stream) == [HELLO, wire.Pong(7.0, 106.0, 106.0)]
    assert stream.receive(wire.encode(WELCOME), 7.0) == (WELCOME,)
    assert (stream.state, stream.opened_s) == (ClientState.OPEN, 7.0)


def test_an_open_stream_hands_on_what_it_hears() -> None:
    stream = opened()
    for message in ANSWERS:
        assert stream.receive(wire.encode(message), 1.0) == (message,)


def test_nothing_follows_the_goodbye_not_even_a_pong() -> None:
    stream = opened()
    stream.receive(wire.encode(PING), 1.0)
    stream.bye(REPORT)
    stream.receive(wire.encode(PING), 1.1)
    assert [type(message) for message in told(stream)] == [wire.Pong, wire.Bye]
    for say in (lambda: stream.frame(FRAME), lambda: stream.report(REPORT), lambda: stream.bye(None)):
        with pytest.raises(RuntimeError, match="closing"):
            say()
    assert stream.receive(wire.encode(FAREWELL), 1.2) == (FAREWELL,)
    assert (stream.farewell, stream.state) == (FAREWELL, ClientState.CLOSED)


@pytest.mark.parametrize("reports", [True, False])
def test_reports_go_only_to_a_server_that_takes_them(reports: bool) -> None:
    stream = opened(welcome=wire.Welcome(("person",), (128,), 4, 10**6, PLAN, reports=reports))
    assert stream.next_timer_s == (REPORT_PERIOD_S if reports else SILENCE_S)
    assert not stream.timeout(REPORT_PERIOD_S / 2)
    assert stream.timeout(REPORT_PERIOD_S) is reports
    assert not stream.timeout(REPORT_PERIOD_S)
    if not reports:
        with pytest.raises(RuntimeError, match="no reports"):
            stream.report(REPORT)
    stream.bye(REPORT)
    assert told(stream) == [wire.Bye(REPORT if reports else None)]


def test_a_server_that_does_not_take_the_client_in_is_given_up_although_it_pings() -> None:
    stream = ClientStream(HELLO, 0.0)
    stream.receive(wire.encode(PING), WELCOME_S - 1)
    assert stream.next_timer_s == WELCOME_S
    with pytest.raises(TimeoutError, match="take the client in"):
        stream.timeout(WELCOME_S)
    assert (stream.state, stream.next_timer_s) == (ClientState.CLOSED, None)


@pytest.mark.parametrize("closing", [False, True])
def test_a_server_that_says_nothing_is_given_up(closing: bool) -> None:
    stream = opened()
    if closing:
        stream.bye(None)
    stream.receive(wire.encode(wire.Result(0)), 3.0)
    stream.timeout(3.0 + SILENCE_S - 0.01)
    with pytest.raises(TimeoutError, match="nothing was heard"):
        stream.timeout(3.0 + SILENCE_S)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (ClientState.OPENING, wire.Result(0)),
        (ClientState.OPENING, PLAN),
        (ClientState.OPENING, FAREWELL),
        (ClientState.OPEN, WELCOME),
        (ClientState.OPEN, FAREWELL),
        (ClientState.OPEN, HELLO),
        (ClientState.OPEN, FRAME),
        (ClientState.CLOSING, WELCOME),
        (ClientState.CLOSED, PING),
    ],
)
def test_what_a_server_must_not_send_then_is_refused(state: ClientState, message: wire.Message) -> None:
    stream = ClientStream(HELLO, 0.0) if state is ClientState.OPENING else opened()
    if state in (ClientState.CLOSING, ClientState.CLOSED):
        stream.bye(None)
    if state is ClientState.CLOSED:
        stream.receive(wire.encode(FAREWELL), 0.0)
    with pytest.raises(ProtocolError, match=state.value) as raised:
        stream.receive(wire.encode(message), 0.0)
    assert raised.value.code == "unexpected"
    assert (stream.state, stream.data_to_send()) == (ClientState.CLOSED, None)


def test_arrivals_that_were_not_asked_for_are_refused() -> None:
    stream = opened(hello=wire.Hello("camera", 15, 100))
    with pytest.raises(ProtocolError, match="that asked for it"):
        stream.receive(wire.encode(wire.Arrived(0, 1.0, 1.0)), 0.0)


NEVER = wire.PlanMessage(0, "", mapped=True, probe_interval_ms=250)
AT_ONCE = wire.PlanMessage(128, "", mapped=False, probe_interval_ms=0)


@pytest.mark.parametrize(
    ("ladder", "window", "plan", "what"),
    [
        ((), 4, PLAN, "ascending"),
        ((256, 128), 4, PLAN, "ascending"),
        ((0, 128), 4, PLAN, "ascending"),
        ((128,), 0, PLAN, "max_in_flight"),
        ((128,), 4, NEVER, "resolution"),
        ((128,), 4, AT_ONCE, "probe_interval_ms"),
    ],
)
def test_terms_that_no_client_can_keep_to_are_refused(
    ladder: tuple[int, ...], window: int, plan: wire.PlanMessage, what: str
) -> None:
    with pytest.raises(ProtocolError, match=what):
        opened(welcome=wire.Welcome(("person",), ladder, window, 10**6, plan))


def test_text_and_another_version_are_refused() -> None:
    with pytest.raises(ProtocolError, match="binary"):
        opened().receive("hello", 0.0)
    data = wire.encode(PING)
    with pytest.raises(ProtocolError) as raised:
        opened().receive(data[:2] + bytes([2]) + data[3:], 0.0)
    assert raised.value.code == "unknown_version"


MESSAGES = st.sampled_from(
    [PING, WELCOME, *ANSWERS, FAREWELL, HELLO, FRAME, REPORT, wire.ErrorMessage("full", ""), wire.Bye(), NEVER]
)
HEARD = st.one_of(
    MESSAGES.map(wire.encode),
    st.binary(max_size=40),
    st.text(max_size=5),
    st.tuples(MESSAGES.map(wire.encode), st.integers(0, 40), st.integers(0, 255)).map(
        lambda damaged: damaged[0][: damaged[1]] + bytes([damaged[2]]) + damaged[0][damaged[1] + 1 :]
    ),
)
STEPS = st.one_of(HEARD, st.sampled_from(["frame", "report", "bye"]).map(lambda word: (word,)), st.floats(0, 20))


@settings(max_examples=500, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_any_conversation_keeps_to_the_protocol(steps: list[object]) -> None:
    """A server's worst is a ProtocolError; a pong for each ping; nothing after the bye; timers that lie ahead."""
    stream, now, pings = ClientStream(HELLO, 0.0), 0.0, 0
    said = [wire.encode(HELLO)]
    assert stream.data_to_send() == said[0]
    for step in steps:
        before = stream.state
        match step:
            case bytes() | str():
                try:
                    stream.receive(step, now)
                    pings += before in (ClientState.OPENING, ClientState.OPEN) and step == wire.encode(PING)
                except ProtocolError:
                    assert stream.state is ClientState.CLOSED
            case float():
                now += step
                try:
                    stream.timeout(now)
                except TimeoutError:
                    assert stream.state is ClientState.CLOSED
                assert stream.next_timer_s is None or stream.next_timer_s > now
            case (word,):
                try:
                    {"frame": lambda: stream.frame(FRAME), "report": lambda: stream.report(REPORT)}.get(
                        str(word), lambda: stream.bye(REPORT)
                    )()
                except RuntimeError:
                    assert before is not ClientState.OPEN
        said += iter(stream.data_to_send, None)
        if stream.state is ClientState.CLOSED:
            assert stream.next_timer_s is None
    kinds = [type(wire.decode(data)) for data in said]
    assert kinds[0] is wire.Hello
    assert kinds.count(wire.Pong) == pings
    assert wire.Bye not in kinds[:-1]
