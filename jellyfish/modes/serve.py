"""`jellyfish serve`: a server until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from jellyfish.clock import seconds_now
from jellyfish.config import ServerConfig
from jellyfish.control.loop import WindowRecord
from jellyfish.errors import InputError
from jellyfish.modes.entrance import Entrance
from jellyfish.modes.outcome_log import OutcomeLog
from jellyfish.modes.own_cameras import without_secrets
from jellyfish.modes.publishing import Publishing
from jellyfish.modes.reloading import Asked, Reloading, reloaded_by_signal
from jellyfish.modes.run import run_info, timeline_from
from jellyfish.modes.running_server import RunningServer
from jellyfish.modes.saying import Saying
from jellyfish.modes.server_log import ServerLog
from jellyfish.modes.serving import serving
from jellyfish.modes.telling import tell, to
from jellyfish.modes.window_log import WindowLog
from jellyfish.program.stopping import Stop
from jellyfish.program.supervisor import Supervisor
from jellyfish.results.parted_files import PartedFiles
from jellyfish.server.administration import Administration, Changes
from jellyfish.server.fleet.fleet import nothing_fetched
from jellyfish.server.service import Service


async def serve(asked: Asked, saying: Saying, stop: Stop, quiet: bool, again: Callable[[], Asked]) -> None:
    """Serve until told to stop, then drain. Returns when everything is closed. `quiet`: say nothing of clients.

    `again`: what is asked for when the server is told to read its configuration anew.
    """
    stopped, config = asyncio.Event(), asked.config
    async with contextlib.AsyncExitStack() as stack:
        log = _LoggedWindows(config)  # refuses a wrong folder before measuring
        stack.push_async_callback(log.close)
        entrance, reloading = Entrance(config, os.environ), _LaterReloading()
        publishing = Publishing(config, os.environ)
        await stack.enter_async_context(reloaded_by_signal(reloading.administration, saying.words))
        with saying.progress() as progress:
            server = await stack.enter_async_context(
                serving(config, log, stop.watched(progress), entrance=entrance, administration=reloading.administration)
            )
        reloading.begin(Reloading(asked, again, entrance, server.service, server.change_model, server.cameras))
        log.begin(config, server)
        sources = nothing_fetched if server.cameras is None else server.cameras.sources
        await stack.enter_async_context(publishing.of(server.service, sources))
        saying.ready(server.url, str(server.model), server.devices, server.grpc_address)
        for warning in entrance.warnings(config):
            saying.warning(warning)
        for note in entrance.notes(config):
            saying.note(note)
        supervisor = await stack.enter_async_context(_supervised())
        if not quiet:
            await stack.enter_async_context(_telling(server.service, saying))
        with stop.in_order(stopped.set):
            await stopped.wait()
        saying.words("draining ...")
        supervisor.tell("STOPPING=1")
        await server.service.retire(config.drain_s)
    saying.words("stopped")


class _LaterReloading:
    """Of a server that may not be ready yet."""

    def __init__(self) -> None:
        self.administration = Administration(self.reload, self.change_model)
        self._reloading: Reloading | None = None

    def begin(self, reloading: Reloading) -> None:
        """The server is ready."""
        self._reloading = reloading

    def reload(self) -> Changes:
        """Read the configuration anew; InputError while the server is not ready."""
        return self._ready().reload()

    async def change_model(self) -> str:
        """Serve with the model that it names now; InputError while the server is not ready."""
        return await self._ready().change_model()

    def _ready(self) -> Reloading:
        if self._reloading is None:
            raise InputError("the server is not ready yet")
        return self._reloading


@contextlib.asynccontextmanager
async def _supervised() -> AsyncIterator[Supervisor]:
    """Whoever has started the server knows that it is ready, and for the time of the context that it lives."""
    supervisor = Supervisor()
    supervisor.tell("READY=1")
    beating = asyncio.create_task(supervisor.beat())
    try:
        yield supervisor
    finally:
        beating.cancel()


@contextlib.asynccontextmanager
async def _telling(service: Service, saying: Saying) -> AsyncIterator[None]:
    """Lines about the server and its clients for the time of the context."""
    writer = to(saying.console)
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(tell(service, writer, saying.log_format))
        yield
        telling.cancel()
    writer.close()


class _LoggedWindows:
    """Takes the windows of a server on its own, which go into its log if it keeps one."""

    def __init__(self, config: ServerConfig) -> None:
        self._windows = WindowLog("fixed" if config.variant else config.planner)
        self._log: ServerLog | None = None
        self._outcomes: OutcomeLog | None = None
        if (kept := config.log) is not None:
            self._log = ServerLog(PartedFiles(kept.folder, kept.most_bytes, kept.most_age_s))

    def begin(self, config: ServerConfig, server: RunningServer) -> None:
        """The server is ready: from now on windows are written."""
        if self._log is None:
            return
        profiles = server.profiles
        hardware = "; ".join(profile.measured_on for profile in profiles)
        started = datetime.now().astimezone()
        devices = [profile.device for profile in profiles]
        self._log.begin(run_info("serve", started, 0, without_secrets(config), devices, hardware, server.model))
        timeline = timeline_from(seconds_now())
        self._windows.start(self._log.window, timeline)
        self._outcomes = OutcomeLog(self._log.outcomes, timeline, server.split)

    def __call__(self, record: WindowRecord, service: Service) -> None:
        """Write one window, and what has become of frames."""
        if self._log is not None:
            self._windows(record, service)
            if self._outcomes is not None:
                self._outcomes.look(service, seconds_now())
            self._log.tick()

    async def close(self) -> None:
        """Write the last windows."""
        if self._log is not None:
            await self._log.close()
