"""What keeps a client from a server is said in one clear line, before a run begins."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from jellyfish.camera.reaching import require_ready, why_unreachable
from jellyfish.camera.stream_url import check_stream_url
from jellyfish.errors import InputError

STREAM = "/v1/stream"


@pytest.mark.parametrize(
    "url",
    [
        "ws://192.0.2.7:8765/v1/stream",
        "wss://edge.example/v1/stream",
        "ws://[::1]:8765/v1/stream",
        "ws://localhost:65535/v1/stream",
        "wss://camera:password@edge.example:8443/v1/stream",
    ],
)
def test_the_url_of_a_stream_is_taken(url: str) -> None:
    check_stream_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "an empty text is not the URL of a stream; give ws://HOST:PORT/v1/stream"),
        ("192.0.2.7", "is not the URL of a stream; give"),
        ("192.0.2.7:8765/v1/stream", "is not the URL of a stream; give"),
        ("ws://192.0.2.7:8765", "is not the URL of a stream; give"),
        ("ws://192.0.2.7:8765/v1/stream/", "is not the URL of a stream; give"),
        ("ws://192.0.2.7:8765/other?/v1/stream", "is not the URL of a stream; give"),
        ("ws://192.0.2.7 :8765/v1/stream", "is not the URL of a stream"),
        ("http://192.0.2.7:8765/v1/stream", "begins with http:// instead of ws://"),
        ("https://192.0.2.7:8765", "begins with https:// instead of wss://"),
        ("ws://192.0.2.7:70000/v1/stream", "its port is not a number from 1 to 65535"),
        ("ws://192.0.2.7:-1/v1/stream", "its port is not a number"),
        ("ws://192.0.2.7:http/v1/stream", "its port is not a number"),
        ("ws://192.0.2.7:0/v1/stream", "its port is not a number"),
        ("ws:///v1/stream", "names no host"),
        ("ws://:8765/v1/stream", "names no host"),
        ("ws://a..b:8765/v1/stream", "no name that a host can have"),
        (f"ws://{'x' * 300}:8765/v1/stream", "no name that a host can have"),
        ("ws://::1:8765/v1/stream", "an IPv6 address goes into brackets"),
        ("ws://2001:db8::7/v1/stream", "an IPv6 address goes into brackets"),
        ("ws://[::1:8765/v1/stream", "IPv6"),
    ],
)
def test_what_is_not_the_url_of_a_stream_is_refused_and_says_why(url: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as refused:
        check_stream_url(url)
    assert "ws://HOST:PORT/v1/stream" in str(refused.value)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(data: bytes) -> Serve:
    """A server that reads a little, says this and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(data)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    return serve


def http_answer(status: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body]
    return "\r\n".join(lines).encode("latin-1")


@contextlib.asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """HOST:PORT of a server in this process."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def said(url: str, resolver: AbstractResolver | None = None) -> str:
    """What a client is told of this URL; nothing if it may begin."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as http:
        try:
            await require_ready(http, url)
        except InputError as refused:
            return str(refused)
    return ""


READY = '{"status": "ready", "clients": 0, "devices": {}}'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http_answer("200 OK", READY), ""),
        (http_answer("503 Service Unavailable", READY.replace("ready", "warming up")), "is not ready (warming up)"),
        (http_answer("404 Not Found", "<html>no such page</html>"), "no Jellyfish server at ws://127.0.0.1:"),
        (http_answer("404 Not Found", "\xff"), "with HTTP status 404; check the port"),
        (http_answer("200 OK", "<html>welcome</html>"), "with HTTP status 200; check the port"),
        (http_answer("200 OK", "[]"), "no Jellyfish server at"),
        (http_answer("502 Bad Gateway", ""), "with HTTP status 502"),
        (http_answer("301 Moved", "", "Location: https://a.example/"), "sends elsewhere, to https://a.example/"),
        (b"SSH-2.0-OpenSSH_9.7\r\n", "does not speak HTTP"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "give wss:// if it speaks TLS"),
        (b"", "does not speak HTTP"),
    ],
)
def test_what_listens_there_is_told_from_a_server_of_ours(answer: bytes, words: str) -> None:
    async def scenario() -> str:
        async with listening(answering(answer)) as where:
            return await said(f"ws://{where}{STREAM}")

    told = asyncio.run(scenario())
    assert words in told
    assert bool(words) == bool(told)


def test_who_does_not_speak_tls_is_told() -> None:
    async def scenario() -> str:
        async with listening(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as where:
            return await said(f"wss://{where}{STREAM}")

    assert "does not speak TLS; give ws:// instead of wss://" in asyncio.run(scenario())


def test_a_port_where_nobody_listens_is_told() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for host in ("127.0.0.1", "localhost"):
        told = asyncio.run(said(f"ws://{host}:{port}{STREAM}"))
        assert f"no Jellyfish server answers at ws://{host}:{port}{STREAM}: nobody listens there" in told


class KnowsNobody(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        pass


def test_a_name_that_nobody_has_is_told() -> None:
    async def scenario() -> str:
        return await said(f"ws://edge.example:8765{STREAM}", KnowsNobody())

    assert "there is no host called 'edge.example'; check the name" in asyncio.run(scenario())


@pytest.mark.parametrize("error", [TimeoutError(), aiohttp.ServerTimeoutError(), aiohttp.ConnectionTimeoutError()])
def test_silence_is_told_as_such(error: Exception) -> None:
    """The errors of timeouts say nothing themselves."""
    assert str(error) == ""
    assert why_unreachable(error).startswith("no answer in time; check the address")


def test_whatever_else_it_is_something_is_said() -> None:
    assert why_unreachable(ValueError()) == "ValueError"
    assert why_unreachable(aiohttp.ClientError("odd")) == "odd"
