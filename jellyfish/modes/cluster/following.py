"""What there is in a cluster, followed: its nodes, and a keeper at each place of theirs. Knows nothing of Ray."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from jellyfish.modes.cluster.lines import (
    LONGEST_WORDS,
    FromPlacer,
    JoinCluster,
    PlacedWorker,
    PlacerSaid,
    PlaceWithout,
    WorkersNow,
    as_bytes,
    keeper_said,
)
from jellyfish.modes.cluster.places import ClusterNode, ClusterPlace, PlaceNames, places, why_none

NODES_S = 0.5
"""Between two looks at which nodes there are."""
SLOW_S = 10.0
"""A keeper that has not answered its first question for so long has not been started."""
FIRST_PAUSE_S, LAST_PAUSE_S = 0.2, 5.0
"""Before a keeper that cannot be asked is tried again."""


class KeeperGoneError(Exception):
    """A keeper cannot be asked, in words: its process or its node has died, or it cannot be placed."""


class KeeperSeen(Protocol):
    """One from afar."""

    async def ask(self, front: str, wish: bytes, seen: int) -> bytes:
        """See `jellyfish.modes.cluster.keeper.Keeper.ask`. KeeperGoneError."""
        ...


class ClusterSeen(Protocol):
    """A cluster that has been joined."""

    async def nodes(self) -> list[ClusterNode]:
        """Those that live. ClusterSilentError where it does not answer."""
        ...

    async def keeper(self, place: ClusterPlace) -> KeeperSeen:
        """The one at that place, which is begun where there is none. KeeperGoneError."""
        ...


class ClusterSilentError(Exception):
    """The cluster does not answer, in words."""


class ClusterFollower:
    """Tells what there is, each time that it is something else."""

    def __init__(self, cluster: ClusterSeen, told: JoinCluster, say: Callable[[FromPlacer], None]) -> None:
        self._cluster, self._say = cluster, say
        self._front, self._wish = told.front, as_bytes(told.wish)
        self._device = told.wish.device
        self._names = PlaceNames()
        self._following: dict[ClusterPlace, asyncio.Task[None]] = {}
        self._workers: dict[ClusterPlace, PlacedWorker | PlaceWithout] = {}
        self._nodes = 0
        self._told: WorkersNow | None = None
        self._silent = False
        self._why_none = ""

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(NODES_S)
        finally:
            for task in self._following.values():
                task.cancel()

    async def _look(self) -> None:
        try:
            nodes = await self._cluster.nodes()
        except ClusterSilentError as error:
            if not self._silent:
                self._say(PlacerSaid(f"the cluster does not answer ({error}): workers that run are used as before"))
            self._silent = True
            return
        if self._silent:
            self._say(PlacerSaid("the cluster answers again"))
            self._silent = False
        self._take(nodes)

    def _take(self, nodes: Sequence[ClusterNode]) -> None:
        wanted = places(nodes, self._device)
        self._nodes = len(nodes)
        for place in [each for each in self._following if each not in wanted]:
            self._following.pop(place).cancel()
            self._workers.pop(place, None)
        self._names.keep(wanted)
        for place in wanted:
            if place not in self._following:
                self._following[place] = asyncio.create_task(self._follow(place, self._names.of(place)))
        why = why_none(nodes, self._device)
        if why and why != self._why_none:
            self._say(PlacerSaid(f"no worker can be placed: {why}"))
        self._why_none = why
        self._tell()

    async def _follow(self, place: ClusterPlace, name: str) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                keeper = await self._cluster.keeper(place)
                seen = -1
                while True:
                    seen = await self._ask(place, name, keeper, seen)
                    pause_s = FIRST_PAUSE_S
            except KeeperGoneError as error:
                if not isinstance(self._workers.get(place), PlacedWorker):  # else whether it runs its stream tells
                    self._without(place, name, str(error))
            except ValueError:
                self._without(place, name, "what keeps it is of another version: install the same one on all nodes")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)

    async def _ask(self, place: ClusterPlace, name: str, keeper: KeeperSeen, seen: int) -> int:
        asking = asyncio.create_task(keeper.ask(self._front, self._wish, seen))
        try:
            if seen < 0:
                await asyncio.wait([asking], timeout=SLOW_S)
                if not asking.done() and not isinstance(self._workers.get(place), PlacedWorker):
                    self._without(
                        place, name, "Ray has not started what keeps it: is something else using that place? "
                        "`ray status` says"
                    )  # fmt: skip
            said = keeper_said(await asking)
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError, KeeperGoneError):
                await asking
        if said.port:
            self._now(place, PlacedWorker(name, place.node.host, said.port, said.certificate, said.token))
        elif said.words:
            self._without(place, name, said.words)
        return said.version

    def _without(self, place: ClusterPlace, name: str, words: str) -> None:
        self._now(place, PlaceWithout(name, words[:LONGEST_WORDS]))

    def _now(self, place: ClusterPlace, there: PlacedWorker | PlaceWithout) -> None:
        self._workers[place] = there
        self._tell()

    def _tell(self) -> None:
        known = self._workers.values()
        now = WorkersNow(
            self._nodes,
            tuple(each for each in known if isinstance(each, PlacedWorker)),
            tuple(each for each in known if isinstance(each, PlaceWithout)),
        )
        if now != self._told:
            self._told = now
            self._say(now)
