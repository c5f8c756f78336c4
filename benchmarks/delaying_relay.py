"""A TCP relay that lets every byte through a time later, both ways: a long way, where the kernel has no netem.

    python -m benchmarks.delaying_relay PORT HOST:PORT MILLISECONDS

What waits is bounded by what may be on such a way at once; beyond that it does not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

MOST_WAITING = 256
"""Pieces of at most 64 KiB."""


async def delayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """One direction, until its end."""
    clock = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_WAITING)

    async def take() -> None:
        piece = b"begin"
        while piece:
            piece = await reader.read(65536)
            await waiting.put((clock.time() + delay_s, piece))

    taking = asyncio.create_task(take())
    try:
        while True:
            due_s, piece = await waiting.get()
            await asyncio.sleep(due_s - clock.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
    finally:
        taking.cancel()
        writer.close()


async def relay(port: int, host: str, to_port: int, delay_s: float) -> None:
    """Take connections on this machine for as long as it runs."""

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(host, to_port)
            ways = (delayed(reader, there_writer, delay_s), delayed(there_reader, writer, delay_s))
            await asyncio.gather(*ways)
        writer.close()

    server = await asyncio.start_server(passed, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main() -> None:
    port, address, delay_ms = sys.argv[1:]
    host, _, to_port = address.rpartition(":")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(relay(int(port), host, int(to_port), float(delay_ms) / 1000))


if __name__ == "__main__":
    main()
