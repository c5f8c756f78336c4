"""Why a server cannot listen, in words that fit the cause."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
import typer
import uvloop

from jellyfish.cli.parsing import listening_host
from jellyfish.server.address import why_not_listening


def refused(host: str, port: int, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> str:
    async def listen() -> str:
        try:
            server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
        except (OSError, UnicodeError) as error:
            return why_not_listening(error)
        server.close()
        return "listening"

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(listen())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_words_fit_the_cause(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "try another --port" in refused("127.0.0.1", taken.getsockname()[1], new_loop)
    assert "this machine has no such address; give --host" in refused("192.0.2.7", 0, new_loop)
    for host in ("x" * 300, "a..b"):
        assert "there is no such host; give --host" in refused(host, 0, new_loop), host
    assert refused("127.0.0.1", 0, new_loop) == "listening"


def test_causes_that_cannot_be_had_everywhere() -> None:
    assert "there is no such host" in why_not_listening(socket.gaierror(-2, "Name or service not known"))
    assert "from 1024 on" in why_not_listening(PermissionError(13, "Permission denied"))
    assert why_not_listening(OSError(5, "Input/output error")) == "Input/output error; check --host and --port"
    assert why_not_listening(OSError("odd")) == "odd; check --host and --port"


@pytest.mark.parametrize(
    ("text", "host"), [("0.0.0.0", "0.0.0.0"), ("[::1]", "::1"), ("::", "::"), (" localhost ", "localhost")]
)
def test_a_host_is_taken_with_or_without_brackets(text: str, host: str) -> None:
    assert listening_host(text) == host


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "give 0.0.0.0"),
        (" ", "give 0.0.0.0"),
        ("[]", "give 0.0.0.0"),
        ("127.0.0.1:8765", "the port goes to --port"),
        ("http://127.0.0.1", "an address alone"),
        ("ws://[::1]:8765/v1/stream", "an address alone"),
        ("[::1]:8765", "the port goes to --port"),
    ],
)
def test_what_is_no_address_alone_is_refused(text: str, words: str) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        listening_host(text)
