"""All but Ray for real: keepers with workers' programs on loopback, and a server's devices that they become."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from jellyfish.config import Limits, ServerConfig
from jellyfish.core import InputSize, Variant
from jellyfish.devices.executor import DistantExecutor, Undecoded
from jellyfish.devices.stream.link import WorkerGoneError
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.models.opening import open_model
from jellyfish.modes.assembly import ServerParts, assembly, policy
from jellyfish.modes.cluster.following import ClusterFollower, KeeperSeen
from jellyfish.modes.cluster.joined import ClusterWorkers, wish_for
from jellyfish.modes.cluster.keeper import Keeper
from jellyfish.modes.cluster.lines import FromPlacer, JoinCluster, WorkersNow
from jellyfish.modes.cluster.places import ClusterNode, Place
from jellyfish.modes.cluster.worker_child import worker_child
from jellyfish.modes.joining import JoiningWorkers
from tests.modes.test_stream_workers import FILE
from tests.server.inference.asking import decode

pytest.importorskip("cryptography")
WITHIN_S = 60.0
NODE = ClusterNode("a" * 56, "127.0.0.1", 1, 0)
VARIANT, SIZE = Variant(160, "plain"), InputSize(160, 160)


class ThisMachine:
    """A cluster of one node, this process, whose keeper runs in it."""

    def __init__(self) -> None:
        start = partial(worker_child, device="cpu", host=NODE.host, processors=())
        self.own = Keeper(start, leave=lambda: None)

    async def nodes(self) -> list[ClusterNode]:
        return [NODE]

    async def keeper(self, place: Place) -> KeeperSeen:
        return self.own


async def score(joining: JoiningWorkers) -> float:
    """What is found in a white JPEG, once there is a worker."""
    jpeg = encode_jpeg(np.full((90, 160, 3), 255, np.uint8))
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                [device] = joining.devices
                assert isinstance(device.executor, DistantExecutor)
                [answer] = await device.executor.run_undecoded([VARIANT], [Undecoded(jpeg, SIZE)])
            except (ValueError, WorkerGoneError):
                await asyncio.sleep(0.05)
            else:
                assert not isinstance(answer, Exception)
                return answer.detections[0].score


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
    workers = ClusterWorkers(joining, model.description.identity, "front")
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
            assert await score(joining) == pytest.approx(1.0, abs=0.02)
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
            assert await score(joining) == pytest.approx(1.0, abs=0.02)
            workers.take(WorkersNow(0))
            await workers.close()
            assert not whole.service.dispatchers and not joining.devices
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await cluster.own.close()
    assert programs() == []
