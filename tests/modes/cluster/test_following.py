"""A cluster that a test plays, followed in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from jellyfish.modes.cluster.following import (
    SLOW_S,
    ClusterFollower,
    ClusterSilentError,
    KeeperGoneError,
)
from jellyfish.modes.cluster.lines import (
    FromPlacer,
    JoinCluster,
    KeeperSaid,
    PlacedWorker,
    PlacerSaid,
    PlaceWithout,
    WorkersNow,
    WorkerWish,
    as_bytes,
)
from jellyfish.modes.cluster.places import ClusterNode, ClusterPlace
from tests.virtual import virtual

WISH = WorkerWish("cpu", "small")
NODES = [ClusterNode(letter * 56, f"10.0.0.{number}", 4, 0) for number, letter in enumerate("ab", 1)]


class PlayedKeeper:
    """Says what a test has it say."""

    def __init__(self) -> None:
        self.said = KeeperSaid(1, 4000, "pem", "token")
        self.raw: bytes | None = None
        self.gone: str | None = None
        self.asked: list[tuple[str, int]] = []
        self.changed = asyncio.Event()

    async def ask(self, front: str, wish: bytes, seen: int) -> bytes:
        assert wish == as_bytes(WISH)
        self.asked.append((front, seen))
        if seen == self.said.version and self.gone is None:
            self.changed.clear()
            await self.changed.wait()
        if self.gone is not None:
            raise KeeperGoneError(self.gone)
        return self.raw or as_bytes(self.said)

    def says(self, said: KeeperSaid) -> None:
        self.said = said
        self.changed.set()


class Played:
    """A cluster."""

    def __init__(self) -> None:
        self.here = list(NODES)
        self.silent = self.slow = False
        self.keepers: dict[str, PlayedKeeper] = {}
        self.unplaceable: set[str] = set()
        self.told: list[FromPlacer] = []

    async def nodes(self) -> list[ClusterNode]:
        if self.silent:
            raise ClusterSilentError("nothing for 10 s")
        return list(self.here)

    async def keeper(self, place: ClusterPlace) -> PlayedKeeper:
        if place.node.host in self.unplaceable:
            raise KeeperGoneError("it cannot be placed")
        if self.slow:
            await asyncio.sleep(30)
        return self.keepers.setdefault(place.node.host, PlayedKeeper())

    @property
    def now(self) -> WorkersNow:
        return [each for each in self.told if isinstance(each, WorkersNow)][-1]

    @property
    def said(self) -> list[str]:
        return [each.words for each in self.told if isinstance(each, PlacerSaid)]


@contextlib.asynccontextmanager
async def followed(played: Played) -> AsyncIterator[None]:
    following = asyncio.create_task(ClusterFollower(played, JoinCluster(None, "me", WISH), played.told.append).run())
    await asyncio.sleep(1.0)
    try:
        yield
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


def names(now: WorkersNow) -> list[str]:
    return sorted(each.name for each in now.workers)


@virtual
async def test_workers_are_told_as_nodes_join_and_leave() -> None:
    played = Played()
    async with followed(played):
        assert played.now.nodes == 2 and names(played.now) == ["cpu@10.0.0.1", "cpu@10.0.0.2"]
        assert PlacedWorker("cpu@10.0.0.1", "10.0.0.1", 4000, "pem", "token") in played.now.workers
        played.here = [*NODES, ClusterNode("c" * 56, "10.0.0.3", 4, 0)]
        await asyncio.sleep(1.0)
        assert len(played.now.workers) == 3
        played.here = NODES[1:]
        await asyncio.sleep(1.0)
        assert names(played.now) == ["cpu@10.0.0.2"] and played.now.nodes == 1
        told = len(played.told)
        await asyncio.sleep(60.0)
        assert len(played.told) == told, "the same is not told again"


@virtual
async def test_one_that_is_started_anew_is_told_where_it_is_now() -> None:
    played = Played()
    async with followed(played):
        keeper = played.keepers["10.0.0.1"]
        keeper.says(KeeperSaid(2, words="it was ended by signal 9"))
        await asyncio.sleep(0.1)
        assert names(played.now) == ["cpu@10.0.0.2"]
        assert played.now.without == (PlaceWithout("cpu@10.0.0.1", "it was ended by signal 9"),)
        keeper.says(KeeperSaid(3, 5000, "another", "one"))
        await asyncio.sleep(0.1)
        assert PlacedWorker("cpu@10.0.0.1", "10.0.0.1", 5000, "another", "one") in played.now.workers
        assert not played.now.without


@virtual
async def test_a_worker_whose_keeper_cannot_be_asked_is_used_on_and_asked_for_from_the_beginning() -> None:
    played = Played()
    async with followed(played):
        keeper = played.keepers["10.0.0.1"]
        keeper.gone = "its process has died"
        keeper.changed.set()
        await asyncio.sleep(1.0)
        assert len(played.now.workers) == 2, "whether it runs its own stream tells"
        keeper.gone, keeper.said = None, KeeperSaid(1, 6000, "pem", "token")
        await asyncio.sleep(6.0)
        assert {each.port for each in played.now.workers} == {4000, 6000}, "the same number, of another keeper"


@virtual
async def test_that_the_cluster_is_silent_is_said_once_and_changes_nothing() -> None:
    played = Played()
    async with followed(played):
        played.silent = True
        await asyncio.sleep(60.0)
        assert len(played.said) == 1 and "does not answer" in played.said[0]
        assert len(played.now.workers) == 2
        played.silent = False
        await asyncio.sleep(1.0)
        assert played.said[1:] == ["the cluster answers again"]


@virtual
async def test_why_a_place_has_no_worker_is_told() -> None:
    played = Played()
    played.unplaceable = {"10.0.0.1"}
    played.keepers["10.0.0.2"] = other = PlayedKeeper()
    other.raw = b'{"of": "another version"}'
    async with followed(played):
        words = {each.name: each.words for each in played.now.without}
        assert words["cpu@10.0.0.1"] == "it cannot be placed"
        assert "another version" in words["cpu@10.0.0.2"]
        played.here = [ClusterNode("c" * 56, "10.0.0.3", 0, 0)]
        await asyncio.sleep(1.0)
        assert "no processor" in played.said[-1] and played.now == WorkersNow(1)


@virtual
async def test_a_keeper_that_is_not_started_is_not_waited_for_in_silence() -> None:
    played = Played()
    played.here = NODES[:1]
    played.keepers["10.0.0.1"] = keeper = PlayedKeeper()
    keeper.said = KeeperSaid(-1)  # what was asked first is not answered
    async with followed(played):
        assert not played.now.without
        await asyncio.sleep(SLOW_S)
        assert ["something else" in each.words for each in played.now.without] == [True]
        keeper.says(KeeperSaid(1, 4000, "pem", "token"))
        await asyncio.sleep(0.1)
        assert names(played.now) == ["cpu@10.0.0.1"]
