"""What one connection sends is held back when it is too much, and goes on in time when it is not."""

import pytest

from jellyfish.config import Limits
from jellyfish.server.gate.frames import MOST_HEADER_BYTES
from jellyfish.server.gate.inlet import CONTROL_BURST, CONTROL_RATE, REQUEST_BYTES, SURPLUS, Inlet, Phase, RequestKind
from tests.server.gate.test_frames import frame

REQUEST = b"GET /v1/stream HTTP/1.1\r\nHost: server\r\nUpgrade: websocket\r\n\r\n"
OPENED = b"HTTP/1.1 101 Switching Protocols\r\n"


def stream(limits: Limits | None = None) -> Inlet:
    inlet = Inlet(limits or Limits())
    inlet.receive(REQUEST, 0.0)
    assert inlet.take_request() == REQUEST
    inlet.answered(OPENED)
    return inlet


def test_nothing_behind_a_request_goes_on_before_its_answer() -> None:
    inlet = Inlet(Limits())
    inlet.receive(REQUEST + frame(b"early"), 0.0)
    assert inlet.phase is Phase.ASKED
    assert inlet.kind is RequestKind.STREAM
    assert inlet.take_request() == REQUEST
    assert inlet.release(0.0) == b""
    assert inlet.pause_s(0.0) == float("inf")
    inlet.answered(OPENED)
    assert inlet.release(0.0) == frame(b"early")
    assert inlet.pause_s(0.0) == 0.0


def test_a_request_may_follow_an_answer() -> None:
    inlet = Inlet(Limits())
    inlet.receive(REQUEST + REQUEST, 0.0)
    inlet.take_request()
    inlet.answered(b"HTTP/1.1 200 OK\r\n")
    assert inlet.phase is Phase.ASKED
    assert inlet.take_request() == REQUEST


def test_what_comes_beside_an_answer_that_lasts_is_nobodys_and_hardly_read() -> None:
    inlet = Inlet(Limits())
    inlet.receive(REQUEST + REQUEST, 0.0)
    inlet.take_request()
    inlet.lasts()
    assert inlet.answered(b"HTTP/1.1 200 OK\r\n") is Phase.LASTING
    assert inlet.pause_s(0.0) == 0.0
    inlet.receive(bytes(64 * 1024), 0.0)
    inlet.make_room(1.0)
    assert inlet.release(0.0) == b"" and inlet.phase is Phase.LASTING
    assert 30 < inlet.pause_s(0.0) < 60 and inlet.pause_s(60.0) == 0.0


def test_a_request_without_end_is_too_long() -> None:
    inlet = Inlet(Limits())
    while not inlet.too_long:
        assert inlet.pause_s(0.0) == 0.0
        inlet.receive(b"X-More: and more\r\n", 0.0)
    assert len(inlet.take_request() if inlet.phase is Phase.ASKED else b"") < REQUEST_BYTES


def test_a_camera_within_its_rate_is_never_held_back() -> None:
    inlet = stream()
    inlet.agree(15.0)
    for number in range(300):
        now = number / 15
        inlet.receive(frame(bytes(30_000)), now)
        assert len(inlet.release(now)) == len(frame(bytes(30_000)))
        assert inlet.pause_s(now) == 0.0


@pytest.mark.parametrize("payload_bytes", [0, 1, 5000])
@pytest.mark.parametrize("at_once", [1, 7, 64])
def test_a_flood_of_frames_goes_on_at_the_agreed_rate(payload_bytes: int, at_once: int) -> None:
    inlet = stream()
    inlet.agree(15.0)
    piece = frame(bytes(payload_bytes))
    now, came, passed, most_held = 0.0, 0, 0, 0
    while now < 5.0:
        passed += len(inlet.release(now))
        if inlet.pause_s(now) == 0.0:
            inlet.receive(piece * at_once, now)
            came += len(piece) * at_once
        most_held = max(most_held, came - passed)
        now += max(0.002, min(1.0, inlet.pause_s(now)))
    rate = SURPLUS * 15 + CONTROL_RATE
    assert passed / len(piece) <= CONTROL_BURST + rate * now + 1
    assert passed / len(piece) >= 0.9 * rate * 5.0
    assert most_held <= len(piece) * at_once + MOST_HEADER_BYTES


def test_bytes_go_on_at_their_rate_and_messages_of_any_size_get_through() -> None:
    limits = Limits(message_bytes=100_000, bytes_per_s=1e6)
    inlet, message = stream(limits), frame(bytes(90_000))
    now, passed, left = 0.0, 0, b""
    while now < 3.0:
        if inlet.pause_s(now) == 0.0:
            left = left or message
            inlet.receive(left[:65536], now)
            left = left[65536:]
        passed += len(inlet.release(now))
        now += max(0.002, inlet.pause_s(now))
    assert 2.7e6 <= passed <= 3.2e6


def test_many_small_reads_cost_more_than_their_bytes() -> None:
    inlet = stream(Limits(bytes_per_s=1e6, message_bytes=20_000))
    inlet.receive(frame(bytes(60_000))[:20], 0.0)
    reads = 0
    while inlet.pause_s(0.0) == 0.0:
        inlet.release(0.0)
        inlet.receive(b"x", 0.0)
        reads += 1
    assert reads <= 10


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"Content-Length: 5", True),
        (b"content-length:0", False),
        (b"Content-Length: 00", True),
        (b"Transfer-Encoding: chunked", True),
        (b"X-Content-Length: 5", False),
    ],
)
def test_what_brings_a_body_is_known(header: bytes, body: bool) -> None:
    inlet = Inlet(Limits())
    inlet.receive(b"GET /livez HTTP/1.1\r\n" + header + b"\r\n\r\n", 0.0)
    assert (inlet.refused_body is not None) is body


def test_a_request_for_inference_may_have_a_body_of_a_length_that_is_told_once() -> None:
    def asked(*headers: bytes) -> Inlet:
        inlet = Inlet(Limits(body_bytes=100))
        inlet.receive(b"\r\n".join((b"POST /v2/models/any/infer HTTP/1.1", *headers, b"", b"")), 0.0)
        assert inlet.kind is RequestKind.INFERENCE
        return inlet

    assert asked(b"Content-Length: 100").refused_body is None
    assert "at most 100 are taken" in str(asked(b"Content-Length: 101").refused_body)
    for headers in (
        (b"Transfer-Encoding: chunked",),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Content-Length: 5", b"Content-Length: 5"),
        (b"Content-Length: +5",),
        (b"Content-Length: 99999999999999999999",),
    ):
        assert asked(*headers).refused_body is not None


def test_a_body_goes_on_as_it_comes_and_nothing_behind_it() -> None:
    inlet = Inlet(Limits(bytes_per_s=1e6, message_bytes=20_000))
    request = b"POST /v2/models/any/infer HTTP/1.1\r\nContent-Length: 30000\r\n\r\n"
    inlet.receive(request + bytes(10_000), 0.0)
    assert inlet.take_request() == request
    assert len(inlet.release(0.0)) == 10_000
    assert inlet.pause_s(0.0) == 0.0
    inlet.receive(bytes(20_000) + REQUEST, 0.0)
    assert len(inlet.release(0.0)) == 10_000
    assert 0 < inlet.pause_s(0.0) < 0.1
    assert len(inlet.release(1.0)) == 10_000
    assert inlet.release(1.0) == b""
    assert inlet.pause_s(1.0) == float("inf")
    assert inlet.answered(b"HTTP/1.1 200 OK\r\n") is Phase.ASKED
    assert inlet.take_request() == REQUEST


def test_what_is_left_of_a_body_that_was_answered_early_is_no_request() -> None:
    inlet = Inlet(Limits())
    inlet.receive(b"POST /v2/models/any/infer HTTP/1.1\r\nContent-Length: 200\r\n\r\n", 0.0)
    inlet.take_request()
    assert inlet.answered(b"HTTP/1.1 100 Continue\r\n") is Phase.ANSWERING
    inlet.receive(REQUEST, 0.0)
    assert inlet.release(0.0) == REQUEST
    assert inlet.answered(b"HTTP/1.1 404 Not Found\r\n") is Phase.OVER
    inlet.receive(REQUEST, 0.0)
    assert inlet.release(0.0) == b""
    assert inlet.phase is Phase.OVER


def test_a_host_without_room_reads_no_more_than_plans_ask_for() -> None:
    inlet = stream(Limits(message_bytes=20_000))
    inlet.make_room(0.1)
    inlet.receive(frame(bytes(60_000)), 0.0)
    inlet.release(0.0)
    slow_s = inlet.pause_s(0.0)
    inlet.make_room(1.0)
    assert 5 * inlet.pause_s(0.0) < slow_s


@pytest.mark.parametrize(
    ("line", "length", "taken"),
    [
        (b"POST /v1/cameras HTTP/1.1", 65_536, True),
        (b"PATCH /v1/cameras/gate HTTP/1.1", 10, True),
        (b"POST /v1/cameras HTTP/1.1", 65_537, False),
        (b"PATCH /v1/cameras/gate HTTP/1.1", 1_000_000, False),
        (b"DELETE /v1/cameras/gate HTTP/1.1", 10, False),
        (b"GET /v1/cameras HTTP/1.1", 10, False),
        (b"POST /v2/models/m/infer HTTP/1.1", 1_000_000, True),
    ],
)
def test_what_says_something_about_a_camera_has_a_body_and_a_small_one(line: bytes, length: int, taken: bool) -> None:
    inlet = Inlet(Limits())
    inlet.receive(line + b"\r\nHost: server\r\nContent-Length: %d\r\n\r\n" % length, 0.0)
    assert (inlet.refused_body is None) is taken
