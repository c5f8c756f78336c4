"""The stream's messages: there and back, and nothing corrupted gets through."""

import struct
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import Detection, Reason
from jellyfish.errors import ProtocolError
from jellyfish.protocol import wire

seconds = st.floats(-1e12, 1e12)
shares = st.floats(0, 1)
counts = st.integers(0, 2**31)
urls = st.lists(st.text(max_size=20), max_size=wire.MOST_ALTERNATIVES).map(tuple)
plans = st.builds(
    wire.PlanMessage,
    st.sampled_from([128, 448]),
    st.text(max_size=10),
    st.booleans(),
    shares,
    st.none() | st.floats(0.1, 240),
)
reports = st.builds(
    wire.Report,
    counts,
    counts,
    st.dictionaries(
        st.sampled_from(["late", "dropped", "skipped", "lost"]),
        st.dictionaries(st.sampled_from([reason.value for reason in Reason]), counts, max_size=3),
    ),
    st.just(()) | st.tuples(*[counts] * wire.SLACK_BUCKETS),
)
detections = st.builds(Detection, st.integers(0, 5), shares, shares, shares, shares, shares)
messages = st.one_of(
    st.builds(
        wire.Hello,
        st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=64),
        st.floats(0.1, 240),
        st.floats(1, 60_000),
        st.booleans(),
        st.none() | st.floats(50, 99.99),
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
        st.booleans(),
        alternatives=urls,
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
    reports,
    st.builds(wire.Bye, st.none() | reports),
    st.builds(wire.Farewell, counts, counts, st.dictionaries(st.text(max_size=5), counts, max_size=3)),
    st.builds(wire.ErrorMessage, st.text(max_size=10), st.text(max_size=50), urls),
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


def many_reasons(number: int) -> bytes:
    reasons = {"a" * length: 1 for length in range(1, 33)} | {f"b_{'c' * extra}": 1 for extra in range(number - 32)}
    return msgspec.json.encode({"captured": 100, "missed": {"lost": reasons}})


def test_as_many_reasons_are_taken_as_documented() -> None:
    report = wire.decode(sealed(wire.Kind.REPORT, many_reasons(32)))
    assert isinstance(report, wire.Report)
    assert len(report.missed["lost"]) == 32


@pytest.mark.parametrize(("many", "longest", "taken"), [(16, 512, True), (17, 1, False), (1, 513, False)])
def test_no_more_alternatives_are_taken_than_documented(many: int, longest: int, taken: bool) -> None:
    fields = {"code": "full", "message": "", "alternatives": ["u" * longest] * many}
    data = sealed(wire.Kind.ERROR, msgspec.json.encode(fields))
    if taken:
        assert wire.decode(data) == wire.ErrorMessage("full", "", ("u" * longest,) * many)
    else:
        with pytest.raises(ProtocolError, match="cannot be read"):
            wire.decode(data)


@given(messages.filter(lambda message: not isinstance(message, wire.Frame)))
def test_keys_of_later_versions_are_passed_over(message: wire.Message) -> None:
    data = wire.encode(message)
    fields = msgspec.json.decode(data[wire.HEADER_BYTES :]) | {"of_later": {"deep": [1, "two"]}}
    assert wire.decode(sealed(data[3], msgspec.json.encode(fields))) == message


@pytest.mark.parametrize(
    ("message", "body"),
    [
        (wire.Hello("a", 15.0, 100.0), b'{"client":"a","fps":15.0,"slo_ms":100.0}'),
        (
            wire.PlanMessage(128, "x", True, 250.0),
            b'{"resolution":128,"variant":"x","mapped":true,"probe_interval_ms":250.0}',
        ),
        (wire.Bye(), b"{}"),
        (wire.Report(3), b'{"captured":3}'),
        (wire.ErrorMessage("full", "no place"), b'{"code":"full","message":"no place"}'),
    ],
)
def test_what_is_optional_is_not_sent_where_it_says_nothing(message: wire.Message, body: bytes) -> None:
    assert wire.encode(message)[wire.HEADER_BYTES :] == body


@pytest.mark.parametrize(
    ("slack_s", "bucket"), [(-9.0, 0), (-1.0, 1), (-1e-9, 18), (0.0, 19), (0.0009, 19), (0.001, 20), (1.0, 37)]
)
def test_an_edge_of_slack_belongs_to_the_bucket_above_it(slack_s: float, bucket: int) -> None:
    assert wire.slack_bucket(slack_s) == bucket
    assert (bucket >= wire.FIRST_IN_TIME) == (slack_s >= 0)


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
        (sealed(wire.Kind.HELLO, b'{"client": "a", "fps": 1, "slo_ms": 1, "target": 100}'), "bad_message", "target"),
        (
            sealed(wire.Kind.PLAN, b'{"resolution":1,"variant":"","mapped":true,"probe_interval_ms":1,"fps":0}'),
            "bad_message",
            "fps",
        ),
        (sealed(wire.Kind.REPORT, b"{}"), "bad_message", "captured"),
        (sealed(wire.Kind.REPORT, b'{"captured": -1}'), "bad_message", "captured"),
        (sealed(wire.Kind.REPORT, b'{"captured": 1.5}'), "bad_message", "captured"),
        (sealed(wire.Kind.REPORT, b'{"captured": 9007199254740992}'), "bad_message", "captured"),
        (sealed(wire.Kind.REPORT, b'{"captured": 1, "missed": {"eaten": {}}}'), "bad_message", "missed"),
        (sealed(wire.Kind.REPORT, b'{"captured": 1, "missed": {"lost": {"\\u001b[2J": 1}}}'), "bad_message", "missed"),
        (sealed(wire.Kind.REPORT, b'{"captured": 1, "slack": [1, 2]}'), "bad_message", "slack"),
        (sealed(wire.Kind.REPORT, many_reasons(33)), "bad_message", "missed"),
        (sealed(wire.Kind.BYE, b'{"report": {"captured": -1}}'), "bad_message", "report"),
        (sealed(wire.Kind.FRAME, b"short"), "bad_message", "at least"),
        (sealed(wire.Kind.FRAME, struct.pack("<IHdd", 1, 128, float("nan"), 0.0)), "bad_message", "captured_s"),
        (sealed(wire.Kind.FRAME, struct.pack("<IHdd", 1, 0, 0.0, 0.0)), "bad_message", "resolution"),
    ],
)
def test_a_refusal_says_what_is_wrong(data: bytes, code: str, words: str) -> None:
    with pytest.raises(ProtocolError, match=words) as refusal:
        wire.decode(data)
    assert refusal.value.code == code
