"""What is seen of a server from outside while it is abused: whether it says that it lives, its memory, its descriptors.

And whether the machine was quiet: `stalls` is a loop that should never wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

import aiohttp

from benchmarks.timed_server import Footprint, footprint

ASK_PERIOD_S, ALIVE_WITHIN_S = 0.25, 1.0
STALL_S, SPIN_S = 0.005, 0.5


@dataclass
class Seen:
    """What was seen in the time of a phase."""

    asked: int = 0
    unanswered: int = 0
    """Times that `/livez` did not answer with 200 within 1 s."""
    footprints: list[Footprint] = field(default_factory=list)

    @property
    def most_descriptors(self) -> int:
        return max((each.descriptors for each in self.footprints), default=0)

    @property
    def most_rss_mb(self) -> float:
        return max((each.rss_mb for each in self.footprints), default=0.0)


async def watch(url: str, pid: int, seen: Seen) -> None:
    """Look four times a second until cancelled. Every question has a connection of its own."""
    livez = url.replace("ws://", "http://").replace("/v1/stream", "/livez")
    limit = aiohttp.ClientTimeout(total=ALIVE_WITHIN_S)
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=limit) as http, asyncio.TaskGroup() as asking:
        while True:
            asking.create_task(_ask(http, livez, seen))
            with contextlib.suppress(OSError):  # the process has ended
                seen.footprints.append(footprint(pid))
            await asyncio.sleep(ASK_PERIOD_S)


async def _ask(http: aiohttp.ClientSession, livez: str, seen: Seen) -> None:
    seen.asked += 1
    try:
        async with http.get(livez) as reply:
            seen.unanswered += reply.status != 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        seen.unanswered += 1


def stalls() -> int:
    """How often a loop that does nothing else was held up for more than 5 ms within half a second.

    To be called between two phases, when none of our own has anything to do.
    """
    began_s = last_s = time.perf_counter()
    found = 0
    while last_s < began_s + SPIN_S:
        now = time.perf_counter()
        found += now - last_s > STALL_S
        last_s = now
    return found
