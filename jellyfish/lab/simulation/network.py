"""Sockets in memory: aiohttp's real server and client on a virtual-time loop, and the means to cut a connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp
from aiohttp import web

from jellyfish.server.access import Access
from jellyfish.server.administration import Administration
from jellyfish.server.app import listening
from jellyfish.server.service import Service

HOST, PORT = "server", 80
URL = f"ws://{HOST}:{PORT}/v1/stream"


class MemoryConnector(aiohttp.TCPConnector):
    """Connects through the event loop itself, so that a virtual-time loop can keep the sockets in memory."""

    def __init__(self, host: str | None = None) -> None:
        """`host`: where it connects to, whatever a URL names; None for that."""
        super().__init__(limit=0)
        self._host = host
        self._transports: list[asyncio.BaseTransport] = []

    async def _create_connection(self, req: Any, *_: Any) -> Any:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(self._factory, self._host or req.url.host, req.url.port)
        self._transports = [known for known in self._transports if not known.is_closing()]
        self._transports.append(transport)
        return protocol

    def cut(self) -> None:
        """Abort every connection at once, without goodbye."""
        for transport in self._transports:
            if isinstance(transport, asyncio.Transport):
                transport.abort()

    def stop_reading(self) -> None:
        """Take no more bytes from the other side."""
        for transport in self._transports:
            if isinstance(transport, asyncio.Transport):
                transport.pause_reading()

    def read_on(self) -> None:
        """Take bytes again."""
        for transport in self._transports:
            if isinstance(transport, asyncio.Transport):
                transport.resume_reading()


@contextlib.asynccontextmanager
async def at_url(
    service: Service,
    access: Access | None = None,
    administration: Administration | None = None,
    routes: Iterable[web.RouteDef] = (),
    host: str = HOST,
) -> AsyncIterator[None]:
    """Serve `service` at `URL`, or at another host, for the time of the context, then drain."""
    async with listening(service, host, PORT, access=access, administration=administration, routes=routes):
        service.ready = True
        yield
