"""All but Ray for real: keepers with workers' programs on loopback, and a server's devices that they become."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from jellyfish.config import Limits, ServerConfig
from jellyfish.devices.stream.link import WorkerGoneError
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.models.opening import open_model
from jellyfish.modes.assembly import ServerParts, assembly, policy
from jellyfish.modes.cluster.following import ClusterFollower, KeeperSeen
from jellyfish.modes.cluster.joined import ClusterWorkers, wish_for
from jellyfish.modes.cluster.keeper import Keeper
from jellyfish.modes.cluster.lines import FromPlacer, JoinCluster, WorkersNow
from jellyfish.modes.cluster.places import ClusterNode, ClusterPlace
from jellyfish.modes.cluster.worker_child import worker_child
from jellyfish.modes.joining import JoiningWorkers
from tests.modes.test_stream_workers import FILE, score
from tests.server.inference.asking import decode

pytest.importorskip("cryptography")
WITHIN_S = 60.0
NODE = ClusterNode("a" * 56, "127.0.0.1", 1, 0)


class ThisMachine:
    """A cluster of one node, this process, whose keeper runs in it."""

    def __init__(self) -> None:
        start = partial(worker_child, device="cpu", host=NODE.host, processors=())
        self.own = Keeper(start, leave=lambda: None)

    async def nodes(self) -> list[ClusterNode]:
        return [NODE]

    async def keeper(self, place: ClusterPlace) -> KeeperSeen:
        return self.own


async def answered(joining: JoiningWorkers) -> float:
    """What is found in a white JPEG, once there is a worker."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            for device in joining.devices:
                with contextlib.suppress(WorkerGoneError):
                    return await score(device, 255)
            await asyncio.sleep(0.05)


def programs() -> list[int]:
    """The workers' programs of this process."""
    found = []
    for each in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            ours = each.name.isdigit() and (each / "stat").read_text().rpartition(")")[2].split()[1] == str(os.getpid())
            if ours and "jellyfish.program.leash" in (each / "cmdline").read_text():
                found.append(int(each.name))
    return found


def shown(program: int) -> list[str]:
    """Its command line."""
    return Path(f"/proc/{program}/cmdline").read_text().split("\0")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are not to be found here")
async def test_a_worker_is_reached_by_what_its_keeper_tells_and_again_after_it_was_killed(tmp_path: Path) -> None:
    (tmp_path / "plain_of_clusters.py").write_text(FILE)
    config = ServerConfig(model=f"{tmp_path / 'plain_of_clusters.py'}:Plain", max_batch=1)
    model, cluster = open_model(config.model, config.weights), ThisMachine()
    parts = ServerParts([], model.description, 1, decode, policy("shared", None, 1, 0.5, seed=0), Limits())
    joining = JoiningWorkers(config, model)
    workers = ClusterWorkers(joining, OpenWorker(model=model.description.identity))
    told, moved = [WorkersNow(0)], asyncio.Event()

    def take(said: FromPlacer) -> None:
        assert isinstance(said, WorkersNow), said
        if len(told[-1].workers) < len(said.workers):
            moved.set()
        told.append(said)
        workers.take(said)

    async with assembly(parts, lambda record, service: None) as whole, joining.joining(whole):
        join = JoinCluster(None, "front", wish_for(config))
        following = asyncio.create_task(ClusterFollower(cluster, join, take).run())
        try:
            assert await answered(joining) == pytest.approx(1.0, abs=0.02)
            assert list(whole.service.dispatchers) == ["cpu@127.0.0.1"]
            [first], [program] = told[-1].workers, programs()
            words = shown(program)
            assert first.token not in " ".join(words)
            assert not Path(words[words.index("--token-file") + 1]).parent.exists(), "no secret stays on the disk"
            moved.clear()
            os.kill(program, signal.SIGKILL)
            async with asyncio.timeout(WITHIN_S):
                await moved.wait()
            assert told[-1].workers[0].token != first.token
            assert await answered(joining) == pytest.approx(1.0, abs=0.02)
            workers.take(WorkersNow(0))
            await workers.close()
            assert not whole.service.dispatchers and not joining.devices
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await cluster.own.close()
    assert programs() == []
