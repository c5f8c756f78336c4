"""Well-behaved clients alone, then beside a steady stream of misbehaving ones of every kind.

    python benchmarks/bad_input.py [--clients 8] [--seconds 15] [--rate 1]

Server, well-behaved and misbehaving clients are three processes on one machine. The server decodes for real; its device
is a timed one of 10 ms a batch, so that latencies are about the server. The exit code is 1 when the server logged an
error or a traceback, when it did nothing about some client (`NOT CUT OFF`, `NOTHING`), or when sessions or tasks were
left over in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import multiprocessing
import os
import socket
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import numpy as np
import uvloop
from aiohttp import web
from fleet import Fleet, Load, Tally
from misbehaving import KINDS, PATIENCE_S, Misbehaviour
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from jellyfish.config import Limits
from jellyfish.control.adaptation import EachAnew
from jellyfish.control.planners.fixed import FixedPlanner, accept
from jellyfish.control.solving import in_place
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.modes.assembly import PlanningPolicy, ServerParts, assembled
from jellyfish.server.app import create_app
from jellyfish.server.service import Service

VIDEO = Path(__file__).parent.parent / "videos" / "street-junction.mp4"
VARIANT, MAX_BATCH, DEVICE_S = Variant(448, "w100e2"), 8, 0.010
LATENCIES = (DEVICE_S,) * MAX_BATCH
PROFILE = LatencyProfile("cpu", "timed", "", (VariantLatency(VARIANT, LATENCIES, LATENCIES),))
LIMITS = Limits(hello_timeout_s=2.0)
SETTLE_S = 8.0
"""After the last client, for the server to notice that they are gone."""

Reactions = dict[str, Counter[str]]
"""Kind -> what its clients got -> how often."""


class NoAccuracy:
    def accuracy(self, variant: Variant) -> float:
        return 0.0


class Complaints(logging.Handler):
    """Keeps every log record that is an error or carries a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.found.append(logging.Formatter("%(name)s %(levelname)s: %(message)s").format(record))


def listening_socket() -> socket.socket:
    """On a free port, with small buffers: what a client does not read is soon felt, not after megabytes of answers."""
    made = socket.create_server(("127.0.0.1", 0))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
    return made


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Service, str]]:
    """A server with real decoding and a timed device; the service and its stream's URL."""
    offload = partial(asyncio.get_running_loop().run_in_executor, ThreadPoolExecutor(os.cpu_count()))

    async def decode(jpeg: bytes) -> NDArray[np.uint8]:
        return await offload(decode_jpeg, jpeg, LIMITS.image_side, LIMITS.image_side)

    parts = ServerParts(
        devices=[(TimedExecutor(PROFILE), PROFILE)],
        variants=(VARIANT,),
        accuracy=NoAccuracy(),
        max_batch=MAX_BATCH,
        decode=decode,
        policy=PlanningPolicy(in_place(FixedPlanner(VARIANT, MAX_BATCH)), EachAnew(), accept, 0.5),
        limits=LIMITS,
    )
    async with assembled(parts, lambda record, service: None) as service:
        runner = web.AppRunner(create_app(service), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.SockSite(runner, listening_socket()).start()
        service.ready = True
        yield service, f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/stream"
        await service.drain()
        await runner.cleanup()


async def misbehave(url: str, seconds: float, rate: float) -> Reactions:
    """Each kind `rate` times a second for `seconds`, whatever became of the ones before."""
    reactions: Reactions = defaultdict(Counter)

    async def one(kind: str, misbehaviour: Misbehaviour, http: aiohttp.ClientSession) -> None:
        try:
            reactions[kind][await misbehaviour(http, url)] += 1
        except (aiohttp.ClientError, ConnectionError) as error:
            reactions[kind][f"connection lost ({type(error).__name__})"] += 1
        except TimeoutError:
            reactions[kind][f"NOTHING in {PATIENCE_S:g} s"] += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http, asyncio.TaskGroup() as tasks:
        for _ in range(round(seconds * rate)):
            for kind, misbehaviour in KINDS.items():
                tasks.create_task(one(kind, misbehaviour, http))
                await asyncio.sleep(1 / rate / len(KINDS))
    return dict(reactions)


def misbehaving_process(pipe: Connection, url: str, seconds: float, rate: float) -> None:
    pipe.send(asyncio.run(misbehave(url, seconds, rate)))


async def beside(url: str, arguments: argparse.Namespace) -> Reactions:
    """Misbehaving clients from a process of their own for as long as a phase lasts."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=misbehaving_process, args=(theirs, url, arguments.seconds, arguments.rate))
    process.start()
    reactions: Reactions = await asyncio.to_thread(ours.recv)
    process.join()
    return reactions


async def measure(arguments: argparse.Namespace, console: Console) -> bool:
    """Both phases and the report; False when something was wrong with the server."""
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    with Fleet(VIDEO) as fleet:
        async with serving() as (service, url):
            load = Load(url, arguments.clients, 15, arguments.slo_ms / 1000, arguments.seconds)
            alone = await fleet.offer(load)
            tasks_before = len(asyncio.all_tasks())
            together, reactions = await asyncio.gather(fleet.offer(load), beside(url, arguments))
            await asyncio.sleep(SETTLE_S)
            tasks_left = len(asyncio.all_tasks()) - tasks_before
            sessions_left = len(service.sessions)
            alone += await fleet.offer(load)
    console.print(reaction_table(reactions))
    console.print(latency_table(alone, together, arguments))
    console.print(
        f"left over: {sessions_left} sessions, {max(0, tasks_left)} tasks; errors logged: {len(complaints.found)}"
    )
    for message, count in Counter(complaints.found).most_common(5):
        console.print(f"{count} x {message}", markup=False)
    ignored = any("NOT" in answer for counts in reactions.values() for answer in counts)
    return not (ignored or sessions_left or tasks_left > 0 or complaints.found)


def reaction_table(reactions: Reactions) -> Table:
    """What each kind got."""
    shown = Table(title="misbehaving clients")
    for name in ("kind", "what the server did"):
        shown.add_column(name)
    for kind in KINDS:
        counts = reactions.get(kind, Counter())
        shown.add_row(kind, "; ".join(f"{count} x {answer}" for answer, count in counts.most_common()))
    return shown


def latency_table(alone: Tally, together: Tally, arguments: argparse.Namespace) -> Table:
    """The well-behaved clients in both phases, and the ratios."""
    title = f"{arguments.clients} well-behaved clients x 15 fps, SLO {arguments.slo_ms:g} ms"
    shown = Table(title=title)
    for name in ("", "p50 ms", "p99 ms", "missed", "frames"):
        shown.add_column(name, justify="right" if name else "left")
    for name, tally in (("alone", alone), ("beside misbehaving", together)):
        p50, p99 = (f"{tally.latency_ms(percentile):.1f}" for percentile in (50, 99))
        shown.add_row(name, p50, p99, f"{tally.miss_rate:.2%}", str(tally.captured))
    ratios = (f"{together.latency_ms(percentile) / alone.latency_ms(percentile):.2f}" for percentile in (50, 99))
    shown.add_row("ratio", *ratios, "", "")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--slo-ms", type=float, default=250)
    parser.add_argument("--seconds", type=float, default=15, help="of each phase; alone is measured before and after")
    parser.add_argument("--rate", type=float, default=1, help="misbehaving clients of each kind per second")
    sys.exit(0 if uvloop.run(measure(parser.parse_args(), Console(width=120))) else 1)


if __name__ == "__main__":
    main()
