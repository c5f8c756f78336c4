"""A server for abuse, in a process of its own: all of it is the one in service, but its device only takes time.

Listening, decoding, planning (`shared`, in its process) and limits are what `jellyfish serve` has; the device takes the
times of a model of one processor core and finds nothing, so that latencies are about the server. The process may have
as many file descriptors as usual (1,024), and its parent may look inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import resource
import threading
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

import uvloop

from jellyfish.config import Limits
from jellyfish.devices.process import tune_process
from jellyfish.lab.simulation.model import load_model

MODEL = load_model("cpu")
DESCRIPTORS = 1024
START_LIMIT_S, STOP_LIMIT_S, LOOK_LIMIT_S = 120.0, 10.0, 10.0
MOST_RECORDS = 10_000


@dataclass(frozen=True)
class Settings:
    """What differs between servers here."""

    limits: Limits = field(default_factory=Limits)
    leak: bool = False
    """Whether 1 kB is kept for every frame: something for a soak to find."""
    small_buffers: bool = False
    """Whether what a client does not read is soon felt, not after megabytes of answers in the kernel."""


@dataclass(frozen=True)
class Logged:
    """One record of the server's log, warnings and errors."""

    text: str
    lines: int
    bad: bool
    """Whether it is an error or carries a traceback."""


@dataclass(frozen=True)
class Inside:
    """What only the process itself knows."""

    tasks: int
    sessions: int
    threads: int
    logged: list[Logged]
    """Since the last look."""


class Complaints(logging.Handler):
    """Keeps what a server logs, as it would be written; the oldest records, should there be very many."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[Logged] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if len(self.found) < MOST_RECORDS:
            text = self.format(record)
            bad = record.levelno >= logging.ERROR or record.exc_info is not None
            self.found.append(Logged(text, text.count("\n") + 1, bad))

    def taken(self) -> list[Logged]:
        """Everything since the last time."""
        found, self.found = self.found, []
        return found


def _server_process(pipe: Connection, settings: Settings) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    tune_process()
    uvloop.run(_serve(pipe, settings, complaints))


async def _serve(pipe: Connection, settings: Settings, complaints: Complaints) -> None:
    """Until the parent says so, or is gone."""
    from benchmarks.timed_service import serving  # here, as the processes of clients import this file, too

    over = asyncio.Event()
    async with serving(settings) as (service, url):

        def asked() -> None:
            try:
                going_on = pipe.recv()
                if going_on:
                    tasks = len(asyncio.all_tasks())
                    pipe.send(Inside(tasks, len(service.sessions), threading.active_count(), complaints.taken()))
                else:
                    over.set()
            except (EOFError, OSError):
                over.set()

        asyncio.get_running_loop().add_reader(pipe.fileno(), asked)
        pipe.send(url)
        await over.wait()
        asyncio.get_running_loop().remove_reader(pipe.fileno())


class TimedServer:
    """The process with the server, for the time of the context."""

    def __init__(self, settings: Settings | None = None) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["benchmarks.timed_service"])  # brings torch along, once for all servers
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_server_process, args=(theirs, settings or Settings()))
        self._theirs = theirs
        self.url = ""

    def __enter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        if not self._pipe.poll(START_LIMIT_S):
            self._process.kill()
            raise TimeoutError(f"the server did not start within {START_LIMIT_S:g} s")
        self.url = self._pipe.recv()
        return self

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def look(self) -> Inside:
        """How it is inside; TimeoutError when its event loop does not turn."""
        self._pipe.send(True)
        if not self._pipe.poll(LOOK_LIMIT_S):
            raise TimeoutError(f"the server's event loop did not turn for {LOOK_LIMIT_S:g} s")
        inside: Inside = self._pipe.recv()
        return inside

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(False)
        self._process.join(STOP_LIMIT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


@dataclass(frozen=True)
class Footprint:
    """What the kernel says of a process."""

    rss_mb: float
    descriptors: int
    threads: int


def footprint(pid: int) -> Footprint:
    """As of now; OSError when the process has ended."""
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    descriptors = sum(1 for _ in (process / "fd").iterdir())
    return Footprint(int(status["VmRSS"].split()[0]) / 1024, descriptors, int(status["Threads"]))
