"""Devices behind streams, as a server opens them: those of its own machine in processes of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import Any

import msgspec

from jellyfish.config import ServerConfig
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.process import begin_apart
from jellyfish.devices.processes import END_S
from jellyfish.devices.stream.executor import StreamExecutor
from jellyfish.devices.stream.link import BEGINNING_S, LOADING_SILENT_S, Connect
from jellyfish.devices.stream.messages import OpenWorker, WorkerProgress
from jellyfish.devices.workers import Report
from jellyfish.models.model import Model
from jellyfish.modes.changing import OpenThem, open_beside, untold
from jellyfish.modes.worker_process import WorkerOrder
from jellyfish.program.child_environment import environment_of_child


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
            pass_fds=[descriptor], stdin=DEVNULL, env=environment_of_child(os.environ),
            preexec_fn=partial(begin_apart, self._cores),
        )  # fmt: skip

    def kill(self) -> None:
        """End the process that there is, whatever it does: it has nothing to lose."""
        if self.process is None:
            return
        self.process.kill()
        with contextlib.suppress(TimeoutExpired):  # where the kernel holds it, it is left behind
            self.process.wait(END_S)


def opening(config: ServerConfig, cores: Sequence[int], named: bool, report: Report = untold) -> OpenThem:
    """Opens the devices of this machine: in this process, or each in its own. `named`: see `in_processes`."""
    apart = config.workers.in_processes(config.devices, named)
    return open_in_processes(cores, report) if apart else open_beside(cores, report)


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
    return await opened_device(
        name, model, own, OpenWorker(model=model.description.identity), report, own.kill, BEGINNING_S
    )


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
    silent_s: float = LOADING_SILENT_S,
) -> OpenDevice:
    """A device behind a stream that is called `name` here. WorkerGoneError where it cannot be reached,
    InputError where it refuses."""

    def told(said: WorkerProgress) -> None:
        report(said.words, said.done, said.total)

    executor = StreamExecutor(name, model.description, opening, reach, told, closed, silent_s)
    try:
        profile = await executor.open()
    except BaseException:
        executor.close()
        raise
    return OpenDevice(name, profile, executor, measured=True)
