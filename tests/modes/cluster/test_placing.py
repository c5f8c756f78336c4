"""A placer as its server sees it, played by a test in virtual time; and what the server makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import typer
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.cli.parsing import engine_config, served_devices
from jellyfish.config import EngineConfig, EngineKind, ServerConfig, WorkersConfig
from jellyfish.devices.stream.link import Connect
from jellyfish.devices.stream.messages import OpenWorker
from jellyfish.errors import InputError
from jellyfish.modes.cluster.joined import Alone, ClusterWorkers, PlacedReach, joined, wish_for
from jellyfish.modes.cluster.lines import (
    FromPlacer,
    JoinCluster,
    NoCluster,
    PlacedWorker,
    PlacerAlive,
    PlacerSaid,
    PlaceWithout,
    WorkersNow,
    WorkerWish,
    as_line,
    line_of_server,
)
from jellyfish.modes.cluster.placing import LAST_PAUSE_S, SILENT_S, PlacerPipes, Placing
from tests.virtual import virtual

JOIN = JoinCluster(None, "front", WorkerWish("cpu", "small"))
HERE = PlacedWorker("cpu@10.0.0.1", "10.0.0.1", 4000, "pem", "token")
THERE = PlacedWorker("cpu@10.0.0.2", "10.0.0.2", 4000, "pem", "token")


class PlayedPlacers:
    """One after the other."""

    def __init__(self, *at_once: FromPlacer) -> None:
        """`at_once`: what each says first."""
        self.told: list[JoinCluster] = []
        self.heard = asyncio.StreamReader()
        self._at_once = at_once

    @contextlib.asynccontextmanager
    async def launch(self) -> AsyncIterator[PlacerPipes]:
        self.heard = asyncio.StreamReader()
        self.says(*self._at_once)
        yield PlacerPipes(cast("asyncio.StreamWriter", self), self.heard)

    def write(self, data: bytes) -> None:
        self.told.append(line_of_server(data))

    def says(self, *messages: FromPlacer) -> None:
        for message in messages:
            self.heard.feed_data(as_line(message))


@virtual
async def test_a_cluster_is_joined_and_followed(caplog: pytest.LogCaptureFixture) -> None:
    placers, heard = PlayedPlacers(PlacerAlive(), WorkersNow(1)), []
    placing = Placing(JOIN, placers.launch)
    placing.on_workers = heard.append
    async with placing.running():
        assert placers.told == [JOIN] and placing.newest == WorkersNow(1)
        placers.says(WorkersNow(2, (HERE,)), PlacerSaid("the cluster does not answer"))
        await asyncio.sleep(0.1)
        assert heard == [WorkersNow(1), WorkersNow(2, (HERE,))]
    assert [each.message for each in caplog.records] == ["the cluster does not answer"]


@virtual
async def test_where_there_is_no_cluster_that_is_an_error_before_anything_begins() -> None:
    for said, words in ((NoCluster("no Ray cluster was found"), "no Ray cluster"), (None, "has ended")):
        placers = PlayedPlacers(*([] if said is None else [said]))
        asyncio.get_running_loop().call_later(0.1, lambda placers=placers: placers.heard.feed_eof())
        with pytest.raises(InputError, match=words):
            async with Placing(JOIN, placers.launch).running():
                raise AssertionError("it cannot begin")


@virtual
async def test_a_placer_that_ends_or_hangs_is_started_anew_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    placers, heard = PlayedPlacers(WorkersNow(1, (HERE,))), []
    placing = Placing(JOIN, placers.launch)
    placing.on_workers = heard.append
    async with placing.running():
        placers.heard.feed_eof()
        await asyncio.sleep(3.0)
        assert len(placers.told) == 2
        await asyncio.sleep(SILENT_S + 5.0)
        assert len(placers.told) == 3, "it said nothing"
        placers._at_once = (NoCluster("no Ray cluster was found"),)
        caplog.clear()
        placers.heard.feed_data(b"Traceback (most recent call last):\n")
        await asyncio.sleep(0.1)
        began = len(placers.told)
        await asyncio.sleep(600.0)
        assert 600 / LAST_PAUSE_S - 2 <= len(placers.told) - began <= 600 / LAST_PAUSE_S + 6
        assert len(caplog.records) == 1 and "used as before" in caplog.text
        assert set(heard) == {WorkersNow(1, (HERE,))}, "what was there is not taken away"


class Noting:
    """Notes what is expected."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, ...]] = []
        self.reaches: dict[str, Connect] = {}

    def expect(self, name: str, connect: Connect, opening: OpenWorker) -> None:
        assert (opening.front, opening.model, opening.url) == ("front", "identity", "ws://front")
        self.noted.append(("expect", name, opening.token))
        self.reaches[name] = connect

    def shows(self, name: str, token: str) -> None:
        self.noted.append(("shows", name, token))

    async def forget(self, name: str) -> None:
        self.noted.append(("forget", name))


@virtual
async def test_workers_are_expected_moved_and_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    noting = Noting()
    workers = ClusterWorkers(noting, OpenWorker(front="front", model="identity", url="ws://front"))
    workers.take(WorkersNow(2, (HERE, THERE)))
    assert noting.noted == [("expect", "cpu@10.0.0.1", "token"), ("expect", "cpu@10.0.0.2", "token")]
    for _ in range(2):
        workers.take(WorkersNow(2, (THERE,), (PlaceWithout(HERE.name, "it was ended by signal 9"),)))
    assert len(noting.noted) == 2, "its device stays: another program comes there"
    assert caplog.text.count("signal 9") == 1
    moved = PlacedWorker(HERE.name, HERE.host, 5000, "another", "one")
    workers.take(WorkersNow(2, (moved, THERE)))
    assert noting.noted[2:] == [("shows", "cpu@10.0.0.1", "one")]
    reach = noting.reaches["cpu@10.0.0.1"]
    assert isinstance(reach, PlacedReach) and reach.worker == moved
    workers.take(WorkersNow(1, (THERE,)))
    await workers.close()
    assert noting.noted[3:] == [("forget", "cpu@10.0.0.1")]


def test_files_are_named_so_that_a_node_finds_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    wish = wish_for(ServerConfig(model="my.py:Model", weights=Path("w"), devices=("cuda:0",), max_batch=4, threads=2))
    assert wish == WorkerWish("cuda", f"{tmp_path}/my.py:Model", f"{tmp_path}/w", 4, 2)
    assert wish_for(ServerConfig(model="slimmable")) == WorkerWish("cpu", "slimmable")


def test_what_an_engine_may_be() -> None:
    assert engine_config("local") == EngineConfig() and engine_config("auto") == EngineConfig(EngineKind.AUTO)
    assert engine_config("ray") == EngineConfig(EngineKind.RAY)
    assert engine_config("ray://[::1]:10001") == EngineConfig(EngineKind.RAY, "ray://[::1]:10001")
    for text in ("", "Ray", "ray://", "ray://head", "ray://head:port", "ray://a@b:1", "ray://h:1/x", "http://h:1"):
        with pytest.raises(typer.BadParameter):
            engine_config(text)
    for device in ("none", "cuda:1", "cuda:0,cuda:1", "cpu,cuda"):
        with pytest.raises(typer.BadParameter):
            served_devices(device, "h:1", EngineConfig(EngineKind.RAY))
    assert served_devices("cuda", "", EngineConfig(EngineKind.RAY)) == ("cuda:0",)


def test_without_ray_what_to_install_is_said_before_anything_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for engine in ("ray", "ray://10.0.0.1:10001"):
        done = CliRunner().invoke(cli.app, ["serve", "--engine", engine])
        assert done.exit_code == 2 and "needs ray, which is not installed: pip install ray" in done.output


@virtual
async def test_a_machine_without_ray_serves_alone_where_it_may() -> None:
    config = ServerConfig(workers=WorkersConfig(engine=EngineConfig(EngineKind.AUTO)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "ray", None)
        async with joined(config, lambda words, done, total: None) as (here, cluster):
            assert here == config and isinstance(cluster, Alone)
