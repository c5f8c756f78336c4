"""A server under steady use and a trickle of every abuse, for half an hour: does anything grow?

    python -m benchmarks.soak [--minutes 30] [--cameras 8] [--leak]

8 good cameras stay, 2 more come and go, and every kind of abuser (`benchmarks/abusers.py`) acts once in five seconds.
Every 10 s memory, descriptors, threads and tasks of the server's process are read. The bar (see
`benchmarks/soak_check.py`): the upper 95 % bound of memory's slope over the last two thirds is at most .1 MB a minute,
and 10 s after everybody has gone descriptors, threads and tasks are as they were after a warm-up of the same kind. With
--leak the server keeps 1 kB of every frame, and the check must find that: the exit code is 0 when it does. Otherwise it
is 1 when something grew.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console

from benchmarks.abuser_process import Abusers
from benchmarks.abusers import ABUSES
from benchmarks.fleet import Fleet, Load, Tally
from benchmarks.raw_stream import Target
from benchmarks.soak_check import Sample, failures, slope_mb_per_min
from benchmarks.timed_server import Settings, TimedServer, footprint

VIDEO = Path(__file__).parent.parent / "videos" / "street-junction.mp4"
FPS, SLO_S = 15.0, 0.15
TRICKLE_PER_S = 0.2
WARM_S, SETTLE_S, SAMPLE_PERIOD_S, LINE_PERIOD_S = 60.0, 10.0, 10.0, 60.0
GUESTS, GUEST_S = 2, 5.0


class Soak:
    """A server, those who use it, and what is seen of it."""

    def __init__(self, server: TimedServer, cameras: Fleet, guests: Fleet, count: int, console: Console) -> None:
        self._server, self._cameras, self._guests = server, cameras, guests
        self._count, self._console = count, console
        self._began_s = time.monotonic()

    async def sample(self) -> Sample:
        """The server's process now; TimeoutError when its event loop stands."""
        inside = await asyncio.to_thread(self._server.look)
        outside = footprint(self._server.pid)
        at_s = time.monotonic() - self._began_s
        for record in inside.logged:
            if record.bad:
                self._console.print(f"  logged: {record.text.splitlines()[0]}", markup=False, highlight=False)
        return Sample(at_s, outside.rss_mb, outside.descriptors, outside.threads, inside.tasks)

    async def used(self, seconds: float) -> tuple[Tally, list[Sample]]:
        """Everybody for so long, and samples of that time; then nobody for a while."""
        samples: list[Sample] = []
        trickle = dict.fromkeys(ABUSES, TRICKLE_PER_S)
        with Abusers([tuple(ABUSES)], Target(self._server.url), trickle) as abusers:
            abusers.go()
            async with self._sampling(samples), self._coming_and_going():
                load = Load(self._server.url, self._count, FPS, SLO_S, seconds, warm_s=0.0)
                tally = await self._cameras.offer(load)
            abusers.stop()
        await asyncio.sleep(SETTLE_S)
        return tally, samples

    @contextlib.asynccontextmanager
    async def _coming_and_going(self) -> AsyncIterator[None]:
        """A few cameras that never stay long; the last ones leave before the end."""
        over = asyncio.Event()

        async def guests() -> None:
            while not over.is_set():
                await self._guests.offer(Load(self._server.url, GUESTS, FPS, SLO_S, GUEST_S, warm_s=0.0))

        coming = asyncio.create_task(guests())
        try:
            yield
        finally:
            over.set()
            await coming

    @contextlib.asynccontextmanager
    async def _sampling(self, samples: list[Sample]) -> AsyncIterator[None]:
        async def look() -> None:
            while True:
                samples.append(seen := await self.sample())
                if len(samples) % (LINE_PERIOD_S / SAMPLE_PERIOD_S) == 1:
                    self._console.print(in_words(seen), highlight=False)
                await asyncio.sleep(SAMPLE_PERIOD_S)

        looking = asyncio.create_task(look())
        try:
            yield
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking


def in_words(seen: Sample) -> str:
    return (
        f"{seen.at_s / 60:5.1f} min: {seen.rss_mb:.1f} MB, {seen.descriptors} descriptors, {seen.threads} threads, "
        f"{seen.tasks} tasks"
    )


async def soak(arguments: argparse.Namespace, console: Console) -> list[str]:
    """What grew, in words."""
    settings = Settings(leak=arguments.leak)
    with TimedServer(settings) as server, Fleet(VIDEO) as cameras, Fleet(VIDEO) as guests:
        soaking = Soak(server, cameras, guests, arguments.cameras, console)
        seconds = 60 * arguments.minutes
        await soaking.used(min(WARM_S, seconds / 3))
        first = await soaking.sample()
        console.print(f"warm, nobody there: {in_words(first)}", highlight=False)
        tally, samples = await soaking.used(seconds)
        last = await soaking.sample()
    console.print(f"all gone: {in_words(last)}", highlight=False)
    slope, most = slope_mb_per_min(samples)
    console.print(f"memory: {slope:+.3f} MB a minute over the last two thirds, at most {most:+.3f} (95 %)")
    console.print(f"good cameras: {tally.miss_rate:.2%} of {tally.captured} missed, p99 {tally.latency_ms(99):.0f} ms")
    return failures(first, samples, last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="after the warm-up (default 30)")
    parser.add_argument("--cameras", type=int, default=8)
    parser.add_argument("--leak", action="store_true", help="keep 1 kB a frame, which must be found")
    arguments, console = parser.parse_args(), Console()
    found = asyncio.run(soak(arguments, console))
    for each in found:
        console.print(f"GREW: {each}", markup=False)
    if arguments.leak:
        leaked = any(each.startswith("memory") for each in found)
        console.print("the leak was found" if leaked else "THE LEAK WAS NOT FOUND")
        sys.exit(0 if leaked else 1)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
