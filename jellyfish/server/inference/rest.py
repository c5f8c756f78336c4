"""The protocol's pages over HTTP (docs/inference-protocol.md): around the desk, on the same port as streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import hdrs, web

from jellyfish import __version__
from jellyfish.clock import seconds_now
from jellyfish.errors import RequestError
from jellyfish.protocol.inference.codes import RequestCode, bad, http_status
from jellyfish.protocol.inference.description import model_config, model_metadata, repository_index, server_metadata
from jellyfish.protocol.inference.rest import HEADER_LENGTH, parse_request, render_answer, render_error
from jellyfish.server.access import RouteKind
from jellyfish.server.guarding import ALLOWED, client_of, gate_of, guarded
from jellyfish.server.inference.desk import Desk
from jellyfish.server.inference.identity import identity

DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)
MODEL = "/v2/models/{model}"
PARTS_NOT_HERE = ("repository/", "systemsharedmemory", "cudasharedmemory", "trace", "logging")
VERSION = MODEL + "/versions/{version}"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Page = Callable[[Desk], Any]


def add_pages(app: web.Application, desk: Desk) -> None:
    """Serve the protocol from `app`."""
    app[DESK] = desk
    add = app.router.add_route
    add("GET", "/v2/health/live", guarded(RouteKind.HEALTH, _live))
    add("GET", "/v2/health/ready", guarded(RouteKind.HEALTH, _ready))
    for path in ("/v2", "/v2/"):
        add("GET", path, _page(lambda desk: server_metadata(__version__)))
    for path in (MODEL, VERSION):
        add("GET", path + "/ready", guarded(RouteKind.HEALTH, _of_model(_ready)))
        add("GET", path + "/config", _page_of_model(lambda desk: model_config(desk.model)))
        add("GET", path + "/stats", _page_of_model(_statistics))
        add("POST", path + "/infer", guarded(RouteKind.REQUEST, _told(_infer)))
    add("GET", "/v2/models/stats", _page(_statistics))
    for path in (MODEL, VERSION):  # behind what they would match, too
        add("GET", path, _page_of_model(lambda desk: model_metadata(desk.model)))
    add("POST", "/v2/repository/index", _page(lambda desk: repository_index(desk.model, desk.ready)))
    add("*", "/v2/{rest:.*}", guarded(RouteKind.REQUEST, _told(_not_here)))


async def _infer(request: web.Request) -> web.Response:
    desk = request.app[DESK]
    gate, whose = gate_of(request), identity(request[ALLOWED], client_of(request))
    arrived_s = seconds_now() if gate is None else gate.asked_s
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity") != "identity":
        raise bad("compressed bodies are not taken: a JPEG or PNG is small already")
    with desk.holding(request.content_length or 0, whose):
        body = await _body(request, desk)  # first of all: who is still sending does not hear what is wrong
        desk.require_model(request.match_info["model"], request.match_info.get("version", ""))
        asked = parse_request(body, request.headers.get(HEADER_LENGTH))
        inferred = await desk.infer(asked, whose, arrived_s)
    model = desk.model
    body, json_bytes = render_answer(inferred.tensors, asked, model.name, model.version, inferred.parameters)
    if json_bytes is None:
        return web.Response(body=body, content_type="application/json")
    return web.Response(body=body, content_type="application/octet-stream", headers={HEADER_LENGTH: str(json_bytes)})


async def _body(request: web.Request, desk: Desk) -> bytes:
    limit_s = desk.service.limits.request_timeout_s
    try:
        async with asyncio.timeout(limit_s):
            return await request.read()
    except TimeoutError:
        raise RequestError(RequestCode.LATE, f"the request did not come whole within {limit_s:g} s") from None


async def _live(request: web.Request) -> web.Response:
    """The process runs and its loop turns."""
    return _json({"live": True})


async def _ready(request: web.Request) -> web.Response:
    """Requests are answered."""
    ready = request.app[DESK].ready
    return _json({"ready": ready}, 200 if ready else http_status(RequestCode.UNAVAILABLE))


def _statistics(desk: Desk) -> dict[str, Any]:
    return desk.statistics.told(desk.model)


async def _not_here(request: web.Request) -> web.Response:
    known = "see docs/inference-protocol.md for what is"
    if request.match_info["rest"].startswith(PARTS_NOT_HERE):
        raise RequestError(RequestCode.UNSUPPORTED, f"this part of the protocol is not here; {known}")
    raise RequestError(RequestCode.UNKNOWN, f"there is no {request.method} {request.path[:80]} here; {known}")


def _answering(page: _Page) -> _Handler:
    """Answers with what `page` tells."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return _json(page(request.app[DESK]))

    return handle


def _page(page: _Page) -> _Handler:
    return guarded(RouteKind.REQUEST, _answering(page))


def _page_of_model(page: _Page) -> _Handler:
    return guarded(RouteKind.REQUEST, _of_model(_answering(page)))


def _of_model(handler: _Handler) -> _Handler:
    """Only for the model that is served."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request.app[DESK].require_model(request.match_info["model"], request.match_info.get("version", ""))
        return await handler(request)

    return _told(handle)


def _told(handler: _Handler) -> _Handler:
    """Errors are told in the protocol's words."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except RequestError as error:
            body = render_error(str(error))
            return web.Response(status=http_status(error.code), body=body, content_type="application/json")

    return handle


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
