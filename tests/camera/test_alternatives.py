"""Cameras of several servers: those of one that is gone, full or draining are served by the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from hashlib import sha256

import pytest

from jellyfish.config import Limits
from jellyfish.core import Outcome, Reason
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.protocol import wire
from jellyfish.server.access import Access, AccessRules, Token
from jellyfish.server.app import listening
from jellyfish.server.service import Service
from tests.camera.cameras import Setup
from tests.server.peer import MODEL, PROFILE, SMALL, Peer, decode, everyone_on, http
from tests.virtual import virtual

FPS, END_S = 8.0, 16.0
HOSTS = ("server", "b", "c")
URLS = {host: f"ws://{host}/v1/stream" for host in HOSTS}


class Front:
    """A server on an in-memory host, which plans at once, and can be killed."""

    def __init__(self, host: str, service: Service, listener: asyncio.Server) -> None:
        self.host, self.service, self._listener = host, service, listener

    @property
    def clients(self) -> set[str]:
        return set(self.service.sessions)

    def kill(self, *cameras: Setup) -> None:
        """Nobody listens here any more, and the connections of these cameras end as the kernel ends them."""
        self._listener.close()
        for camera in cameras:
            camera.connector.cut()


@contextlib.asynccontextmanager
async def front(
    host: str, *others: str, limits: Limits | None = None, access: Access | None = None
) -> AsyncIterator[Front]:
    dispatcher = Dispatcher(TimedExecutor(PROFILE), PROFILE, SMALL, 4)
    service = Service([dispatcher], MODEL, decode, limits or Limits())
    service.alternatives = tuple(URLS[other] for other in others)
    service.on_change = lambda cause: service.apply(everyone_on(SMALL, *service.sessions))
    task = asyncio.create_task(dispatcher.run())
    try:
        async with listening(service, host, 80, access=access) as listener:
            service.ready = True
            yield Front(host, service, listener)
    finally:
        task.cancel()


def asking_for(token: Token) -> Access:
    return Access(AccessRules((token,)))


def first_answer_s(camera: Setup, from_s: float) -> float:
    """How long after `from_s` the first answer was there that was on time, of a frame captured since."""
    frames = {
        record.frame for record in camera.records if record.captured_s >= from_s and record.outcome is Outcome.ON_TIME
    }
    return min(camera.ended_s[frame] for frame in frames) - from_s


def whole(camera: Setup) -> bool:
    return camera.complete(int(FPS * (END_S - 1.0)))


async def run_all(cameras: list[Setup]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for camera in cameras:
            tasks.create_task(camera.run(1.0, END_S))


@virtual
async def test_cameras_of_a_server_that_dies_are_answered_by_the_others_within_two_seconds_and_stay() -> None:
    cameras = [Setup(f"camera-{number}", fps=FPS) for number in range(16)]
    async with contextlib.AsyncExitStack() as stack:
        home, b, c = [
            await stack.enter_async_context(front(host, *(other for other in HOSTS if other != host))) for host in HOSTS
        ]
        running = asyncio.create_task(run_all(cameras))
        await asyncio.sleep(6.0)
        assert len(home.clients) == 16
        home.kill(*cameras)
        await asyncio.sleep(4.0)
        served = {each.host: set(each.clients) for each in (b, c)}
        assert served["b"] | served["c"] == {f"camera-{number}" for number in range(16)}
        assert min(map(len, served.values())) >= 4
        async with contextlib.AsyncExitStack() as again:
            await again.enter_async_context(front("server", "b", "c"))  # it is back, and nobody minds
            await asyncio.sleep(5.0)
            assert {each.host: set(each.clients) for each in (b, c)} == served
            await running
    assert all(whole(camera) for camera in cameras)
    assert max(first_answer_s(camera, 6.0) for camera in cameras) < 2.0
    for camera in cameras:
        assert camera.camera.farewell is not None
        assert camera.ledger.agrees(camera.camera.farewell)
        assert len(camera.outages) == 1
        assert camera.outages[0].lasted_s < 1.0
        missed = Counter(record.reason for record in camera.records if record.outcome is not Outcome.ON_TIME)
        assert missed[Reason.DISCONNECTED] <= FPS
        assert camera.plans[0].server is None
        assert camera.plans[-1].server == camera.camera.elsewhere in (URLS["b"], URLS["c"])


@virtual
async def test_others_notice_nothing_of_a_server_that_dies() -> None:
    ours, theirs = Setup("ours", fps=FPS), Setup("theirs", fps=FPS)
    async with front("server", "b") as home, front("b", "server") as b:
        running = asyncio.gather(ours.run(1.0, END_S), theirs.run(1.0, END_S, URLS["b"]))
        await asyncio.sleep(6.0)
        assert (home.clients, b.clients) == ({"ours"}, {"theirs"})
        home.kill(ours)
        await asyncio.sleep(3.0)
        assert b.clients == {"ours", "theirs"}
        await running
    assert whole(theirs)
    assert theirs.outcomes == Counter({(Outcome.ON_TIME, None): int(FPS * (END_S - 1.0))})


@virtual
async def test_a_server_that_drains_says_where_to_go_on() -> None:
    camera = Setup(fps=FPS)
    async with front("b") as b:
        async with front("server", "b") as home:
            running = asyncio.create_task(run_all([camera]))
            await asyncio.sleep(6.0)
            assert home.clients == {"camera"}
        await asyncio.sleep(1.0)
        assert b.clients == {"camera"}
        await running
    assert whole(camera)
    assert first_answer_s(camera, 6.1) < 1.0
    assert "draining" in str(camera.camera.refusal)


@virtual
async def test_a_camera_that_comes_to_a_full_server_is_served_by_another_from_the_beginning() -> None:
    first, second = Setup("first", fps=FPS), Setup("second", fps=FPS)
    async with front("server", "b", limits=Limits(clients=1)) as home, front("b", "server") as b:
        running = asyncio.create_task(run_all([first, second]))
        await asyncio.sleep(3.0)
        assert sorted([*home.clients, *b.clients]) == ["first", "second"]
        assert len(home.clients) == len(b.clients) == 1
        await running
    assert whole(first)
    assert whole(second)


@virtual
async def test_a_server_that_refuses_for_good_is_passed_over_and_home_waited_for() -> None:
    camera = Setup(fps=FPS)
    door = asking_for(Token("door", sha256(b"door").digest()))
    async with front("b", access=door):
        async with front("server", "b") as home:
            running = asyncio.create_task(run_all([camera]))
            await asyncio.sleep(6.0)
            home.kill(camera)
            await asyncio.sleep(1.0)
            assert "401" in str(camera.camera.refusal)
        async with front("server", "b") as again:
            await asyncio.sleep(4.0)
            assert again.clients == {"camera"}
            await running
    assert whole(camera)
    assert not camera.camera.given_up


@virtual
async def test_with_all_servers_gone_the_first_that_comes_back_is_found() -> None:
    camera = Setup(fps=FPS)
    async with front("server", "b") as home:
        running = asyncio.create_task(run_all([camera]))
        await asyncio.sleep(6.0)
        home.kill(camera)
    await asyncio.sleep(3.0)
    async with front("b", "server") as b:
        await asyncio.sleep(7.0)
        assert b.clients == {"camera"}
        await running
    assert whole(camera)
    (outage,) = camera.outages
    assert 3.0 <= outage.lasted_s <= 9.5


@pytest.mark.parametrize("own", [False, True])
@virtual
async def test_a_camera_that_the_server_fetches_itself_is_sent_nowhere(own: bool) -> None:
    access = asking_for(Token("its", sha256(b"its").digest(), own=own))
    headers = {"Authorization": "Bearer its"}
    async with (
        front("server", "b", access=access),
        http() as session,
        session.ws_connect(URLS["server"], headers=headers) as socket,
    ):
        peer = Peer(socket, asyncio.get_running_loop().time)
        await peer.send(wire.Hello("camera", 15, 100))
        told = (await peer.until(wire.Welcome)).alternatives
    assert told == (() if own else (URLS["b"],))
