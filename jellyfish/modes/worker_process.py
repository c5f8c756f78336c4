"""The process of one device of a server: `python -m jellyfish.modes.worker_process`, told what to be by its argument.

It is a worker as any other, of one front, at the other end of a pair of sockets. It ends with that, so with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec

from jellyfish.config import Limits, ServerConfig
from jellyfish.devices.process import SWITCH_INTERVAL_S, tune_process
from jellyfish.errors import JellyfishError
from jellyfish.installed import is_installed
from jellyfish.models.opening import open_model
from jellyfish.modes.worker import OpeningWorker, worker_end


class WorkerOrder(msgspec.Struct, frozen=True):
    """What a server has its process be, in the words of `ServerConfig`."""

    descriptor: int
    """Of its end of the pair of sockets."""
    device: str
    model: str
    weights: str | None
    profile: str | None
    planner: str
    max_batch: int
    threads: int | None
    image_side: int
    cameras_beside: bool

    @classmethod
    def of(cls, config: ServerConfig, device: str, descriptor: int) -> WorkerOrder:
        """For one device of a server."""
        weights, profile = (None if each is None else str(each) for each in (config.weights, config.profile))
        return cls(
            descriptor, device, config.model, weights, profile, config.planner, config.max_batch, config.threads,
            config.limits.image_side, config.cameras_beside,
        )  # fmt: skip

    @property
    def config(self) -> ServerConfig:
        """The same as a configuration."""
        weights, profile = (None if each is None else Path(each) for each in (self.weights, self.profile))
        return ServerConfig(
            devices=(self.device,), model=self.model, weights=weights, profile=profile, planner=self.planner,
            max_batch=self.max_batch, threads=self.threads, limits=Limits(image_side=self.image_side),
            cameras_beside=self.cameras_beside,
        )  # fmt: skip


async def _work(order: WorkerOrder) -> str:
    """Be a worker as long as the server is there; why it ended, if that is its own doing."""
    loop = asyncio.get_running_loop()
    config = order.config
    model = open_model(config.model, config.weights)
    why: asyncio.Future[str] = loop.create_future()
    async with worker_end(config, model, None, why) as worker:
        worker.end.left = lambda: None if why.done() else why.set_result("")
        await loop.create_connection(worker.end.protocol, sock=socket.socket(fileno=order.descriptor))
        serving = asyncio.create_task(_serve(worker, why))
        why.add_done_callback(lambda _: serving.cancel())  # also while it measures
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        return why.result() if why.done() else ""


async def _serve(worker: OpeningWorker, why: asyncio.Future[str]) -> None:
    """Until `why` is told; a device that cannot be opened ends it, and the server is told in words."""
    try:
        async with worker.opened():
            await why
    except JellyfishError as error:
        worker.end.refuse(str(error))


def main() -> None:
    """Work until the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    tune_process()
    order = msgspec.json.decode(sys.argv[1], type=WorkerOrder)
    new_loop = importlib.import_module("uvloop").new_event_loop if is_installed("uvloop") else None
    with asyncio.Runner(loop_factory=new_loop) as runner:
        why = runner.run(_work(order))
    if why:
        print(f"{order.device}: its process ends, and is started anew: {why}", file=sys.stderr)
    sys.stderr.flush()
    os._exit(1 if why else 0)  # whatever threads of the device are at


if __name__ == "__main__":
    main()
