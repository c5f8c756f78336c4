"""Tokens on the real routes, through aiohttp's server and client in virtual time."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from jellyfish.lab.simulation.network import HOST, PORT, URL
from jellyfish.protocol import wire
from jellyfish.server.access import Access, AccessRules, RouteKind, subprotocol_of
from jellyfish.server.app import create_app
from jellyfish.server.events import ClientRefused, ServerEvent
from jellyfish.server.guarding import KIND
from tests.server.peer import Peer, http, refused, running
from tests.server.test_access import CHIEF, DOOR, GATE, TOKENS, bearer, token
from tests.virtual import virtual


async def status_of(url: str, headers: dict[str, str]) -> int:
    async with http() as session:
        try:
            async with session.ws_connect(url, headers=headers) as socket:
                return 200 if socket.protocol in (None, "jellyfish") else 0
        except aiohttp.WSServerHandshakeError as error:
            return error.status


@virtual
async def test_a_stream_takes_a_token_where_there_are_some() -> None:
    events: list[ServerEvent] = []
    async with running(access=Access(TOKENS)) as service:
        service.on_event = events.append
        assert await status_of(URL, {}) == 401
        assert await status_of(URL, bearer("no-token-of-this-server")) == 401
        assert await status_of(URL, bearer(CHIEF)) == 403
        codes = [event.code for event in events if isinstance(event, ClientRefused)]
        assert codes == ["unauthorised", "unauthorised", "forbidden"]
        assert await status_of(URL, bearer(DOOR)) == 200


@virtual
async def test_a_browser_offers_its_token_as_a_subprotocol_and_is_not_answered_with_it() -> None:
    async with (
        running(access=Access(TOKENS)),
        http() as session,
        session.ws_connect(URL, protocols=subprotocol_of(DOOR)) as socket,
    ):
        assert socket.protocol == "jellyfish"
        peer = Peer(socket, asyncio.get_running_loop().time)
        await peer.send(wire.Hello("camera", 15, 100.0))
        await peer.until(wire.Welcome)


@virtual
async def test_health_takes_no_token_and_a_refusal_is_json_with_a_reason() -> None:
    async with running(access=Access(TOKENS)), http() as session:
        async with session.get(f"http://{HOST}:{PORT}/readyz") as answer:
            assert answer.status != 401
        async with session.get(f"http://{HOST}:{PORT}/v1/stream") as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert "token" in (await answer.json())["error"]


@virtual
async def test_a_camera_may_only_be_called_as_its_token_says() -> None:
    loop = asyncio.get_running_loop()
    async with running(access=Access(TOKENS)), http() as session:
        async with session.ws_connect(URL, headers=bearer(GATE)) as socket:
            error = await refused(Peer(socket, loop.time), Peer(socket, loop.time).send(wire.Hello("door", 15, 100.0)))
            assert error.code == "forbidden" and "gate-*" in error.message
        async with session.ws_connect(URL, headers=bearer(GATE)) as socket:
            peer = Peer(socket, loop.time)
            await peer.send(wire.Hello("gate-7", 15, 100.0))
            await peer.until(wire.Welcome)


@virtual
async def test_a_stream_ends_when_its_token_is_taken_back_and_others_go_on() -> None:
    access = Access(TOKENS)
    loop = asyncio.get_running_loop()
    async with (
        running(access=access),
        http() as session,
        session.ws_connect(URL, headers=bearer(DOOR)) as first,
        session.ws_connect(URL, headers=bearer(GATE)) as second,
    ):
        door, gate = Peer(first, loop.time), Peer(second, loop.time)
        for peer, name in ((door, "door"), (gate, "gate-1")):
            await peer.send(wire.Hello(name, 15, 100.0))
            await peer.until(wire.Welcome)
        access.replace(AccessRules((token(GATE, cameras=("gate-*",)), token("other-other-other"))))
        taken_s = loop.time()
        assert (await door.until(wire.ErrorMessage)).code == "forbidden"
        assert loop.time() - taken_s <= 1.0
        await gate.send_frame(1)
        assert (await gate.until(wire.Result)).frame == 1


@pytest.mark.parametrize("origin", ["https://evil.example", "http://server:81", "null"])
@virtual
async def test_without_tokens_another_sites_page_gets_no_stream(origin: str) -> None:
    async with running(access=Access(AccessRules(hosts=frozenset({"server"})))):
        assert await status_of(URL, {"Origin": origin}) == 403
        assert await status_of(URL, {"Origin": "http://server"}) == 200


@virtual
async def test_a_name_that_leads_here_is_not_the_servers_own() -> None:
    async with running():
        strangers = {"Host": "evil.example", "Origin": "http://evil.example"}  # its name leads to this address
        assert await status_of(URL, strangers) == 403
        assert await status_of(URL, {}) == 200  # no browser


@virtual
async def test_every_route_says_who_may() -> None:
    async with running() as service:
        routes = {route.resource.canonical: route for route in create_app(service).router.routes() if route.resource}
        kinds = {path: getattr(route.handler, KIND, None) for path, route in routes.items()}
        assert None not in kinds.values(), "a route without `guarded`"
        assert kinds["/v1/stream"] is RouteKind.CAMERA
        health = {path for path, kind in kinds.items() if kind is RouteKind.HEALTH}
        assert {"/livez", "/readyz"} <= health and not any(path.startswith("/v1/") for path in health)
