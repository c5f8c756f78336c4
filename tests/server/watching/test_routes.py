"""Watching over real routes: aiohttp's server and client in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import aiohttp
import pytest

from jellyfish.config import Limits
from jellyfish.core import Detection
from jellyfish.lab.simulation.network import HOST, PORT, MemoryConnector
from jellyfish.protocol import wire
from jellyfish.server.access import Access, AccessRules, RouteKind, subprotocol_of
from jellyfish.server.watching.fleet_news import FleetNews
from jellyfish.server.watching.following import Following
from jellyfish.server.watching.seen import Seen
from tests.server.peer import JPEG, Peer, http, running, welcomed
from tests.server.test_access import DOOR, GATE, bearer, token
from tests.virtual import virtual

WATCH = f"http://{HOST}:{PORT}/v1/watch"
PICTURE = f"http://{HOST}:{PORT}/v1/cameras/gate/picture"
RULES = AccessRules((token(DOOR, RouteKind.CAMERA, RouteKind.WATCH), token(GATE, RouteKind.WATCH, cameras=("gate*",))))


@contextlib.asynccontextmanager
async def watching(
    query: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with http() as session, session.ws_connect(WATCH + query, headers=headers) as socket:
        yield socket


async def told(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    received = await socket.receive(60)
    assert received.type is aiohttp.WSMsgType.TEXT, received
    answer: dict[str, Any] = json.loads(received.data)
    return answer


async def answered(peer: Peer, *frames: int) -> None:
    for frame in frames:
        await peer.send_frame(frame)
        await peer.until(wire.Result)


async def status_of(url: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    async with http() as session, session.get(url, headers=headers) as answer:
        return answer.status, (await answer.json())["error"]


@virtual
async def test_a_watcher_is_told_of_each_answer_of_the_cameras_it_named() -> None:
    async with (
        running(),
        welcomed("gate") as gate,
        welcomed("door") as door,
        watching("?camera=gate") as some,
        watching() as every,
    ):
        await answered(gate, 1)
        await answered(door, 2)
        await answered(gate, 3)
        assert [(await told(every))["frame"] for _ in range(3)] == [1, 2, 3]
        answers = [await told(some) for _ in range(2)]
        assert [(each["camera"], each["frame"], each["on_time"]) for each in answers] == [
            ("gate", 1, True), ("gate", 3, True),
        ]  # fmt: skip
        assert answers[0]["variant"] == "w025-128" and answers[0]["size"] == [128, 96] and answers[0]["age_ms"] > 0


@virtual
async def test_a_picture_is_that_of_the_frame_it_comes_with() -> None:
    async with running(), welcomed("gate") as gate, watching("?pictures=1&pictures_fps=2") as socket:
        await answered(gate, 1, 2)
        message = await socket.receive()
        assert message.type is aiohttp.WSMsgType.BINARY
        (length,) = struct.unpack_from("<I", message.data)
        assert json.loads(message.data[4 : 4 + length])["frame"] == 1 and message.data[4 + length :] == JPEG
        assert (await told(socket))["frame"] == 2  # too soon for another picture


@virtual
async def test_how_all_fare_is_told_once_a_second_and_made_once_for_all_who_may_see_the_same() -> None:
    asked: list[bool] = []

    async def tell(may_see: Callable[[str], bool]) -> dict[str, Any]:
        asked.append(may_see("door"))
        await asyncio.sleep(0.01)  # frames go on meanwhile
        return {"cameras": [name for name in ("door", "gate") if may_see(name)]}

    async with running(access=Access(RULES)) as service:
        service.hub.fleet = FleetNews(tell)
        async with contextlib.AsyncExitStack() as stack:
            every = [await stack.enter_async_context(watching("?fleet=1", bearer(DOOR))) for _ in range(3)]
            some = await stack.enter_async_context(watching("?fleet=1", bearer(GATE)))
            await asyncio.sleep(3.5)
            assert [await told(each) for each in (*every, some)] == [
                *[{"fleet": {"cameras": ["door", "gate"]}}] * 3, {"fleet": {"cameras": ["gate"]}},
            ]  # fmt: skip
            assert (asked.count(True), asked.count(False)) == (4, 4)
            for _ in range(3):
                await told(some)
            with pytest.raises(TimeoutError):
                await some.receive(0.3)


class OneThing:
    """A tracker that takes all it is shown for one object."""

    def update(self, detections: Sequence[Detection], time_s: float) -> list[int | None]:
        return [1 for _ in detections]


@virtual
async def test_boxes_as_of_now_are_carried_to_the_moment_of_sending() -> None:
    async with running() as service, watching() as plain:
        service.hub.following = Following(OneThing)
        async with watching("?now=1") as now:
            loop = asyncio.get_running_loop()
            for frame in range(3):
                left = 0.1 + 0.1 * frame
                moment = loop.time()
                box = (Detection(0, 0.9, left, 0.1, left + 0.1, 0.2),)
                service.hub.publish(
                    Seen("gate", "gate", frame, moment - 0.1, moment, moment, 0.2, detections=box, classes=("car",))
                )
                await asyncio.sleep(0.1)
            for socket, carried in ((plain, False), (now, True)):
                *_, last = [await told(socket) for _ in range(3)]
                (found,) = last["detections"]
                assert found["track"] == 1 and (found["box"][0] > 0.31) is carried
                assert last.get("carried_ms") == (100.0 if carried else None)


@virtual
async def test_server_sent_events() -> None:
    async with running() as service, http() as session:
        async with session.get(WATCH) as events:
            assert events.content_type == "text/event-stream"
            async with welcomed("gate") as gate:
                await answered(gate, 7)
            lines = [await events.content.readline() for _ in range(3)]
            assert lines[:2] == [b"retry: 2000\n", b"\n"]
            assert json.loads(lines[2].removeprefix(b"data: "))["frame"] == 7
            await asyncio.sleep(100)  # it outlives what an answered connection may wait, and is kept alive
            assert await events.content.readline() == b"\n" and await events.content.readline() == b":\n"
            async with welcomed("gate") as gate:
                await answered(gate, 8)
            while not (line := await events.content.readline()).startswith(b"data"):
                assert line in (b"\n", b":\n")
            assert json.loads(line.removeprefix(b"data: "))["frame"] == 8
        await asyncio.sleep(20)
        assert service.hub.watchers == 0


@virtual
async def test_who_never_reads_loses_answers_holds_up_no_camera_and_is_cut_off() -> None:
    connector = MemoryConnector()
    async with (
        running() as service,
        welcomed("gate") as gate,
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(WATCH + "?pictures=1&pictures_fps=60", max_msg_size=0) as socket,
    ):
        connector.stop_reading()
        big, loop = JPEG + bytes(100_000), asyncio.get_running_loop()
        slowest_s = 0.0
        for number in range(200):
            sent_s = loop.time()
            await gate.send_frame(number, jpeg=big)
            assert (await gate.until(wire.Result)).reason is None
            slowest_s = max(slowest_s, loop.time() - sent_s)
            await asyncio.sleep(0.1)
        assert slowest_s < 0.05 and service.hub.watchers == 1
        for number in range(200, 600):
            await answered(gate, number)
            await asyncio.sleep(0.1)
        assert service.hub.watchers == 0
        await socket.close()


@virtual
async def test_a_slow_watcher_is_told_what_it_lost() -> None:
    connector = MemoryConnector()
    async with (
        running(),
        welcomed("gate") as gate,
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(WATCH + "?pictures=1&pictures_fps=60", max_msg_size=0) as socket,
    ):
        connector.stop_reading()
        for number in range(100):
            await gate.send_frame(number, jpeg=JPEG + bytes(100_000))
            await gate.until(wire.Result)
            await asyncio.sleep(0.1)
        connector.read_on()
        frames, lost = [], 0
        while not frames or frames[-1] != 99:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                (length,) = struct.unpack_from("<I", message.data)
                frames.append(json.loads(message.data[4 : 4 + length])["frame"])
            elif "lost" in (answer := json.loads(message.data)):
                lost += answer["lost"]
            else:
                frames.append(answer["frame"])
        assert frames == sorted(frames) and len(frames) + lost == 100 and lost > 0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?cam=gate", "there is no parameter 'cam'"),
        ("?camera=", "takes the name of a camera"),
        ("?pictures=yes", "pictures= is 1 or 0"),
        ("?pictures_fps=nan", "pictures_fps= is a number from"),
        ("?pictures=1", "WebSocket alone"),
        ("?now=1", "--track"),
        ("?" + "&".join(["camera=a"] * 257), "at most 256"),
    ],
)
@virtual
async def test_what_cannot_be_asked_for_says_why(query: str, said: str) -> None:
    async with running():
        status, why = await status_of(WATCH + query)
        assert status == 400 and said in why


@virtual
async def test_there_are_so_many_watchers_and_no_more() -> None:
    async with running(Limits(watchers=2)), watching(), watching():
        assert (await status_of(WATCH)) == (503, "the server has its 2 watchers; try again later")


@virtual
async def test_a_token_is_for_watching_and_for_its_cameras_alone() -> None:
    access = Access(RULES)
    async with running(access=access):
        assert (await status_of(WATCH))[0] == 401
        assert (await status_of(WATCH + "?camera=door", bearer(GATE)))[0] == 403
        async with (
            http() as session,
            session.ws_connect(WATCH, protocols=subprotocol_of(GATE)) as some,
            watching(headers=bearer(DOOR)) as every,
            http() as other,
        ):
            assert some.protocol == "jellyfish"
            for name in ("door", "gate-1"):
                async with other.ws_connect(WATCH.replace("watch", "stream"), headers=bearer(DOOR)) as stream:
                    peer = Peer(stream, asyncio.get_running_loop().time)
                    await peer.send(wire.Hello(name, 15, 100.0))
                    await peer.until(wire.Welcome)
                    await answered(peer, 1)
            assert [(await told(every))["camera"] for _ in range(2)] == ["door", "gate-1"]
            assert (await told(some))["camera"] == "gate-1"
            access.replace(AccessRules((token(DOOR, RouteKind.WATCH),)))
            assert (await some.receive(5)).type is aiohttp.WSMsgType.CLOSE
            with pytest.raises(TimeoutError):
                await every.receive(5)


@virtual
async def test_another_sites_page_may_not_watch() -> None:
    async with running(access=Access(AccessRules(hosts=frozenset({HOST})))):
        for url in (WATCH, PICTURE):
            assert (await status_of(url, {"Origin": "https://evil.example"}))[0] == 403
            assert (await status_of(url, {"Host": "evil.example"}))[0] == 403  # a name that leads here


@virtual
async def test_watchers_are_told_when_the_server_stops() -> None:
    async with http() as session:
        async with running():
            socket = await session.ws_connect(WATCH)
            events = await session.get(WATCH)
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
        assert await events.content.read() == b"retry: 2000\n\n"


@virtual
async def test_the_newest_picture_of_a_camera() -> None:
    async with running(), http() as session:
        assert (await status_of(PICTURE))[0] == 404
        async with welcomed("gate") as gate:
            assert "within 2 s" in (await status_of(PICTURE))[1]
            asking = asyncio.ensure_future(session.get(PICTURE))
            await asyncio.sleep(0.1)
            await answered(gate, 1)
            answer = await asking
            assert (answer.status, answer.content_type, await answer.read()) == (200, "image/jpeg", JPEG)
            assert answer.headers["Cache-Control"] == "no-store"


@virtual
async def test_what_a_watcher_says_is_nobodys() -> None:
    async with running() as service, welcomed("gate") as gate, watching() as socket:
        await socket.send_str("hello?")
        await answered(gate, 1)
        assert (await told(socket))["frame"] == 1
        await socket.send_str("x" * 5000)
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        await asyncio.sleep(1)
        assert service.hub.watchers == 0
