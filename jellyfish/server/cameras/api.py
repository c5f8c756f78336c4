"""Cameras over HTTP: `GET` and `POST /v1/cameras`, `PATCH` and `DELETE /v1/cameras/NAME` (docs/cameras-api.md)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

import msgspec
from aiohttp import web

from jellyfish.clock import seconds_now
from jellyfish.errors import InputError
from jellyfish.server.access import RouteKind
from jellyfish.server.cameras.entries import entry_from, served
from jellyfish.server.cameras.listing import FetchedState, Streaming, listed
from jellyfish.server.cameras.register import CameraRegister
from jellyfish.server.cameras.roster import CameraKnownError, CameraUnknownError
from jellyfish.server.guarding import ALLOWED, Handler, guarded
from jellyfish.server.service import Service
from jellyfish.server.session import Session

BODY_S = 5.0
"""Longest wait for the whole of a body."""
AT_ONCE = 16
"""Cameras that are told of before frames go on."""
States = Callable[[], dict[str, FetchedState]]
"""How the sources of fetched cameras are."""


def camera_routes(
    service: Service, register: CameraRegister, states: States, shown: Callable[[str], str]
) -> list[web.RouteDef]:
    """The routes, each for whom it is. `shown`: a URL without its secrets."""
    pages = _CameraPages(service, register, states, shown)
    camera = "/v1/cameras/{name}"
    return [
        web.get("/v1/cameras", guarded(RouteKind.WATCH, pages.all)),
        web.post("/v1/cameras", guarded(RouteKind.ADMINISTRATION, _told(pages.add))),
        web.patch(camera, guarded(RouteKind.ADMINISTRATION, _told(pages.change))),
        web.delete(camera, guarded(RouteKind.ADMINISTRATION, _told(pages.remove))),
    ]


class _CameraPages:
    def __init__(self, service: Service, register: CameraRegister, states: States, shown: Callable[[str], str]) -> None:
        self._service, self._register, self._states, self._shown = service, register, states, shown

    async def all(self, request: web.Request) -> web.Response:
        """Those that whoever asks may watch. It is told of a few at a time: frames go on between."""
        told = []
        for each in self._listed(request[ALLOWED].may_be_called):
            told.append(msgspec.json.encode(each))
            if len(told) % AT_ONCE == 0:
                await asyncio.sleep(0)
        return web.Response(body=b'{"cameras":[' + b",".join(told) + b"]}", content_type="application/json")

    async def add(self, request: web.Request) -> web.Response:
        """One more, which is told as it is then."""
        camera = served(entry_from(await _object(request)))
        await self._register.add(camera)
        return web.json_response(self._one(camera.name), status=201)

    async def change(self, request: web.Request) -> web.Response:
        """Other values for the keys that are given; null for what is to be as usual."""
        name = request.match_info["name"]
        await self._register.change(name, await _object(request))
        return web.json_response(self._one(name))

    async def remove(self, request: web.Request) -> web.Response:
        """It is fetched no more, and nothing is said about it."""
        await self._register.remove(request.match_info["name"])
        return web.Response(status=204)

    def _one(self, name: str) -> dict[str, Any]:
        return next(self._listed(lambda each: each == name))

    def _listed(self, may_see: Callable[[str], bool]) -> Iterator[dict[str, Any]]:
        register, states = self._register, self._states()
        here = _streaming(self._service.sessions.values())
        in_file = register.file is not None
        return listed(register.roster, here, states, in_file, seconds_now(), self._shown, may_see)


def _streaming(sessions: Iterable[Session]) -> list[Streaming]:
    return [Streaming(each.says, each.fps, 1000 * each.slo_s, each.source) for each in sessions]


async def _object(request: web.Request) -> dict[str, object]:
    """The body, a JSON object. InputError for what is none."""
    try:
        async with asyncio.timeout(BODY_S):
            return msgspec.json.decode(await request.read(), type=dict[str, object])
    except TimeoutError:
        raise InputError(f"the request did not come whole within {BODY_S:g} s") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the body is no JSON object: {error}") from error


def _told(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
    """What cannot be done is told, in JSON; nothing is changed then."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except InputError as error:
            kinds = {CameraUnknownError: 404, CameraKnownError: 409}
            return web.json_response({"error": str(error)}, status=kinds.get(type(error), 400))

    return handle
