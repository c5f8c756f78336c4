"""Abusers, each kind in a process of its own, and the socket that discards what they send, in another one."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop

from benchmarks.abusers import ABUSES, Pace, abuse
from benchmarks.raw_stream import Target

READY_LIMIT_S, STOP_LIMIT_S = 120.0, 3.0
DISCARD_BYTES = 256 * 1024


@dataclass(frozen=True)
class Done:
    """What an abuser did."""

    acts: int
    lost: int
    seconds: float

    @property
    def per_s(self) -> float:
        return self.acts / max(self.seconds, 1e-9)


def _as_many_sockets_as_may_be() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _abusing_process(pipe: Connection, kinds: Sequence[str], target: Target, per_s: Mapping[str, float | None]) -> None:
    _as_many_sockets_as_may_be()
    for kind in kinds:
        ABUSES[kind].prepare()
    pipe.send("ready")
    if pipe.recv():
        uvloop.run(_abuse(pipe, kinds, target, per_s))


async def _abuse(pipe: Connection, kinds: Sequence[str], target: Target, per_s: Mapping[str, float | None]) -> None:
    """Until the parent says so, or is gone."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), over.set)
    began_s = time.monotonic()
    paces = {kind: Pace(per_s[kind]) for kind in kinds}
    abusing = [asyncio.create_task(abuse(kind, target, paces[kind])) for kind in kinds]
    await over.wait()
    seconds = time.monotonic() - began_s
    pipe.send({kind: Done(pace.acts, pace.lost, seconds) for kind, pace in paces.items()})
    for task in abusing:
        task.cancel()
    await asyncio.wait(abusing, timeout=STOP_LIMIT_S)


class Abusers:
    """Processes that abuse `target`, one for each group of kinds. `go`, then `stop`; killed when the context ends."""

    def __init__(self, groups: Sequence[Sequence[str]], target: Target, per_s: Mapping[str, float | None]) -> None:
        context = multiprocessing.get_context("spawn")
        self._running = []
        for kinds in groups:
            pipe, theirs = context.Pipe()
            arguments = theirs, kinds, target, per_s
            self._running.append((pipe, context.Process(target=_abusing_process, args=arguments, daemon=True)))

    def __enter__(self) -> Abusers:
        for _, process in self._running:
            process.start()
        for pipe, _ in self._running:
            if not pipe.poll(READY_LIMIT_S):
                raise TimeoutError(f"an abuser was not ready within {READY_LIMIT_S:g} s")
            pipe.recv()
        return self

    def go(self) -> None:
        for pipe, _ in self._running:
            pipe.send(True)

    def stop(self) -> dict[str, Done]:
        """What each of them did."""
        done: dict[str, Done] = {}
        for pipe, _ in self._running:
            pipe.send(False)
        for pipe, _ in self._running:
            if pipe.poll(STOP_LIMIT_S):
                done |= pipe.recv()
        self._kill()
        return done

    def _kill(self) -> None:
        """They leave as crashed clients do: the kernel closes what they had open."""
        for _, process in self._running:
            process.kill()
        for _, process in self._running:
            process.join()

    def __exit__(self, *error: object) -> None:
        self._kill()


class _Discard(asyncio.BufferedProtocol):
    """Takes everything, says nothing."""

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        pass


def _discarding_process(pipe: Connection) -> None:
    _as_many_sockets_as_may_be()
    uvloop.run(_discard(pipe))


async def _discard(pipe: Connection) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    buffer = bytearray(DISCARD_BYTES)
    listening = await loop.create_server(lambda: _Discard(buffer), "127.0.0.1", 0, backlog=1024)
    pipe.send(f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1/stream")
    loop.add_reader(pipe.fileno(), over.set)
    await over.wait()


@contextlib.contextmanager
def discarding() -> Iterator[Target]:
    """The socket that discards, for the time of the context."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_discarding_process, args=(theirs,), daemon=True)
    process.start()
    try:
        yield Target(pipe.recv(), discards=True)
    finally:
        process.kill()
        process.join()
