"""`jellyfish serve`: a server until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from jellyfish.clock import seconds_now
from jellyfish.config import ServerConfig
from jellyfish.control.loop import WindowRecord
from jellyfish.devices.opening import Report
from jellyfish.errors import RunError
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.run import run_info, timeline_from
from jellyfish.modes.server_log import ServerLog
from jellyfish.modes.serving import RunningServer, serving
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.parted_files import PartedFiles
from jellyfish.server.service import Service

STEP_S = 1.5
"""How long a start that is to stop may take to do so by itself."""


async def serve(config: ServerConfig, console: Console) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Returns when everything is closed."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving_until_stop = asyncio.create_task(_serve(config, console, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving_until_stop, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await serving_until_stop


async def _serve(config: ServerConfig, console: Console, stop: asyncio.Event) -> None:
    """Start, say so, wait, drain. A stop during the start ends it as soon as the step at hand is done, or without that
    after a while: a device may hang in it."""
    stopped, starting = threading.Event(), asyncio.current_task()
    assert starting is not None
    watching = asyncio.create_task(_forward(stop, stopped, starting))
    try:
        async with contextlib.AsyncExitStack() as stack:
            log = _LoggedWindows(config)  # refuses a wrong folder before measuring
            stack.push_async_callback(log.close)
            with ProgressReport(console) as progress:
                server = await stack.enter_async_context(serving(config, log, _stoppable(progress, stopped)))
            watching.cancel()
            log.begin(config, server)
            console.print(f"[bold]ready[/]: {escape(server.url)} on {escape(server.devices)} (Ctrl-C stops)")
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


class _LoggedWindows:
    """Takes the windows of a server on its own, which go into its log if it keeps one."""

    def __init__(self, config: ServerConfig) -> None:
        self._windows = WindowLog("fixed" if config.variant else config.planner)
        self._log: ServerLog | None = None
        if (kept := config.log) is not None:
            self._log = ServerLog(PartedFiles(kept.folder, kept.most_bytes, kept.most_age_s))

    def begin(self, config: ServerConfig, server: RunningServer) -> None:
        """The server is ready: from now on windows are written."""
        if self._log is None:
            return
        profiles = server.profiles
        hardware = "; ".join(profile.hardware for profile in profiles)
        started = datetime.now().astimezone()
        self._log.begin(run_info("serve", started, 0, config, [profile.device for profile in profiles], hardware))
        self._windows.start(self._log.window, timeline_from(seconds_now()))

    def __call__(self, record: WindowRecord, service: Service) -> None:
        """Write one window."""
        if self._log is not None:
            self._windows(record, service)
            self._log.tick()

    async def close(self) -> None:
        """Write the last windows."""
        if self._log is not None:
            await self._log.close()
