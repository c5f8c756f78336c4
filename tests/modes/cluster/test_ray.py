"""With Ray itself: a head and a node on loopback, whose parts are killed. It takes minutes: `make test-ray`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from benchmarks.raylets import Raylets, raylets
from jellyfish.errors import InputError
from jellyfish.modes.cluster.lines import JoinCluster, PlacedWorker, WorkersNow, WorkerWish
from jellyfish.modes.cluster.placing import Placing, placer_process

pytest.importorskip("ray", reason="Ray, of the extra `ray`, is not installed here: make test-ray")
pytestmark = pytest.mark.timeout(900)
WITHIN_S = 120.0
HOST, NAME = "127.0.0.2", "cpu@127.0.0.2"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Raylets]:
    with raylets(1) as running, pytest.MonkeyPatch.context() as patched:
        for name, value in running.environment.items():
            patched.setenv(name, value)
        yield running


class Heard:
    """What a placer tells."""

    def __init__(self, placing: Placing) -> None:
        self.now, self._changed = placing.newest, asyncio.Event()
        placing.on_workers = self._take

    def _take(self, now: WorkersNow) -> None:
        self.now = now
        self._changed.set()

    async def until(self, holds: Callable[[WorkersNow], bool]) -> WorkersNow:
        async with asyncio.timeout(WITHIN_S):
            while not holds(self.now):
                self._changed.clear()
                await self._changed.wait()
        return self.now

    async def worker_but(self, former: PlacedWorker | None) -> PlacedWorker:
        """Another one at the node."""
        now = await self.until(lambda now: any(each != former and each.name == NAME for each in now.workers))
        return now.workers[0]


def joining(front: str, wish: WorkerWish) -> Placing:
    return Placing(JoinCluster(None, front, wish), placer_process)


async def test_workers_are_placed_shared_and_started_anew_whatever_is_killed(cluster: Raylets) -> None:
    wish = WorkerWish("cpu", "slimmable")
    one = joining("one", wish)
    async with one.running():
        heard = Heard(one)
        worker = await heard.worker_but(None)
        node = cluster.nodes[HOST]
        assert worker.host == HOST and len(node.keepers) == len(node.workers) == 1
        other = joining("other", wish)
        async with other.running():
            assert await Heard(other).worker_but(None) == worker, "servers share what there is"
        os.kill(node.workers[0], signal.SIGKILL)
        worker = await heard.worker_but(worker)
        [keeper] = node.keepers
        os.kill(keeper, signal.SIGKILL)
        worker = await heard.worker_but(worker)
        assert node.keepers != [keeper] and len(node.workers) == 1, "a worker dies with its keeper"
        node.kill_raylet()
        await heard.until(lambda now: not now.workers and not now.without)
        assert node.workers == []
        await asyncio.to_thread(cluster.start, HOST)
        assert (await heard.worker_but(worker)).host == HOST, "it is a node again"


async def test_what_cannot_be_run_is_told_in_words(cluster: Raylets) -> None:
    placing = joining("third", WorkerWish("cpu", "/nowhere/my.py:Model"))
    async with placing.running():
        now = await Heard(placing).until(lambda now: any("/nowhere/my.py" in each.words for each in now.without))
        assert now.workers == ()


async def test_where_there_is_no_cluster_that_is_said(monkeypatch: pytest.MonkeyPatch, cluster: Raylets) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(InputError, match=r"nothing answers at 127\.0\.0\.1:1 .*6379"):
        async with joining("fourth", WorkerWish("cpu", "slimmable")).running():
            raise AssertionError("it cannot begin")
