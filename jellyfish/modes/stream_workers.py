"""Devices behind streams, as a server opens them: in processes of its own, and workers that run elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import Any
from urllib.parse import urlsplit

import msgspec

from jellyfish.config import ServerConfig
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.process import roam
from jellyfish.devices.processes import END_S
from jellyfish.devices.stream.executor import StreamExecutor
from jellyfish.devices.stream.link import Connect
from jellyfish.devices.stream.messages import OpenWorker, WorkerProgress
from jellyfish.devices.workers import Report
from jellyfish.errors import InputError
from jellyfish.models.model import Model
from jellyfish.modes.changing import OpenThem, close_devices, open_beside, untold
from jellyfish.modes.worker import worker_token
from jellyfish.modes.worker_process import WorkerOrder
from jellyfish.program.child_environment import environment_of_child
from jellyfish.server.address import in_url

CONNECTING_S = 3.0
"""How long a worker elsewhere may take to accept a connection."""


class OwnProcess:
    """A worker's process of ours: reaching it starts it, anew where there was one before. It dies with its stream."""

    def __init__(self, config: ServerConfig, device: str, cores: Sequence[int]) -> None:
        self._config, self._device, self._cores = config, device, cores
        self.process: Popen[bytes] | None = None

    async def __call__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """See `jellyfish.devices.stream.link.Connect`."""
        self.kill()
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = self._started(theirs.fileno())
        ours.setblocking(False)
        await asyncio.get_running_loop().create_connection(protocol, sock=ours)

    def _started(self, descriptor: int) -> Popen[bytes]:
        order = WorkerOrder.of(self._config, self._device, descriptor)
        return Popen(
            [sys.executable, "-m", "jellyfish.modes.worker_process", msgspec.json.encode(order).decode()],
            pass_fds=[descriptor], stdin=DEVNULL, env=environment_of_child(os.environ), preexec_fn=self._begin,
        )  # fmt: skip

    def _begin(self) -> None:
        os.setpgrp()  # a terminal's Ctrl-C is not for it, not even while it is loaded
        roam(self._cores)

    def kill(self) -> None:
        """End the process that there is, whatever it does: it has nothing to lose."""
        if self.process is None:
            return
        self.process.kill()
        with contextlib.suppress(TimeoutExpired):  # where the kernel holds it, it is left behind
            self.process.wait(END_S)


class WorkerElsewhere:
    """A worker that runs by itself, at an address."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._host, self._port, self._tls = host, port, tls

    def __str__(self) -> str:
        return f"{in_url(self._host)}:{self._port}"

    @classmethod
    def at(cls, address: str, ca_file: Path | None) -> WorkerElsewhere:
        """By `HOST:PORT`, or `tls://HOST:PORT`. InputError for what is neither, or a file without certificates."""
        plain = address.removeprefix("tls://")
        parts = urlsplit(f"//{plain}")
        try:
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or port is None or parts.path or "@" in plain:
            raise InputError(f"{address!r} is no address of a worker: HOST:PORT, or tls://HOST:PORT")
        return cls(host, port, trusting(ca_file) if plain != address else None)

    async def __call__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """See `jellyfish.devices.stream.link.Connect`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECTING_S):
                await loop.create_connection(protocol, self._host, self._port, ssl=self._tls)
        except TimeoutError:
            raise OSError(f"nothing answers at {self._host}:{self._port}") from None


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """What takes workers' certificates; with a file of one's own, whatever the worker is called by its address.

    InputError for a file that holds none."""
    try:
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{ca_file}: no certificates in PEM that could be read ({error})") from error
    context.check_hostname = ca_file is None
    return context


def opening(config: ServerConfig, cores: Sequence[int], report: Report = untold) -> OpenThem:
    """Opens what is configured: devices of this machine, in this process or each in its own, and workers elsewhere."""
    here = open_in_processes if config.workers.in_processes(config.devices) else open_beside

    async def opened(config: ServerConfig, model: Model) -> list[OpenDevice]:
        devices = await here(cores, report)(config, model) if config.devices else []
        try:
            return devices + await _elsewhere(config, model, report)
        except BaseException:
            close_devices(devices)
            raise

    return opened


def open_in_processes(cores: Sequence[int], report: Report = untold) -> OpenThem:
    """Opens each device of this machine in a process of its own, all at once."""

    async def opened(config: ServerConfig, model: Model) -> list[OpenDevice]:
        return await _all([_in_process(config, model, name, cores, report) for name in config.devices])

    return opened


async def _in_process(
    config: ServerConfig, model: Model, name: str, cores: Sequence[int], report: Report
) -> OpenDevice:
    report(f"starting a process for {name}", 0, 1)
    own = OwnProcess(config, name, cores)
    return await opened_device(name, model, own, OpenWorker(model=model.description.identity), report, own.kill)


async def _elsewhere(config: ServerConfig, model: Model, report: Report) -> list[OpenDevice]:
    """The workers that run by themselves. InputError for one that cannot be reached, or refuses."""
    if not config.workers.addresses:
        return []
    token = worker_token(config.workers.token_file) or ""
    opening = OpenWorker(token=token, front=socket.gethostname(), model=model.description.identity)
    reaching = [WorkerElsewhere.at(address, config.workers.ca_file) for address in config.workers.addresses]
    report(f"reaching workers at {', '.join(config.workers.addresses)}", 0, 1)
    return await _all([opened_device(str(each), model, each, opening, report) for each in reaching])


async def _all(opening: Sequence[Coroutine[Any, Any, OpenDevice]]) -> list[OpenDevice]:
    """All of them, or none, and the first error."""
    tasks = [asyncio.create_task(each) for each in opening]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    wrong = [each for each in tasks if each.done() and each.exception() is not None]
    if not wrong:
        return [each.result() for each in tasks]
    for task in tasks:
        task.cancel()
    for device in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(device, OpenDevice):
            device.executor.close()
    return [wrong[0].result()]


async def opened_device(
    name: str,
    model: Model,
    reach: Connect,
    opening: OpenWorker,
    report: Report,
    closed: Callable[[], None] = lambda: None,
) -> OpenDevice:
    """A device behind a stream that is called `name` here. InputError where it cannot be reached, or refuses."""

    def told(said: WorkerProgress) -> None:
        report(said.words, said.done, said.total)

    executor = StreamExecutor(name, model.description, opening, reach, told, closed)
    try:
        profile = await executor.open()
    except BaseException:
        executor.close()
        raise
    return OpenDevice(name, profile, executor, measured=True)
