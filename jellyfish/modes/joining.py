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
from jellyfish.errors import InputError
from jellyfish.models.model import Model
from jellyfish.modes.assembly import Assembly
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
        for each in self._expected.values():
            if each.device is None:
                _log.warning("the worker %s is not there yet; it is waited for", each.name)
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

    async def _reach(self, expected: ExpectedWorker, report: Report) -> OpenDevice:
        device = await opened_device(expected.name, self._model, expected.connect, expected.opening, report)
        expected.device = device
        return device

    async def _join(self, expected: ExpectedWorker) -> None:
        """Try until it is a device."""
        pause_s, told = FIRST_PAUSE_S, ""
        while True:
            try:
                self._take_in(await self._reach(expected, _untold))
            except WorkerGoneError:
                pass
            except InputError as error:
                if str(error) != told:  # somebody has to do something about it
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


def _untold(words: str, done: int, total: int) -> None:
    """Nobody is told how far it is: cameras stream meanwhile."""
