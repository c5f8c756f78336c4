"""Well-behaved clients alone, then beside a steady stream of misbehaving ones of every kind.

    python -m benchmarks.bad_input [--clients 8] [--seconds 15] [--rate 1]

Server (`benchmarks/timed_server.py`), well-behaved and misbehaving clients are three processes on one machine. The exit
code is 1 when the server logged an error or a traceback, when it did nothing about some client (`NOT CUT OFF`,
`NOTHING`), or when sessions or tasks were left over in the end. Those who would harm the others are another benchmark's
(`benchmarks/abuse.py`).
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
from collections import Counter, defaultdict
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from benchmarks.fleet import Fleet, Load, Tally
from benchmarks.misbehaving import KINDS, PATIENCE_S, Misbehaviour
from benchmarks.timed_server import Settings, TimedServer
from jellyfish.config import Limits

VIDEO = Path(__file__).parent.parent / "videos" / "street-junction.mp4"
LIMITS = Limits(hello_timeout_s=2.0)
SETTLE_S = 8.0
"""After the last client, for the server to notice that they are gone."""

Reactions = dict[str, Counter[str]]
"""Kind -> what its clients got -> how often."""


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
    with Fleet(VIDEO) as fleet, TimedServer(Settings(LIMITS, small_buffers=True)) as server:
        load = Load(server.url, arguments.clients, 15, arguments.slo_ms / 1000, arguments.seconds)
        alone = await fleet.offer(load)
        await asyncio.sleep(SETTLE_S)
        before = server.look()
        together, reactions = await asyncio.gather(fleet.offer(load), beside(server.url, arguments))
        await asyncio.sleep(SETTLE_S)
        after = server.look()
        alone += await fleet.offer(load)
        logged = before.logged + after.logged + server.look().logged
    bad = Counter(each.text.splitlines()[0] for each in logged if each.bad)
    tasks_left = max(0, after.tasks - before.tasks)
    console.print(reaction_table(reactions))
    console.print(latency_table(alone, together, arguments))
    console.print(f"left over: {after.sessions} sessions, {tasks_left} tasks; errors logged: {bad.total()}")
    for message, count in bad.most_common(5):
        console.print(f"{count} x {message}", markup=False)
    ignored = any("NOT" in answer for counts in reactions.values() for answer in counts)
    return not (ignored or after.sessions or tasks_left or bad)


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
    sys.exit(0 if asyncio.run(measure(parser.parse_args(), Console(width=120))) else 1)


if __name__ == "__main__":
    main()
