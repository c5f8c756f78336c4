"""Workers elsewhere become devices of a server when they are reached: at its start, or while cameras stream."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from jellyfish.config import ServerConfig
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.stream.executor import StreamExecutor
from jellyfish.devices.stream.link import Connect, WorkerGoneError
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.devices.workers import Report
from jellyfish.errors import InputError, RunError
from jellyfish.models.model import Model
from jellyfish.modes.assembly import Assembly
from jellyfish.modes.changing import untold
from jellyfish.modes.reaching_workers import workers_elsewhere
from jellyfish.modes.stream_workers import opened_device
from jellyfish.modes.warming import followed

_log = logging.getLogger(__name__)
FIRST_PAUSE_S, LAST_PAUSE_S = 0.25, 2.0
"""Before a worker that could not be reached is tried again: twice as long each time, to the last."""


@dataclass(eq=False, slots=True)
class ExpectedWorker:
    """One that is to be a device."""

    name: str
    """What the device is called."""
    connect: Connect
    opening: OpenWorker
    device: OpenDevice | None = None
    """Once it has been reached."""
    why: str = "it was not tried yet"
    """Why it has not."""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class JoiningWorkers:
    """Those of one server. Once reached, a worker is a device until it is forgotten: its stream sees to the rest."""

    def __init__(self, config: ServerConfig, model: Model) -> None:
        self._config, self._model = config, model
        self._expected: dict[str, ExpectedWorker] = {}
        self._assembly: Assembly | None = None

    async def at_start(self, report: Report) -> list[OpenDevice]:
        """Try all that are expected by now once: those that are there. What is not is waited for later.

        InputError for one that refuses.
        """
        reaching = [asyncio.create_task(self._reach(each, report)) for each in self._expected.values()]
        try:
            for each in reaching:
                with contextlib.suppress(WorkerGoneError):
                    await each
        except BaseException:
            for each in reaching:
                each.cancel()
            await asyncio.gather(*reaching, return_exceptions=True)
            self._close_all()
            raise
        return self.devices

    @contextlib.asynccontextmanager
    async def joining(self, assembly: Assembly) -> AsyncIterator[None]:
        """For the time of the context whoever is expected, and not there, is tried again and again."""
        self._assembly = assembly
        assembly.service.awaited = lambda: self.awaited
        for each in self._expected.values():
            if each.device is None:
                _log.warning("%s; it is waited for", each.why)
                each.task = asyncio.create_task(self._join(each))
        try:
            yield
        finally:
            self._assembly = None
            tasks = [each.task for each in self._expected.values() if each.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._close_all()

    def expect(self, name: str, connect: Connect, opening: OpenWorker) -> None:
        """Have a worker be a device of this name, as soon as it can be reached. Returns at once."""
        expected = self._expected[name] = ExpectedWorker(name, connect, opening)
        if self._assembly is not None:
            expected.task = asyncio.create_task(self._join(expected))

    def shows(self, name: str, token: str) -> None:
        """One that is expected asks for another token, from the next time on that it is reached."""
        expected = self._expected[name]
        expected.opening = msgspec.structs.replace(expected.opening, token=token)
        if expected.device is not None:
            executor = expected.device.executor
            assert isinstance(executor, StreamExecutor)
            executor.show(token)

    @property
    def devices(self) -> list[OpenDevice]:
        """Those that have been reached."""
        return [each.device for each in self._expected.values() if each.device is not None]

    async def forget(self, name: str) -> None:
        """A worker is gone for good: its frames have their outcome at once, its cameras go elsewhere."""
        expected = self._expected.pop(name, None)
        if expected is None:
            return
        if expected.task is not None:
            expected.task.cancel()
            await asyncio.gather(expected.task, return_exceptions=True)
        if expected.device is not None:
            if self._assembly is not None and name in self._assembly.service.dispatchers:
                await self._assembly.remove_device(name, lost=True)
            expected.device.executor.close()

    def _close_all(self) -> None:
        for each in self._expected.values():
            if each.device is not None:
                each.device.executor.close()

    @property
    def awaited(self) -> list[str]:
        """Names of those that have not been reached."""
        return [each.name for each in self._expected.values() if each.device is None]

    async def _reach(self, expected: ExpectedWorker, report: Report) -> OpenDevice:
        try:
            device = await opened_device(expected.name, self._model, expected.connect, expected.opening, report)
        except RunError as error:
            expected.why = str(error)
            raise
        expected.device = device
        return device

    async def _join(self, expected: ExpectedWorker) -> None:
        """Try until it is a device."""
        pause_s, told = FIRST_PAUSE_S, ""
        while True:
            try:
                self._take_in(await self._reach(expected, untold))
            except (WorkerGoneError, InputError) as error:
                expected.device = None  # it was reached, and cannot be used
                if str(error) != told and (told or isinstance(error, InputError)):  # somebody may have to do something
                    _log.warning("%s", error)
                told = str(error)
            else:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)

    def _take_in(self, device: OpenDevice) -> None:
        assert self._assembly is not None
        variants = self._assembly.service.model.variants
        try:
            self._assembly.add_device(device.executor, device.profile, followed(device, self._config, variants))
        except InputError:
            device.executor.close()
            raise
        _log.warning("the worker %s has joined", device.name)


def joining_workers(config: ServerConfig, model: Model) -> JoiningWorkers:
    """Those of a server, which expects the configured ones. InputError for what is no address or token of any."""
    joining = JoiningWorkers(config, model)
    for expected in workers_elsewhere(config.workers, model, config.public_url or ""):
        joining.expect(*expected)
    return joining
