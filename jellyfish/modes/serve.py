"""`jellyfish serve`: a server until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib

from rich.console import Console
from rich.markup import escape

from jellyfish.config import ServerConfig
from jellyfish.control.loop import WindowRecord
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.serving import serving
from jellyfish.program.stopping import Stop
from jellyfish.server.service import Service


async def serve(config: ServerConfig, console: Console, stop: Stop) -> None:
    """Serve until told to stop, then drain. Returns when everything is closed."""
    stopped = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        with ProgressReport(console) as progress:
            server = await stack.enter_async_context(serving(config, _ignore_window, stop.watched(progress)))
        console.print(f"[bold]ready[/]: {escape(server.url)} on {escape(server.devices)} (Ctrl-C stops)")
        with stop.in_order(stopped.set):
            await stopped.wait()
        console.print("draining ...")
    console.print("stopped")


def _ignore_window(record: WindowRecord, service: Service) -> None:
    """A server on its own keeps no window log; `bench` does."""
