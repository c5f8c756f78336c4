"""What one connection sends, counted as it comes and held back when it is too much. Pure: `now` is an argument.

First a request, of so many bytes at most, and where it is one that may have a body, that. Nothing behind it goes on
before it is answered. If the answer opens a stream, its bytes and frames go on at the rates agreed on. What is held
back is bounded by not reading on: one read.
"""

from __future__ import annotations

import enum
import re

from jellyfish.config import Limits
from jellyfish.protocol.bucket import Bucket
from jellyfish.server.gate.frames import MOST_HEADER_BYTES, FrameCount

REQUEST_BYTES = 32 * 1024
"""Longest request: line and headers."""
END_OF_REQUEST = b"\r\n\r\n"
BODY = re.compile(rb"\r\n(?:transfer-encoding[ \t]*:|content-length[ \t]*:(?![ \t]*0[ \t]*\r\n))")
"""In a request that brings more than itself."""
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*(?=\r\n)")
OF_CAMERAS = (b"post /v1/cameras", b"patch /v1/cameras/")
TAKES_BODY, INFERENCE = (b"post /v2/", *OF_CAMERAS), re.compile(rb"post /v2/models/[^ ?]*/infer[ ?]")
"""How requests begin that may have one, and those that ask for inference (docs/inference-protocol.md)."""
CAMERA_BYTES = 64 * 1024
"""Longest body of those that say something about a camera."""
TOO_LARGE = "413 Content Too Large"
OPENS_STREAM, GO_AHEAD = b" 101 ", b" 100 "
PLANNED_BYTES_PER_S = 2e6
"""What a stream may bring in any case: more than frames that plans ask for, 30 a second of them."""
IDLE_BYTES_PER_S = 1024.0
"""What is read of a client that has nothing to say."""
READ_BYTES = 2048
"""What every read counts at least: it costs as much as going through so many bytes, however few it brings."""
STEP_BYTES = 16 * 1024
"""Reading goes on when so many may come: not for every few bytes anew."""
SOON_S = 1e-3
"""While something is held back that may go on by now, nothing more is read."""
UNKNOWN_FPS = 10.0
"""Rate of a stream that has agreed on none yet."""
CONTROL_RATE, CONTROL_BURST = 20.0, 64.0
"""Messages beside frames: pongs, reports, a WebSocket's own pings; and how many may come at once."""
SURPLUS = 2.0
"""Frames over the agreed rate are read up to so many times that rate, and refused one by one; beyond it not read."""


class Phase(enum.Enum):
    """What a connection is to send next."""

    REQUEST = enum.auto()
    ASKED = enum.auto()
    """The request is here whole, and waits to be let on."""
    ANSWERING = enum.auto()
    """It was handed on."""
    STREAM = enum.auto()
    LASTING = enum.auto()
    """The answer goes on for as long as the client wants it: what it sends meanwhile is nobody's."""
    OVER = enum.auto()
    """The answer came before the whole of the request: what is left of that is nobody's."""


class RequestKind(enum.Enum):
    """What a request asks for; each has its own rate."""

    STREAM = enum.auto()
    INFERENCE = enum.auto()
    OTHER = enum.auto()


class Inlet:
    """One connection's. `receive` what comes, then hand on what `release` gives."""

    def __init__(self, limits: Limits) -> None:
        self.phase = Phase.REQUEST
        self._held = b""
        self._most_body_bytes = limits.body_bytes
        self._body_bytes = 0
        """Of the request that is being answered, that have yet to come or to go on."""
        self._most_bytes_per_s = limits.bytes_per_s
        self._bytes = Bucket(limits.bytes_per_s, max(limits.message_bytes, STEP_BYTES))
        self._messages = Bucket(SURPLUS * UNKNOWN_FPS + CONTROL_RATE, CONTROL_BURST)
        self._frames = FrameCount()
        self._lasts = False

    def agree(self, fps: float) -> None:
        """The stream is for so many frames a second."""
        self._messages.rate = SURPLUS * fps + CONTROL_RATE
        self._messages.burst = max(CONTROL_BURST, self._messages.rate / 2)

    def lasts(self) -> None:
        """The answer to the request that was let on has no end of its own. The client has nothing more to say."""
        self._lasts = True
        self._bytes = Bucket(IDLE_BYTES_PER_S, REQUEST_BYTES)

    def make_room(self, room: float) -> None:
        """The host can give such a share (0..1) of what clients may send beyond what plans ask for."""
        if self._lasts:
            return
        self._bytes.rate = max(room * self._most_bytes_per_s, min(PLANNED_BYTES_PER_S, self._most_bytes_per_s))

    def receive(self, data: bytes, now: float) -> None:
        """So much was read."""
        if self.phase is Phase.OVER:
            return
        if self.phase is Phase.LASTING:
            self._bytes.take(max(READ_BYTES, len(data)), now)
            return
        self._held = self._held + data if self._held else data
        if self.phase is Phase.STREAM:
            self._bytes.take(max(0, READ_BYTES - len(data)), now)
        elif self.phase is Phase.REQUEST and END_OF_REQUEST in self._held[:REQUEST_BYTES]:
            self.phase = Phase.ASKED

    @property
    def too_long(self) -> bool:
        """The request goes on and on."""
        return self.phase is Phase.REQUEST and len(self._held) >= REQUEST_BYTES

    @property
    def goes_on_behind(self) -> bool:
        """The HTTP server would wait for more behind what looks whole here: blank lines, and how HTTP/2 begins."""
        request = self._request.lstrip()
        return not request or request.startswith(b"PRI ")

    @property
    def refused_body(self) -> tuple[str, str] | None:
        """Why the body that the request brings is not taken, as a status and in words; None where it is, or there is
        none."""
        request = self._request.lower()
        if BODY.search(request) is None:
            return None
        if not request.startswith(TAKES_BODY):
            return TOO_LARGE, "nothing here takes a body"
        lengths = LENGTH.findall(request)
        if len(lengths) != 1 or request.count(b"\ncontent-length") != 1 or b"\ntransfer-encoding" in request:
            return "411 Length Required", "a body comes with its length, once (Content-Length)"
        most = min(CAMERA_BYTES, self._most_body_bytes) if request.startswith(OF_CAMERAS) else self._most_body_bytes
        if int(lengths[0]) > most:
            return TOO_LARGE, f"{int(lengths[0])} bytes; at most {most} are taken"
        return None

    @property
    def kind(self) -> RequestKind:
        """What the request asks for."""
        request = self._request.lower()
        if INFERENCE.match(request):
            return RequestKind.INFERENCE
        return RequestKind.STREAM if b"upgrade" in request else RequestKind.OTHER

    @property
    def _request(self) -> bytes:
        return self._held[: self._held.find(END_OF_REQUEST) + len(END_OF_REQUEST)]

    def take_request(self) -> bytes:
        """The request, which is let on: the answer is awaited from now on, and its body, if any, may be released."""
        request = self._request
        self._held = self._held[len(request) :]
        length = LENGTH.search(request.lower())
        self._body_bytes = int(length[1]) if length else 0
        self.phase = Phase.ANSWERING
        return request

    def answered(self, data: bytes) -> Phase:
        """The server's answer begins so: it opens a stream, or the next request may come, if it is not here already.

        Where it only tells the client to go on, the answer has yet to come.
        """
        status = data[len(b"HTTP/1.1") :]
        if status.startswith(GO_AHEAD):
            return self.phase
        if self._body_bytes or self._lasts:
            self.phase, self._held = Phase.LASTING if self._lasts else Phase.OVER, b""
            return self.phase
        self.phase = Phase.STREAM if status.startswith(OPENS_STREAM) else Phase.REQUEST
        if self.phase is Phase.REQUEST and END_OF_REQUEST in self._held:
            self.phase = Phase.ASKED
        return self.phase

    def release(self, now: float) -> bytes:
        """Of a body or a stream: what may go on now."""
        if self._body_bytes:
            return self._release_body(now)
        most_bytes, most_frames = int(self._bytes.level(now)), int(self._messages.level(now))
        if self.phase is not Phase.STREAM or most_bytes <= 0:
            return b""
        end, frames = self._frames.within(self._held, most_bytes, most_frames)
        self._bytes.take(end, now)
        self._messages.take(frames, now)
        released, self._held = (self._held, b"") if end == len(self._held) else (self._held[:end], self._held[end:])
        return released

    def _release_body(self, now: float) -> bytes:
        end = max(0, min(self._body_bytes, len(self._held), int(self._bytes.level(now))))
        self._bytes.take(end, now)
        self._body_bytes -= end
        released, self._held = self._held[:end], self._held[end:]
        return released

    def pause_s(self, now: float) -> float:
        """How long not to read on: 0 for reading on, infinite until somebody else says so."""
        if self.phase in (Phase.REQUEST, Phase.OVER):
            return 0.0
        if self._body_bytes and self.phase is Phase.ANSWERING:
            return self._bytes.wait_s(STEP_BYTES, now) if self._bytes.level(now) < 1 else SOON_S * bool(self._held)
        if self.phase is Phase.LASTING:
            return self._bytes.wait_s(STEP_BYTES, now) if self._bytes.level(now) < 1 else 0.0
        if self.phase is not Phase.STREAM:
            return float("inf") if self._held or self.phase is Phase.ASKED else 0.0
        for_bytes_s = self._bytes.wait_s(STEP_BYTES, now) if self._bytes.level(now) < 1 else 0.0
        for_messages_s = self._messages.wait_s(1.0, now)
        return max(for_bytes_s, for_messages_s, SOON_S if len(self._held) > MOST_HEADER_BYTES else 0.0)
