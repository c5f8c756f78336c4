"""`jellyfish serve`: a server until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncIterator
from functools import partial

from rich.console import Console
from rich.markup import escape

from jellyfish.config import ServerConfig
from jellyfish.control.loop import WindowRecord
from jellyfish.devices.workers import Report
from jellyfish.errors import RunError
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.serving import serving
from jellyfish.modes.telling import LineWriter, tell
from jellyfish.server.service import Service

STEP_S = 1.5
"""How long a start that is to stop may take to do so by itself."""


async def serve(config: ServerConfig, console: Console, quiet: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Returns when everything is closed.

    `quiet`: say nothing of clients.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving_until_stop = asyncio.create_task(_serve(config, console, quiet, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving_until_stop, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await serving_until_stop


async def _serve(config: ServerConfig, console: Console, quiet: bool, stop: asyncio.Event) -> None:
    """Start, say so, wait, drain. A stop during the start ends it as soon as the step at hand is done, or without that
    after a while: a device may hang in it."""
    stopped, starting = threading.Event(), asyncio.current_task()
    assert starting is not None
    watching = asyncio.create_task(_forward(stop, stopped, starting))
    try:
        async with contextlib.AsyncExitStack() as stack:
            with ProgressReport(console) as progress:
                server = await stack.enter_async_context(serving(config, _ignore_window, _stoppable(progress, stopped)))
            watching.cancel()
            console.print(f"[bold]ready[/]: {escape(server.url)} on {escape(server.devices)} (Ctrl-C stops)")
            if not quiet:
                await stack.enter_async_context(_telling(server.service, console))
            await stop.wait()
            console.print("draining ...")
    except _StoppedError:
        pass
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
        starting.uncancel()
    finally:
        watching.cancel()
    console.print("stopped")


@contextlib.asynccontextmanager
async def _telling(service: Service, console: Console) -> AsyncIterator[None]:
    """Lines about clients for the time of the context, of those that it ends for too."""
    writer = LineWriter(partial(console.print, markup=False, highlight=False, soft_wrap=True))
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(tell(service, writer))
        yield
        telling.cancel()
    writer.close()


class _StoppedError(RunError):
    """The start was broken off because the user asked for it."""


def _stoppable(progress: Report, stopped: threading.Event) -> Report:
    """`progress`, but the next step is not begun once `stopped`; works from any thread."""

    def report(words: str, done: int, total: int) -> None:
        if stopped.is_set():
            raise _StoppedError("stopped while starting")
        progress(words, done, total)

    return report


async def _forward(stop: asyncio.Event, stopped: threading.Event, starting: asyncio.Task[None]) -> None:
    await stop.wait()
    stopped.set()
    await asyncio.sleep(STEP_S)
    starting.cancel()


def _ignore_window(record: WindowRecord, service: Service) -> None:
    """A server on its own keeps no window log; `bench` does."""
