"""Whether a server is there before a run begins, and in words what keeps a client from it."""

from __future__ import annotations

import asyncio
import errno

import aiohttp
import msgspec

from jellyfish.camera.stream_url import STREAM_PATH, check_stream_url
from jellyfish.errors import InputError

PATIENCE_S = 3.0
"""Longest wait for the answer of a server that should be there."""
MOST_BYTES = 65_536
"""Of that answer."""

_OF_SYSTEM = {
    errno.ECONNREFUSED: "nobody listens there; run `jellyfish serve` there, or check host and port",
    errno.ENETUNREACH: "there is no network that leads there; check the address and the network",
    errno.EHOSTUNREACH: "there is no way to that host; check the address and the network",
}


class _Readiness(msgspec.Struct):
    """What a server of ours says at `/readyz`; it says more."""

    status: str
    clients: int


async def require_ready(http: aiohttp.ClientSession, url: str) -> None:
    """InputError when nobody is ready at `url`, instead of a run in which every frame is skipped."""
    check_stream_url(url)
    where = "http" + url.removeprefix("ws").removesuffix(STREAM_PATH) + "/readyz"
    try:
        async with asyncio.timeout(PATIENCE_S), http.get(where, allow_redirects=False) as answer:
            body = b""
            while len(body) < MOST_BYTES and (more := await answer.content.readany()):
                body += more
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise InputError(f"no Jellyfish server answers at {url}: {why_unreachable(error)}") from error
    told = _understood(body)
    if told is None:
        there = answer.headers.get("Location")
        what = f"sends elsewhere, to {there}" if there else f"answers {where} with HTTP status {answer.status}"
        raise InputError(f"no Jellyfish server at {url}: what listens there {what}; check the port and what runs there")
    if answer.status != 200:
        raise InputError(f"the server at {url} is not ready ({told.status}); try again when it is")


def why_refused(status: int) -> str:
    """What an HTTP status in place of a stream means, and what to do."""
    said = f"refused by the server: HTTP status {status}"
    match status:
        case 401:
            return f"{said}: it asks for a token, or does not know this one (--token-file FILE, or JELLYFISH_TOKEN)"
        case 403:
            return f"{said}: this token is not for cameras"
    return said


def why_unreachable(error: BaseException) -> str:
    """What keeps a client from a server, and what to do."""
    match error:
        case TimeoutError():
            return "no answer in time; check the address, the network, and firewalls on the way"
        case aiohttp.ClientConnectorError():
            return _why_no_connection(error)
        case aiohttp.ClientResponseError() | aiohttp.ServerDisconnectedError() | ConnectionResetError():
            return "what listens there does not speak HTTP; check the port, and give wss:// if it speaks TLS"
    return str(error) or type(error).__name__


def _why_no_connection(error: aiohttp.ClientConnectorError) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return (
                f"its certificate is not trusted ({error.certificate_error}); name the file of those that are with "
                "--ca-file"
            )
        case aiohttp.ClientSSLError():
            return "what listens there does not speak TLS; give ws:// instead of wss://"
        case aiohttp.ClientConnectorDNSError():
            return f"there is no host called {error.host!r}; check the name"
    system = error.os_error
    return _OF_SYSTEM.get(system.errno or 0, system.strerror or str(system))


def _understood(body: bytes) -> _Readiness | None:
    """What a server of ours has said; None if it is none."""
    try:
        return msgspec.json.decode(body, type=_Readiness)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
