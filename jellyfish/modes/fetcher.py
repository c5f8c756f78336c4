"""The process that fetches a server's own cameras: `python -m jellyfish.modes.fetcher`, told and telling by lines.

Its cameras are clients of the server's stream like any others. It listens nowhere, is told where the server is and by
what token over the pipe that it was started with, and ends with that pipe, which ends with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
from collections.abc import Iterable
from hashlib import sha256
from typing import BinaryIO

import aiohttp

from jellyfish.core import SourceState
from jellyfish.errors import InputError
from jellyfish.installed import is_installed
from jellyfish.modes.camera_set import CameraSet
from jellyfish.modes.fetcher_lines import (
    LONGEST_WORDS,
    MOST_LINE_BYTES,
    FetchCamera,
    FetcherAlive,
    FetcherSaid,
    ForgetCamera,
    FromFetcher,
    ServerToReach,
    SourceTold,
    as_line,
    line_of_server,
)

ALIVE_S = 1.0


class OwnCertificates(aiohttp.Fingerprint):
    """Takes a server for ours by the certificate that it shows, whoever vouches for it and whatever it is called."""

    def __init__(self, digests: Iterable[str]) -> None:
        """`digests`: SHA-256 in hexadecimal."""
        super().__init__(bytes(32))
        self.digests = frozenset(bytes.fromhex(each) for each in digests)

    def check(self, transport: asyncio.Transport) -> None:
        """Raises aiohttp's error for another one's."""
        shown = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if sha256(shown).digest() not in self.digests:
            super().check(transport)  # which is for a certificate that there is not


class CameraFetcher:
    """What is told over the pipe, done. `say` writes a line back."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._certificates = OwnCertificates(())
        self._cameras: CameraSet | None = None
        self._stack = contextlib.AsyncExitStack()

    async def run(self, told: asyncio.StreamReader) -> None:
        """Do what is told, until there is nothing more; then have the cameras say goodbye."""
        alive = asyncio.create_task(self._tell_alive())
        async with self._stack:
            while line := await told.readline():
                await self._do(line)
        alive.cancel()

    def say(self, message: FromFetcher) -> None:
        """Tell the server."""
        self._output.write(as_line(message))
        self._output.flush()

    async def _do(self, line: bytes) -> None:
        match line_of_server(line):
            case ServerToReach() as server:
                self._certificates.digests = frozenset(map(bytes.fromhex, server.certificates))
                if self._cameras is None:
                    self._cameras = await self._begin(server)
            case FetchCamera(source) if self._cameras is not None:
                try:
                    await self._cameras.add(source)
                except InputError as error:
                    self._tell_source(source.name, SourceState.DEAD, str(error))
            case ForgetCamera(name) if self._cameras is not None:
                with contextlib.suppress(InputError):  # it was never begun
                    await self._cameras.remove(name)

    async def _begin(self, server: ServerToReach) -> CameraSet:
        trusted = self._certificates if server.url.startswith("wss:") else True
        connector = aiohttp.TCPConnector(limit=0, ssl=trusted)
        headers = {"Authorization": f"Bearer {server.token}"}
        http = await self._stack.enter_async_context(aiohttp.ClientSession(connector=connector, headers=headers))
        return await self._stack.enter_async_context(CameraSet(http, server.url, self._tell_source))

    def _tell_source(self, name: str, state: SourceState, words: str) -> None:
        self.say(SourceTold(name, state.value, words[:LONGEST_WORDS]))

    async def _tell_alive(self) -> None:
        while True:
            self.say(FetcherAlive())
            await asyncio.sleep(ALIVE_S)


class SaidToServer(logging.Handler):
    """What is logged here is said there."""

    def __init__(self, fetcher: CameraFetcher) -> None:
        super().__init__(logging.WARNING)
        self._fetcher = fetcher

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        self._fetcher.say(FetcherSaid(record.levelno, record.name, self.format(record)[: 4 * LONGEST_WORDS]))


async def fetch() -> None:
    """As long as the pipe is there."""
    fetcher = CameraFetcher(sys.stdout.buffer)
    logging.getLogger().addHandler(SaidToServer(fetcher))
    told = asyncio.StreamReader(MOST_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), sys.stdin)
    await fetcher.run(told)


def main() -> None:
    """Fetch until the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    new_loop = importlib.import_module("uvloop").new_event_loop if is_installed("uvloop") else None
    with asyncio.Runner(loop_factory=new_loop) as runner, contextlib.suppress(BrokenPipeError):
        runner.run(fetch())
    os._exit(0)  # a line that nobody reads any more is no error


if __name__ == "__main__":
    main()
