"""The server of `benchmarks/timed_server.py` itself; imported in its process alone, as it brings torch along."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from benchmarks.timed_server import MODEL, Settings
from jellyfish.config import ServerConfig
from jellyfish.core import InputSize
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.process import usable_cores
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.models.model import Image
from jellyfish.modes.assembly import ServerParts, assembled
from jellyfish.modes.brought import Brought
from jellyfish.modes.serving import _parts as parts_in_service  # nothing else is sure to be what serves
from jellyfish.modes.serving import _policy as policy_in_service
from jellyfish.modes.serving import listening_at
from jellyfish.modes.solver_process import solver_process
from jellyfish.server.service import Service

LEAK_BYTES = 1024
SMALL_BUFFER_BYTES = 16 * 1024


class _Timed(TimedExecutor):
    """In the place of engines, none of which loads networks while others run."""

    loading = ()


@contextlib.asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[tuple[Service, str]]:
    """The server and its stream's URL for the time of the context."""
    config = ServerConfig(limits=settings.limits)
    async with contextlib.AsyncExitStack() as stack:
        solver = await stack.enter_async_context(solver_process(config.planner, seed=0))
        device = OpenDevice("cpu", MODEL.profile, _Timed(MODEL.profile))  # type: ignore[arg-type]
        planning = partial(policy_in_service, Brought(), solver.solve)
        parts = parts_in_service(config, MODEL.description, [device], {}, planning, usable_cores(), stack)
        if settings.leak:
            parts = _leaking(parts)
        service = await stack.enter_async_context(assembled(parts, lambda record, service: None))
        url = await stack.enter_async_context(listening_at(service, "127.0.0.1", 0))
        if settings.small_buffers:
            _keep_little_unread()
        service.ready = True
        yield service, url


def _keep_little_unread() -> None:
    """Small send buffers for every connection from now on: they inherit them from the socket that listens."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(descriptor.name))) as copy:
            if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                copy.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)


def _leaking(parts: ServerParts) -> ServerParts:
    """The same, but every frame leaves something behind."""
    kept: list[bytes] = []
    decode = parts.decode

    async def leaking(jpeg: bytes, within: InputSize) -> Image:
        kept.append(os.urandom(LEAK_BYTES))
        return await decode(jpeg, within)

    values = {name: getattr(parts, name) for name in ServerParts.__dataclass_fields__}
    return ServerParts(**{**values, "decode": leaking})
