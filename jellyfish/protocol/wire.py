"""The messages of the stream `/v1/stream`, as bytes and back. No I/O; docs/protocol.md is its prose.

Every message is one binary WebSocket message: a 12-byte header, then a body.

    magic "JF" | version u8 | kind u8 | body length u32 | CRC-32 u32      (little endian)

The CRC covers the first eight header bytes and the body, so that no corrupted message passes for another
one. The body of a frame is four numbers and a JPEG; every other body is a JSON object.
"""

from __future__ import annotations

import bisect
import enum
import struct
import zlib
from typing import Annotated, Literal

import msgspec

from jellyfish.core import ClassScore, Detection, InputSize, Reason, Task
from jellyfish.errors import ProtocolError

VERSION = 1
MAGIC = b"JF"
_PREFIX = struct.Struct("<2sBBI")
_CHECKSUM = struct.Struct("<I")
HEADER_BYTES = _PREFIX.size + _CHECKSUM.size
_FRAME = struct.Struct("<IHdd")
FRAME_OVERHEAD_BYTES = HEADER_BYTES + _FRAME.size
"""What a frame message adds to its JPEG."""
MAX_CONTROL_BYTES = 64 * 1024
"""Most bytes in the body of any other message: its JSON is parsed on the event loop, where it holds up every client."""
NAME_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]+\Z"
"""Names of clients have no control characters: they get into logs and terminals."""
LONGEST_NAME = 64
"""In characters."""
MOST_ALTERNATIVES, LONGEST_URL = 16, 512
"""Of other servers that a client is told of, and of the address of one, in characters."""
LEAST_FPS, LONGEST_SLO_MS = 0.001, 60_000
"""What clients may say of themselves."""
_STEPS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
SLACK_EDGES_MS = (*(-step for step in reversed(_STEPS_MS)), 0, *_STEPS_MS)
"""What divides the buckets of slack in a report. An edge belongs to the bucket above it: from 0 on is in time."""
SLACK_BUCKETS = len(SLACK_EDGES_MS) + 1
FIRST_IN_TIME = SLACK_EDGES_MS.index(0) + 1
"""The first bucket of answers that were on time."""


class Kind(enum.IntEnum):
    """The fourth byte of a message."""

    HELLO = 1
    WELCOME = 2
    FRAME = 3
    RESULT = 4
    PLAN = 5
    PING = 6
    PONG = 7
    BYE = 8
    FAREWELL = 9
    ERROR = 10
    ARRIVED = 11
    REPORT = 12


_Seconds = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_ReasonName = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,32}\Z")]
_MOST_REASONS = 32
_Traceparent = Annotated[str, msgspec.Meta(pattern=r"^(|00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})\Z")]
"""As in W3C's Trace Context; empty for none."""
_Alternatives = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=LONGEST_URL)], ...], msgspec.Meta(max_length=MOST_ALTERNATIVES)
]
"""URLs of streams where a client of this server may go on. The newest word of any server counts."""


class Hello(msgspec.Struct, frozen=True, omit_defaults=True):
    """Client, first: who it is and what it asks for."""

    client: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
    fps: Annotated[float, msgspec.Meta(ge=LEAST_FPS, le=240)]
    slo_ms: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_SLO_MS)]
    arrivals: bool = False
    """Whether it wants to be told when a frame has arrived, before the frame is answered."""
    target: Annotated[float, msgspec.Meta(ge=50, le=99.99)] | None = None
    """Per cent of its captured frames that it wants answered in time; None leaves that to the server."""
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)] | None = None
    """The name of the model that is to answer; None takes the one in service."""
    traceparent: _Traceparent = ""
    """What of the client's own the traces of its frames are to link to."""


class PlanMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Server: what to send from now on."""

    resolution: int
    """Longest side of the frames to send, in pixels."""
    variant: str
    mapped: bool
    """False: there is no room for this client now; send one frame every `probe_interval_ms` and no more."""
    probe_interval_ms: float
    fps: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """At most so many frames per second, evenly; None: as many as the hello said."""
    model: str = ""
    """The name of the model that `variant` is of. It may be another one than the welcome's, of the same classes."""
    version: str = ""
    """That model's; empty where the server does not tell it."""


class Offer(msgspec.Struct, frozen=True):
    """What frames of a resolution may be run with."""

    resolution: int
    variant: str
    f1: float
    """Expected accuracy, 0..1."""
    execute_ms: float
    """What one frame takes on the device."""


class Welcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """Server, after the first pings: the stream is open."""

    classes: tuple[str, ...]
    resolutions: tuple[int, ...]
    max_in_flight: int
    max_message_bytes: int
    plan: PlanMessage
    offers: tuple[Offer, ...] = ()
    """Of a server that leaves the choice to its clients; empty where the server plans for them."""
    narrows: bool = False
    """Whether such a server runs a frame that is short of time with less than its resolution is meant for."""
    reports: bool = False
    """Whether reports are taken here. To a server that does not say so a report is an unknown message."""
    model: str = ""
    """The name of the model in service."""
    version: str = ""
    """That model's."""
    task: Task = Task.DETECTION
    inputs: tuple[InputSize, ...] = ()
    """What the network takes at each of `resolutions`. Of a server that does not say so: a width of the resolution, and
    a height of nine sixteenths of it, rounded up to a multiple of 32."""
    alternatives: _Alternatives = ()
    """For when this server is gone, or sends the client away."""


class Frame(msgspec.Struct, frozen=True):
    """Client: one frame. Both times are on the client's own clock, in seconds; any monotonic clock will do."""

    frame: int
    resolution: int
    """Longest side in pixels, from the ladder of the welcome."""
    captured_s: float
    sent_s: float
    jpeg: bytes


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """Server: what became of a frame. `reason` is set when it was dropped, all else when it was answered.

    `server_ms` is from the frame's arrival to this answer; `execute_ms` the part of it on the device.
    """

    frame: int
    reason: Reason | None = None
    message: str = ""
    variant: str = ""
    device: str = ""
    batch: int = 0
    uplink_ms: float = 0.0
    server_ms: float = 0.0
    execute_ms: float = 0.0
    bandwidth_kbps: float = 0.0
    """The newest estimate of the client's uplink, for its back-off between plans."""
    detections: tuple[Detection, ...] = ()
    scores: tuple[ClassScore, ...] = ()
    """Of a classifier: the likeliest classes, best first."""
    zones: tuple[tuple[str, ...], ...] = ()
    """For each of `detections` the names of the zones that it stands in; empty where none stands in any."""
    traceparent: _Traceparent = ""
    """Of the frame's span, where the server has recorded some of it."""


class Arrived(msgspec.Struct, frozen=True):
    """Server, to a client that asked for it: a frame is here. Its result follows.

    A client that is short of time learns so, one run of the network earlier, what its uplink does.
    """

    frame: int
    uplink_ms: float
    bandwidth_kbps: float
    """As in the result."""


class Ping(msgspec.Struct, frozen=True):
    """Server: answer at once with a pong. `server_s` is the server's clock."""

    server_s: _Seconds


class Pong(msgspec.Struct, frozen=True):
    """Client: the ping's `server_s`, and the client's clock when it came in and when this went out."""

    server_s: _Seconds
    received_s: _Seconds
    sent_s: _Seconds


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """Client, once a second to a server that takes reports: what became of the frames captured since its welcome.

    All counts only grow. captured = on_time + all of `missed` + those that have no outcome yet.
    """

    captured: _Count
    on_time: _Count = 0
    missed: dict[
        Literal["late", "dropped", "skipped", "lost"],
        Annotated[dict[_ReasonName, _Count], msgspec.Meta(max_length=_MOST_REASONS)],
    ] = {}
    """Outcome -> reason -> frames. Names of reasons are free: those of this version are `core.Reason`."""
    slack: Annotated[tuple[_Count, ...], msgspec.Meta(min_length=SLACK_BUCKETS, max_length=SLACK_BUCKETS)] = ()
    """Answered frames by SLO minus end-to-end time, in the buckets of `SLACK_EDGES_MS`; empty: not counted."""
    source: Literal["opening", "live", "silent", "dead"] | None = None
    """Whether pictures come to the client (`core.SourceState`); None where it does not say."""


def slack_bucket(slack_s: float) -> int:
    """Index of the bucket of a report's `slack` that an answer with so much time to spare is counted in."""
    return bisect.bisect_right(SLACK_EDGES_MS, slack_s * 1000)


class Bye(msgspec.Struct, frozen=True, omit_defaults=True):
    """Client: no more frames; answer what is open, then say farewell."""

    report: Report | None = None
    """Its last, where the server takes reports."""


class Farewell(msgspec.Struct, frozen=True):
    """Server, last: its own account of the stream. received = answered + sum of dropped."""

    received: int
    answered: int
    dropped: dict[str, int]


class ErrorMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Server: the stream cannot go on; the connection is closed after this."""

    code: str
    message: str
    alternatives: _Alternatives = ()
    """Where it may go on, of a server that has no place for it."""


Message = (
    Hello | Welcome | Frame | Arrived | Result | PlanMessage | Ping | Pong | Report | Bye | Farewell | ErrorMessage
)

_JSON_KINDS: dict[Kind, type[msgspec.Struct]] = {
    Kind.HELLO: Hello,
    Kind.WELCOME: Welcome,
    Kind.RESULT: Result,
    Kind.PLAN: PlanMessage,
    Kind.PING: Ping,
    Kind.PONG: Pong,
    Kind.BYE: Bye,
    Kind.FAREWELL: Farewell,
    Kind.ERROR: ErrorMessage,
    Kind.ARRIVED: Arrived,
    Kind.REPORT: Report,
}
_KIND_OF: dict[type[msgspec.Struct], Kind] = {message: kind for kind, message in _JSON_KINDS.items()}
_DECODERS: dict[Kind, msgspec.json.Decoder[Message]] = {
    kind: msgspec.json.Decoder(message) for kind, message in _JSON_KINDS.items()
}
_KINDS = {kind.value: kind for kind in Kind}
"""By number; an enumeration takes several times as long to find one."""
_ENCODER = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """The bytes of one WebSocket message."""
    if isinstance(message, Frame):
        head = _FRAME.pack(message.frame, message.resolution, message.captured_s, message.sent_s)
        return _joined(Kind.FRAME, head, message.jpeg)
    return _joined(_KIND_OF[type(message)], _ENCODER.encode(message), b"")


def _joined(kind: Kind, head: bytes, rest: bytes) -> bytes:
    """Header and body, which is `head` and `rest`; copied once."""
    prefix = _PREFIX.pack(MAGIC, VERSION, kind, len(head) + len(rest))
    checksum = zlib.crc32(rest, zlib.crc32(head, zlib.crc32(prefix)))
    return b"".join((prefix, _CHECKSUM.pack(checksum), head, rest))


def decode(data: bytes) -> Message:
    """The message in `data`; ProtocolError that says what is wrong with it.

    Its code is `bad_message`, `unknown_version`, or, for all but frames, `message_too_large`.
    """
    kind, body = _checked(data)
    if kind is Kind.FRAME:
        return _decode_frame(body)
    try:
        return _DECODERS[kind].decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError("bad_message", f"the body of this {kind.name.lower()} cannot be read: {error}") from error


def _checked(data: bytes) -> tuple[Kind, memoryview]:
    """Kind and body of a message whose header holds; ProtocolError otherwise."""
    if len(data) < HEADER_BYTES:
        raise ProtocolError("bad_message", f"{len(data)} bytes are no message: the header alone is {HEADER_BYTES}")
    magic, version, number, length = _PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise ProtocolError("bad_message", f"a message starts with {MAGIC!r}, this one with {magic!r}")
    if version != VERSION:
        raise ProtocolError("unknown_version", f"protocol version {version} is not spoken here; version {VERSION} is")
    body = memoryview(data)[HEADER_BYTES:]
    if len(body) != length:
        raise ProtocolError("bad_message", f"the header announces {length} bytes of body, {len(body)} came")
    if length > MAX_CONTROL_BYTES and number != Kind.FRAME:
        raise ProtocolError(
            "message_too_large", f"{length} bytes; at most {MAX_CONTROL_BYTES} are taken of what is not a frame"
        )
    (checksum,) = _CHECKSUM.unpack_from(data, _PREFIX.size)
    if zlib.crc32(body, zlib.crc32(data[: _PREFIX.size])) != checksum:
        raise ProtocolError("bad_message", "the checksum does not match: the message was corrupted on its way")
    kind = _KINDS.get(number)
    if kind is None:
        raise ProtocolError("bad_message", f"there is no message kind {number}")
    return kind, body


def _decode_frame(body: memoryview) -> Frame:
    if len(body) < _FRAME.size:
        raise ProtocolError("bad_message", f"a frame's body has at least {_FRAME.size} bytes, this one {len(body)}")
    frame, resolution, captured_s, sent_s = _FRAME.unpack_from(body)
    for name, value in (("captured_s", captured_s), ("sent_s", sent_s)):
        if not -1e12 <= value <= 1e12:
            raise ProtocolError("bad_message", f"{name} of a frame must be a finite number of seconds, not {value}")
    if resolution == 0:
        raise ProtocolError("bad_message", "a frame's resolution must be its longest side in pixels, not 0")
    return Frame(frame, resolution, captured_s, sent_s, bytes(body[_FRAME.size :]))
