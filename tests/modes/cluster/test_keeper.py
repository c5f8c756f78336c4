"""A keeper and the programs that it keeps: stand-ins in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

from jellyfish.modes.cluster.claims import HELD_S, UNUSED_S
from jellyfish.modes.cluster.keeper import ASKED_S, LAST_PAUSE_S, Keeper
from jellyfish.modes.cluster.lines import KeeperSaid, WorkerWish, as_bytes, keeper_said
from jellyfish.modes.cluster.worker_child import WorkerChild, WorkerEndedError
from tests.virtual import virtual

SMALL, LARGE = WorkerWish("cpu", "small"), WorkerWish("cpu", "large")
LOADS_S = 2.0


class Program:
    """One that a test ends."""

    certificate = "pem"

    def __init__(self, number: int, wish: WorkerWish) -> None:
        self.port, self.token, self.wish, self.closed = 1000 + number, f"token-{number}", wish, False
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def listens(self) -> int:
        await asyncio.sleep(LOADS_S)
        if self.over.done():
            raise WorkerEndedError(self.over.result())
        return self.port

    async def ended(self) -> str:
        return await asyncio.shield(self.over)


class KeptPlace:
    """A keeper's, where programs are started."""

    def __init__(self) -> None:
        self.programs: list[Program] = []
        self.left = 0
        self.broken: Exception | str | None = None
        """Why programs do not begin."""
        self.keeper = Keeper(self.start, self.leave)

    @contextlib.asynccontextmanager
    async def start(self, wish: WorkerWish) -> AsyncIterator[WorkerChild]:
        if isinstance(self.broken, Exception):
            raise self.broken
        program = Program(len(self.programs), wish)
        if self.broken is not None:
            program.over.set_result(self.broken)
        self.programs.append(program)
        try:
            yield cast("WorkerChild", program)
        finally:
            program.closed = True

    def leave(self) -> None:
        self.left += 1

    async def ask(self, front: str = "front", wish: WorkerWish = SMALL, seen: int = -1) -> KeeperSaid:
        return keeper_said(await self.keeper.ask(front, as_bytes(wish), seen))

    async def runs(self) -> KeeperSaid:
        """Until a program does."""
        said = await self.ask()
        while not said.port:
            said = await self.ask(seen=said.version)
        return said


@virtual
async def test_who_asks_hears_at_once_of_what_is_new_and_else_after_a_while() -> None:
    place, loop = KeptPlace(), asyncio.get_running_loop()
    first = await place.ask()
    assert first.port == 0 and loop.time() == 0
    said = await place.ask(seen=first.version)
    assert (said.port, said.token, said.certificate) == (1000, "token-0", "pem") and loop.time() == LOADS_S
    assert await place.ask(seen=said.version) == said
    assert loop.time() == LOADS_S + ASKED_S, "so a server is heard of all the while"
    await place.keeper.close()
    assert place.programs[0].closed


@virtual
async def test_a_program_that_ends_is_started_anew_with_another_token() -> None:
    place, loop = KeptPlace(), asyncio.get_running_loop()
    said = await place.runs()
    asking = asyncio.create_task(place.ask(seen=said.version))
    await asyncio.sleep(0.5)
    place.programs[0].over.set_result("it was ended by signal 9")
    began_s = loop.time()
    without = await asking
    assert without.port == 0 and "signal 9" in without.words and loop.time() == began_s, "it is told at once"
    again = await place.runs()
    assert (again.port, again.token) == (1001, "token-1") and loop.time() - began_s < LOADS_S + 1.0
    await place.keeper.close()


@virtual
async def test_what_never_begins_is_tried_more_and_more_rarely_and_why_is_told() -> None:
    place = KeptPlace()
    place.broken = "there is no file my.py"
    asking = asyncio.create_task(place.runs())
    await asyncio.sleep(600)
    assert 600 / (LOADS_S + LAST_PAUSE_S) - 1 <= len(place.programs) <= 600 / (LOADS_S + LAST_PAUSE_S) + 10
    assert "there is no file my.py" in (await place.ask()).words
    place.broken = OSError("no more processes")
    await asyncio.sleep(2 * LAST_PAUSE_S)
    assert "no more processes" in (await place.ask()).words, "whatever it is, the place goes on"
    place.broken = None
    assert (await asking).port
    await place.keeper.close()


@virtual
async def test_another_wish_waits_until_whose_the_first_is_has_gone() -> None:
    place, loop = KeptPlace(), asyncio.get_running_loop()
    said = await place.runs()
    refused = await place.ask("other", LARGE)
    assert refused.port == 0 and "small" in refused.words
    assert refused.version == said.version
    gone_s = loop.time()
    while (said := await place.ask("other", LARGE, seen=said.version)).port == 0 and loop.time() < gone_s + 60:
        pass
    assert place.programs[0].closed and place.programs[1].wish == LARGE and said.port == 1001
    assert HELD_S <= loop.time() - gone_s <= HELD_S + LOADS_S + 3.0
    await place.keeper.close()


@virtual
async def test_a_place_that_nobody_wants_any_more_is_given_back() -> None:
    place = KeptPlace()
    await place.runs()
    await asyncio.sleep(UNUSED_S - 1.0)
    assert not place.programs[0].closed, "who comes back finds it warm"
    await asyncio.sleep(3.0)
    assert place.programs[0].closed and place.left == 1 and len(place.programs) == 1
