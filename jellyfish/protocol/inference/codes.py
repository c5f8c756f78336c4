"""Why a request is not answered, and how that is told over HTTP and gRPC."""

from __future__ import annotations

import enum
from typing import NamedTuple

from jellyfish.core import Reason
from jellyfish.errors import RequestError


class _Told(NamedTuple):
    """The same in both tongues."""

    http: int
    grpc: str
    """Name of a status code of gRPC."""


class RequestCode(enum.StrEnum):
    """Of a `RequestError`."""

    BAD = "bad_request"
    """What was sent cannot be understood, or is not what the model takes."""
    UNKNOWN = "not_found"
    """There is no such model, version or page."""
    UNKNOWN_CLIENT = "unknown_client"
    """It is not known who asks."""
    NOT_ALLOWED = "not_allowed"
    """It is known, and that one may not."""
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    """Part of the protocol, and not here."""
    UNAVAILABLE = "unavailable"
    """It would have been answered at another time."""
    LATE = "late"
    """It cannot be answered in time, or could not."""


_TOLD = {
    RequestCode.BAD: _Told(400, "INVALID_ARGUMENT"),
    RequestCode.UNKNOWN: _Told(404, "NOT_FOUND"),
    RequestCode.UNKNOWN_CLIENT: _Told(401, "UNAUTHENTICATED"),
    RequestCode.NOT_ALLOWED: _Told(403, "PERMISSION_DENIED"),
    RequestCode.TOO_LARGE: _Told(413, "INVALID_ARGUMENT"),
    RequestCode.UNSUPPORTED: _Told(501, "UNIMPLEMENTED"),
    RequestCode.UNAVAILABLE: _Told(503, "UNAVAILABLE"),
    RequestCode.LATE: _Told(503, "DEADLINE_EXCEEDED"),
}
_IN_WORDS = {
    Reason.EXPIRED: "it could not be answered within its timeout",
    Reason.OVERLOAD: "there is more to do than there is time for",
    Reason.QUEUE_FULL: "too many wait already",
    Reason.TOO_MANY_IN_FLIGHT: "too many requests of this client are unanswered",
    Reason.TOO_FAST: "more requests a second than are served now",
    Reason.DEVICE_ERROR: "the device failed",
    Reason.SHUTDOWN: "the server is shutting down",
}


def http_status(code: str) -> int:
    """Of an answer that tells of an error with `code`."""
    return _TOLD[RequestCode(code)].http


def grpc_status(code: str) -> str:
    """Likewise; the name of one of gRPC's codes."""
    return _TOLD[RequestCode(code)].grpc


def bad(message: str) -> RequestError:
    """What was sent is wrong in this way."""
    return RequestError(RequestCode.BAD, message)


def dropped(reason: Reason, message: str = "") -> RequestError:
    """A request that was given up for `reason`, as a frame of a stream may be; `message` says more, if anything."""
    if reason in (Reason.BAD_IMAGE, Reason.IMAGE_TOO_LARGE):
        return bad(f"{reason.value}: {message}")
    code = RequestCode.LATE if reason is Reason.EXPIRED else RequestCode.UNAVAILABLE
    return RequestError(code, f"{reason.value}: {message or _IN_WORDS.get(reason, 'it was given up')}")
