"""The workers of a cluster as devices of a server: they come and go as the placer tells."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import msgspec

from jellyfish.config import EngineKind, ServerConfig
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.stream.link import Connect
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.devices.workers import Report
from jellyfish.errors import InputError
from jellyfish.installed import is_installed, require
from jellyfish.models.model import Model
from jellyfish.modes.changing import OpenThem
from jellyfish.modes.cluster.lines import JoinCluster, PlacedWorker, WorkersNow, WorkerWish
from jellyfish.modes.cluster.placing import Placing, placer_process
from jellyfish.modes.joining import JoiningWorkers
from jellyfish.modes.reaching_workers import WorkerElsewhere

LOOK_S = 0.1
"""Between two looks at whether a worker serves, before there is one."""

_log = logging.getLogger(__name__)


class PlacedReach:
    """How a worker is reached by now: one that was started anew is elsewhere, and shows something else."""

    def __init__(self, worker: PlacedWorker) -> None:
        self.worker = worker

    async def __call__(self, protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """See `jellyfish.devices.stream.link.Connect`."""
        context = ssl.create_default_context(cadata=self.worker.certificate)
        context.check_hostname = False  # it is this certificate, or none
        await WorkerElsewhere(self.worker.host, self.worker.port, context)(protocol)


class Expecting(Protocol):
    """What expects workers for a server: `jellyfish.modes.joining.JoiningWorkers`."""

    def expect(self, name: str, connect: Connect, opening: OpenWorker) -> None:
        """See there."""
        ...

    def shows(self, name: str, token: str) -> None:
        """See there."""
        ...

    async def forget(self, name: str) -> None:
        """See there."""
        ...


class ClusterWorkers:
    """Has a server expect the workers that a placer tells of, and forget those that are gone."""

    def __init__(self, joining: Expecting, opening: OpenWorker) -> None:
        """`opening`: what is said to each first, but for its token."""
        self._joining, self._opening = joining, opening
        self._reached: dict[str, PlacedReach] = {}
        self._told: set[str] = set()
        self._forgetting: set[asyncio.Task[None]] = set()

    def take(self, now: WorkersNow) -> None:
        """This is what there is. A place whose worker does not run by now keeps its device: another one comes there."""
        there = {each.name for each in now.workers} | {each.name for each in now.without}
        for name in [each for each in self._reached if each not in there]:
            del self._reached[name]
            forgetting = asyncio.create_task(self._joining.forget(name))
            self._forgetting.add(forgetting)
            forgetting.add_done_callback(self._forgetting.discard)
        for worker in now.workers:
            self._come(worker)
        news = {f"{each.name}: {each.words}" for each in now.without}
        for words in sorted(news - self._told):
            _log.warning("no worker at %s", words)
        self._told = news

    def _come(self, worker: PlacedWorker) -> None:
        reach = self._reached.get(worker.name)
        if reach is None:
            reach = self._reached[worker.name] = PlacedReach(worker)
            opening = msgspec.structs.replace(self._opening, token=worker.token)
            self._joining.expect(worker.name, reach, opening)
        elif reach.worker != worker:  # its stream has broken, or is about to, and is tried again
            reach.worker = worker
            self._joining.shows(worker.name, worker.token)

    async def close(self) -> None:
        """Take no more."""
        await asyncio.gather(*self._forgetting, return_exceptions=True)


class Alone:
    """No cluster: the server has what it opens itself."""

    def opening(self, open_them: OpenThem) -> OpenThem:
        """How devices for another model are opened."""
        return open_them

    @contextlib.asynccontextmanager
    async def followed(self, joining: JoiningWorkers, model: Model, report: Report) -> AsyncIterator[list[OpenDevice]]:
        """Nothing joins."""
        yield []


class JoinedCluster:
    """A cluster that a server has joined."""

    def __init__(self, placing: Placing, url: str) -> None:
        """`url`: of our stream, for clients of other servers that use its workers; or empty."""
        self._placing, self._url = placing, url

    def opening(self, open_them: OpenThem) -> OpenThem:
        """How devices for another model are opened: not at all."""
        return _not_changed

    @contextlib.asynccontextmanager
    async def followed(self, joining: JoiningWorkers, model: Model, report: Report) -> AsyncIterator[list[OpenDevice]]:
        """Its workers join and leave for the time of the context, which begins when the server has a device: those of
        them that are there by then."""
        opening = OpenWorker(front=socket.gethostname(), model=model.description.identity, url=self._url)
        workers, others = ClusterWorkers(joining, opening), joining.devices
        self._placing.on_workers = workers.take
        try:
            workers.take(self._placing.newest)
            while not joining.devices:
                report(*_so_far(self._placing.newest))
                await asyncio.sleep(LOOK_S)
            yield [each for each in joining.devices if each not in others]
        finally:
            self._placing.on_workers = lambda now: None
            await workers.close()


def _so_far(now: WorkersNow) -> tuple[str, int, int]:
    nodes, begun = f"{now.nodes} node{'' if now.nodes == 1 else 's'}", len(now.workers)
    words = f"waiting for a worker of the cluster, which has {nodes}"
    return f"{words}; {begun} begin{'s' if begun == 1 else ''}" if begun else words, 0, 1


async def _not_changed(config: ServerConfig, model: Model) -> list[OpenDevice]:
    """See `jellyfish.modes.changing.OpenThem`: a cluster's workers are of one model."""
    raise InputError("with --engine ray the model cannot be changed while the server runs: start it anew")


def wish_for(config: ServerConfig) -> WorkerWish:
    """What workers of the cluster are to run for a server."""
    device = "cpu" if config.devices == ("cpu",) else "cuda"
    weights = None if config.weights is None else str(config.weights.resolve())
    return WorkerWish(device, _found_anywhere(config.model), weights, config.max_batch, config.threads)


def _found_anywhere(model: str) -> str:
    """The name of a model; of a file, whole, for a worker runs in another folder."""
    path, colon, name = model.partition(":")
    return f"{Path(path).resolve()}{colon}{name}" if Path(path).suffix in (".py", ".onnx") else model


@contextlib.asynccontextmanager
async def joined(config: ServerConfig, report: Report) -> AsyncIterator[tuple[ServerConfig, JoinedCluster | Alone]]:
    """The cluster that a configuration wants, for the time of the context, and what is to be opened here beside it.

    InputError where there is none that it must have.
    """
    engine = config.workers.engine
    if engine.kind is EngineKind.LOCAL or (engine.kind is EngineKind.AUTO and not is_installed("ray")):
        yield config, Alone()
        return
    require("--engine ray", "ray", "cryptography")
    report("looking for the cluster", 0, 1)
    front = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    placing = Placing(JoinCluster(engine.address, front, wish_for(config)), placer_process)
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(placing.running())
        except InputError as error:
            if engine.kind is not EngineKind.AUTO:
                raise
            _log.warning("this machine serves alone: %s", error)
            yield config, Alone()
            return
        here = replace(config, devices=())  # those of this machine are the cluster's
        yield here, JoinedCluster(placing, config.public_url or "")
