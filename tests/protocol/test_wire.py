"""The stream's messages: there and back, and nothing corrupted gets through."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import Detection, Reason
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire

seconds = st.floats(-1e12, 1e12)
shares = st.floats(0, 1)
counts = st.integers(0, 2**31)
plans = st.builds(wire.PlanMessage, st.sampled_from([128, 448]), st.text(max_size=10), st.booleans(), shares)
detections = st.builds(Detection, st.integers(0, 5), shares, shares, shares, shares, shares)
messages = st.one_of(
    st.builds(
        wire.Hello,
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=64),
        st.floats(0.1, 240),
        st.floats(1, 60_000),
    ),
    st.builds(
        wire.Welcome,
        st.just(("car",)),
        st.just((128, 448)),
        counts,
        counts,
        plans,
        st.lists(st.builds(wire.Offer, counts, st.text(max_size=10), shares, shares), max_size=3).map(tuple),
        st.booleans(),
    ),
    st.builds(wire.Frame, st.integers(0, 2**32 - 1), st.integers(1, 65535), seconds, seconds, st.binary(max_size=200)),
    st.builds(
        wire.Result,
        counts,
        st.sampled_from([None, *Reason]),
        st.text(max_size=20),
        detections=st.lists(detections, max_size=3).map(tuple),
    ),
    plans,
    st.builds(wire.Ping, seconds),
    st.builds(wire.Pong, seconds, seconds, seconds),
    st.just(wire.Bye()),
    st.builds(wire.Farewell, counts, counts, st.dictionaries(st.text(max_size=5), counts, max_size=3)),
    st.builds(wire.ErrorMessage, st.text(max_size=10), st.text(max_size=50)),
)


@given(messages)
def test_a_message_comes_back_as_it_went(message: wire.Message) -> None:
    assert wire.decode(wire.encode(message)) == message


@given(messages, st.data())
def test_a_message_with_any_bit_flipped_is_refused(message: wire.Message, data: st.DataObject) -> None:
    corrupted = bytearray(wire.encode(message))
    position = data.draw(st.integers(0, 8 * len(corrupted) - 1))
    corrupted[position // 8] ^= 1 << position % 8
    with pytest.raises(ProtocolError):
        wire.decode(bytes(corrupted))


@given(messages, st.data())
def test_a_message_cut_short_or_grown_is_refused(message: wire.Message, data: st.DataObject) -> None:
    whole = wire.encode(message)
    cut = data.draw(st.integers(0, len(whole) - 1))
    for broken in (whole[:cut], whole + b"x"):
        with pytest.raises(ProtocolError):
            wire.decode(broken)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        wire.decode(data)


def sealed(kind: int, body: bytes, version: int = wire.VERSION) -> bytes:
    prefix = struct.pack("<2sBBI", wire.MAGIC, version, kind, len(body))
    return prefix + struct.pack("<I", zlib.crc32(prefix + body)) + body


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (sealed(wire.Kind.HELLO, b"{}", version=9), "unknown_version", "version 9"),
        (sealed(99, b"{}"), "bad_message", "kind 99"),
        (sealed(wire.Kind.HELLO, b'{"client": "a", "fps": 0, "slo_ms": 100}'), "bad_message", "fps"),
        (sealed(wire.Kind.HELLO, b'{"client": "a", "fps": 15}'), "bad_message", "slo_ms"),
        (sealed(wire.Kind.HELLO, b"\xff\xfe"), "bad_message", "hello"),
        (sealed(wire.Kind.HELLO, b'{"client": "a\\u001b[2J", "fps": 1, "slo_ms": 1}'), "bad_message", "client"),
        (sealed(wire.Kind.HELLO, b'{"client": "a\\n", "fps": 1, "slo_ms": 1}'), "bad_message", "client"),
        (sealed(wire.Kind.HELLO, b'{"client": "' + 65 * b"a" + b'", "fps": 1, "slo_ms": 1}'), "bad_message", "client"),
        (sealed(wire.Kind.BYE, b'{"more": ' + 20_000 * b"[" + 20_000 * b"]" + b"}"), "bad_message", "bye"),
        (sealed(wire.Kind.BYE, b"{" + 65_536 * b" " + b"}"), "message_too_large", "65538"),
        (sealed(wire.Kind.PONG, b'{"server_s": 1e99, "received_s": 0, "sent_s": 0}'), "bad_message", "server_s"),
        (sealed(wire.Kind.FRAME, b"short"), "bad_message", "at least"),
        (sealed(wire.Kind.FRAME, struct.pack("<IHdd", 1, 128, float("nan"), 0.0)), "bad_message", "captured_s"),
        (sealed(wire.Kind.FRAME, struct.pack("<IHdd", 1, 0, 0.0, 0.0)), "bad_message", "resolution"),
    ],
)
def test_a_refusal_says_what_is_wrong(data: bytes, code: str, words: str) -> None:
    with pytest.raises(ProtocolError, match=words) as refusal:
        wire.decode(data)
    assert refusal.value.code == code
