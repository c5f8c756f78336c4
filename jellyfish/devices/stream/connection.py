"""One end of a stream between a front and a worker: messages in, messages out, over any of asyncio's transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

from jellyfish.clock import seconds_now
from jellyfish.devices.stream.framing import Framing, Message, StreamError, encoded
from jellyfish.devices.stream.messages import FromFront, FromWorker

Said = TypeVar("Said")
Told = FromFront | FromWorker


class StreamEnd(asyncio.BufferedProtocol, Generic[Said]):
    """Reads straight to where messages stay; what is written is handed on as it is."""

    def __init__(
        self,
        framing: Framing[Said],
        on_message: Callable[[StreamEnd[Said], Message[Said]], None],
        on_end: Callable[[StreamEnd[Said], str], None],
        on_begin: Callable[[StreamEnd[Said]], None] = lambda end: None,
    ) -> None:
        """`on_message` may raise StreamError, which ends the stream. `on_end`: told why, once, when it has ended."""
        self.framing = framing
        self.heard_s = seconds_now()
        """When the other end was heard last."""
        self._on_message, self._on_end, self._on_begin = on_message, on_end, on_begin
        self._transport: asyncio.Transport | None = None
        self._why = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._on_begin(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        return self.framing.room()

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self.heard_s = seconds_now()
        try:
            message = self.framing.filled(nbytes)
            if message is not None:
                self._on_message(self, message)
        except StreamError as error:
            self.end(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = None
        self._on_end(self, self._why or (f"{type(exc).__name__}: {exc}" if exc else "the other end has closed it"))

    @property
    def is_open(self) -> bool:
        """Whether something that is sent may arrive."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, said: Told, images: Sequence[bytes | memoryview] = ()) -> None:
        """Have it sent, with the bytes of its images behind it; nothing happens where the stream has ended."""
        if self._transport is not None and self.is_open:
            self._transport.writelines([encoded(said, sum(map(len, images))), *images])

    def close(self) -> None:
        """End it when all that was sent is on its way."""
        if self._transport is not None:
            self._transport.close()

    def end(self, why: str) -> None:
        """End it at once."""
        self._why = self._why or why
        if self._transport is not None:
            self._transport.abort()
