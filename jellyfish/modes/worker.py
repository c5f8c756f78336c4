"""`jellyfish worker`: a device behind a stream, for servers (fronts) elsewhere; and the same as a process of a server.

It opens and measures its device as a server does, and then runs the batches that fronts send it. It plans nothing and
knows no cameras.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from jellyfish.config import ServerConfig
from jellyfish.control.shares import ShareDemand, granted
from jellyfish.devices.executor import EngineExecutor
from jellyfish.devices.opening import in_words
from jellyfish.devices.process import first_half_kept, tune_process, usable_cores
from jellyfish.devices.stream.sharing import AskedShare
from jellyfish.devices.stream.worker_end import ServingDevice, WorkerEnd
from jellyfish.devices.workers import Report
from jellyfish.errors import InputError, RunError
from jellyfish.models.model import Model
from jellyfish.modes.changing import close_devices, offered, open_beside, untold
from jellyfish.modes.checks import bound, cannot_listen, checked
from jellyfish.modes.decoders import Decoders
from jellyfish.modes.entrance import Entrance, of_this_machine
from jellyfish.modes.reaching_workers import worker_token
from jellyfish.modes.saying import Saying
from jellyfish.modes.warming import warm_all
from jellyfish.program.stopping import Stop
from jellyfish.server.address import in_url


def look_at_worker(config: ServerConfig, token_file: Path | None) -> None:
    """InputError for what cannot be a worker, or not at the address."""
    tune_process()
    _checked(config, token_file)
    with bound(config.host, config.port):
        pass


def _checked(config: ServerConfig, token_file: Path | None) -> tuple[Model, str | None]:
    if len(config.devices) != 1:
        raise InputError("a worker has one device: start one for each")
    token = worker_token(token_file)
    if token is None and not of_this_machine(config.host):
        raise InputError(
            f"anybody who reaches {config.host} could use this worker: give it --token-file, and its servers the same "
            "token, or let it listen on 127.0.0.1 alone"
        )
    model, _ = checked(config)
    return model, token


async def work(config: ServerConfig, token_file: Path | None, saying: Saying, stop: Stop) -> None:
    """Be a worker at the configured address until told to stop. RunError where its device is lost."""
    tune_process()
    stopped = asyncio.Event()
    with bound(config.host, config.port) as sockets:
        model, token = _checked(config, token_file)
        entrance = Entrance(config)
        why: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with contextlib.AsyncExitStack() as stack:
            end = await stack.enter_async_context(worker_end(config, model, token, why))
            for each in sockets:
                await stack.enter_async_context(_listening(end, each, entrance.tls, config))
            address = f"{'tls://' if entrance.tls else ''}{in_url(config.host)}:{sockets[0].getsockname()[1]}"
            saying.words(f"worker at {address}: opening {config.devices[0]} ...")
            with saying.progress() as progress:
                words = await stack.enter_async_context(end.opened(stop.watched(progress)))
            saying.words(f"ready at {address}: {words} (Ctrl-C stops)")
            if entrance.certificate is not None and config.access.self_signed:
                saying.note(f"servers take its certificate with --worker-ca-file and {entrance.certificate}")
            why.add_done_callback(lambda _: stopped.set())
            with stop.in_order(stopped.set):
                await stopped.wait()
            saying.words("stopped")
    if why.done():
        raise RunError(f"this worker is to be started anew: {why.result()}")


@contextlib.asynccontextmanager
async def _listening(
    end: OpeningWorker, where: socket.socket, tls: ssl.SSLContext | None, config: ServerConfig
) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(end.end.protocol, sock=where, ssl=tls)
    except OSError as error:
        raise cannot_listen(config.host, config.port, error) from error
    try:
        yield
    finally:
        server.close()


class OpeningWorker:
    """A worker whose fronts may come while its device is being opened."""

    def __init__(self, end: WorkerEnd, config: ServerConfig, model: Model) -> None:
        self.end = end
        self._config, self._model = config, model

    @contextlib.asynccontextmanager
    async def opened(self, report: Report = untold) -> AsyncIterator[str]:
        """The device open, warm and serving for the time of the context; what it is, in words."""
        config, loop, cores = self._config, asyncio.get_running_loop(), usable_cores()

        def told(words: str, done: int, total: int) -> None:
            report(words, done, total)
            loop.call_soon_threadsafe(self.end.tell, words, done, total)

        with first_half_kept(cores) if "cpu" in config.devices else contextlib.nullcontext():
            devices = await open_beside(cores, told)(config, self._model)
            try:
                [device] = devices
                assert isinstance(device.executor, EngineExecutor)
                description = offered(self._model.description, devices)
                await warm_all(device, config, description.variants, told)
                self.end.ready(
                    ServingDevice(
                        device.name,
                        device.executor,
                        device.profile,
                        self._model.description.identity,
                        device.executor.memory_bytes,
                    )
                )
                yield in_words(devices)
            finally:
                self.end.close()
                close_devices(devices)


def shared_out(asked: Mapping[str, AskedShare]) -> dict[str, float]:
    """The share of each front."""
    return granted({front: ShareDemand(*each) for front, each in asked.items()})


@contextlib.asynccontextmanager
async def worker_end(
    config: ServerConfig, model: Model, token: str | None, why: asyncio.Future[str]
) -> AsyncIterator[OpeningWorker]:
    """A worker for the time of the context. `why`: set where its process is of no use any more."""
    decoders = Decoders(usable_cores(), config.limits.image_side)

    def ended(words: str) -> None:
        if not why.done():
            why.set_result(words)

    end = WorkerEnd(model.description.identity, decoders.decode, token, ended, shared_out)
    try:
        yield OpeningWorker(end, config, model)
    finally:
        end.close()
        await decoders.close()
