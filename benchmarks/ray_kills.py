"""What a Ray cluster makes of kill -9: how soon a worker's end is seen, and how soon there is another one.

    python -m benchmarks.ray_kills [--rounds 5]

A head and a node on loopback (`benchmarks.raylets`), and what a server would be told of them by its placer. In turn a
worker's program, its keeper (Ray's actor) and the node's raylet are killed. For each: when the worker's process was
gone, when the placer told that it does not run or is not there, and when it told where the next one listens, in seconds
from the kill. Loading the network and warming up, which come then, are not in it. It needs the extra `ray`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import time
from collections.abc import Callable

from benchmarks.raylets import RayletNode, Raylets, raylets
from jellyfish.modes.cluster.lines import JoinCluster, WorkersNow, WorkerWish
from jellyfish.modes.cluster.placing import Placing, placer_process

HOST = "127.0.0.2"
WITHIN_S, SETTLED_S = 180.0, 15.0


class Seen:
    """What a placer tells, and when."""

    def __init__(self, placing: Placing) -> None:
        self.now, self._changed = placing.newest, asyncio.Event()
        placing.on_workers = self._take

    def _take(self, now: WorkersNow) -> None:
        self.now = now
        self._changed.set()

    async def until(self, holds: Callable[[WorkersNow], bool]) -> float:
        """Wait until that is told: when, on the clock of `time.monotonic`."""
        async with asyncio.timeout(WITHIN_S):
            while not holds(self.now):
                self._changed.clear()
                await self._changed.wait()
        return time.monotonic()


async def gone(process: int) -> float:
    """Wait until a process is: when."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    descriptor = os.pidfd_open(process)
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(WITHIN_S):
            await ended.wait()
        return time.monotonic()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def killed(seen: Seen, cluster: Raylets, kill: Callable[[RayletNode], None], again: bool) -> tuple[float, ...]:
    """Seconds from a kill until the worker's process was gone, its end was told, and another one was."""
    await seen.until(lambda now: bool(now.workers))
    await asyncio.sleep(SETTLED_S)
    node, [worker] = cluster.nodes[HOST], seen.now.workers
    ending = asyncio.create_task(gone(*node.workers))
    await asyncio.sleep(0)  # it looks on
    began_s = time.monotonic()
    kill(node)
    told_s = await seen.until(lambda now: worker not in now.workers)
    if again:
        await asyncio.to_thread(cluster.start, HOST)
        began_again_s = time.monotonic()
        next_s = await seen.until(lambda now: bool(now.workers)) - began_again_s
    else:
        next_s = await seen.until(lambda now: bool(now.workers)) - began_s
    return await ending - began_s, told_s - began_s, next_s


async def measure(cluster: Raylets, rounds: int) -> None:
    kills: dict[str, tuple[Callable[[RayletNode], None], bool]] = {
        "worker": (lambda node: os.kill(node.workers[0], signal.SIGKILL), False),
        "keeper": (lambda node: os.kill(node.keepers[0], signal.SIGKILL), False),
        "raylet": (lambda node: node.kill_raylet(), True),
    }
    placing = Placing(JoinCluster(None, "benchmark", WorkerWish("cpu", "slimmable")), placer_process)
    async with placing.running():
        seen = Seen(placing)
        print("killed   worker gone    end told   next one listens (of a raylet: from the node's own start on)")
        for what, (kill, again) in kills.items():
            took = [await killed(seen, cluster, kill, again) for _ in range(rounds)]
            medians = [f"{statistics.median(each):6.2f} s ({max(each):.2f})" for each in zip(*took, strict=True)]
            print(f"{what:8} {'  '.join(medians)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="kills of each; medians are told, and the longest")
    options = parser.parse_args()
    with raylets(1) as cluster:
        os.environ.update(cluster.environment)
        asyncio.run(measure(cluster, options.rounds))


if __name__ == "__main__":
    main()
