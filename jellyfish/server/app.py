"""The HTTP face of a server: the stream, watching, two health checks and requests for inference, behind the gate."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from functools import partial
from typing import Any, cast

from aiohttp import web
from aiohttp.log import ws_logger

from jellyfish.devices.health import DeviceState
from jellyfish.server.access import Access, AccessRules, RouteKind
from jellyfish.server.administration import Administration, add_administration
from jellyfish.server.gate.gate import Doorkeeper, gated
from jellyfish.server.guarding import ACCESS, guarded
from jellyfish.server.inference.desk import Desk
from jellyfish.server.inference.rest import add_pages
from jellyfish.server.page.files import add_files
from jellyfish.server.page.inviting import LISTENS_AT, add_inviting
from jellyfish.server.page.reach import ANYWHERE
from jellyfish.server.request_log import RequestLog
from jellyfish.server.service import Service
from jellyfish.server.stream import SERVICE, not_let_in, stream
from jellyfish.server.watching.routes import add_watching

BACKLOG = 512
"""Connections that the system holds while the event loop is busy."""
ENDING_S = 1.0
"""How long requests that are being answered may take when the server stops."""


def create_app(
    service: Service,
    access: Access | None = None,
    administration: Administration | None = None,
    routes: Iterable[web.RouteDef] = (),
    desk: Desk | None = None,
) -> web.Application:
    """An aiohttp application that serves `service` to those who may (`access`); every route says what kind it is.

    `routes`: pages beside the stream and the health checks, guarded. `desk`: where requests for inference come in.
    """
    app = web.Application(client_max_size=service.limits.body_bytes)
    app[SERVICE] = service
    app[ACCESS] = access or Access(AccessRules(proxies=service.limits.proxies))
    app.router.add_get("/v1/stream", guarded(RouteKind.CAMERA, stream, not_let_in))
    app.router.add_get("/livez", guarded(RouteKind.HEALTH, _alive))
    app.router.add_get("/readyz", guarded(RouteKind.HEALTH, _ready))
    add_watching(app)
    add_pages(app, desk or Desk(service))
    add_files(app)
    add_inviting(app, lambda: service.settings.fetched)
    if administration is not None:
        add_administration(app, administration)
    app.router.add_routes(routes)
    return app


@contextlib.asynccontextmanager
async def listening(
    service: Service,
    host: str | None = None,
    port: int = 0,
    sockets: Sequence[socket.socket] = (),
    access: Access | None = None,
    tls: ssl.SSLContext | None = None,
    administration: Administration | None = None,
    routes: Iterable[web.RouteDef] = (),
    desk: Desk | None = None,
) -> AsyncIterator[asyncio.Server]:
    """Serve `service` at an address, or on sockets that have some, for the time of the context, then drain.

    `routes`, `desk`: see `create_app`. `tls`: what connections are encrypted with; None leaves them plain. OSError if
    the address cannot be had.
    Only requests for inference have a body; what comes behind others is not waited for, and never unpacked.
    """
    limits = service.limits
    ws_logger.setLevel(logging.ERROR)  # it warns of what strangers ask for, in their words, as often as they do
    app = create_app(service, access, administration, routes, desk)
    app[LISTENS_AT].hosts = [each.getsockname()[0] for each in sockets] or [host or ANYWHERE]
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=ENDING_S,
        keepalive_timeout=limits.keep_alive_s,
        lingering_time=0.0,
        auto_decompress=False,
        logger=cast(logging.Logger, RequestLog(logging.getLogger(__name__))),
    )
    await runner.setup()
    assert runner.server is not None
    keeper = Doorkeeper(limits, lambda: service.host.room)
    service.on_limits = keeper.keep_to
    keeper.on_refused = service.refuse
    gates = gated(runner.server, keeper)
    try:
        places: list[dict[str, Any]] = [{"sock": each} for each in sockets] or [{"host": host, "port": port}]
        encrypted = {} if tls is None else {"ssl": tls, "ssl_handshake_timeout": limits.request_timeout_s}
        listen = partial(asyncio.get_running_loop().create_server, gates, backlog=BACKLOG, **encrypted)
        servers = [await listen(**place) for place in places]
        try:
            yield servers[0]
        finally:
            await service.drain()
            for server in servers:
                server.close()
            keeper.close()
    finally:
        await runner.cleanup()


async def _alive(request: web.Request) -> web.Response:
    """The process runs and its loop turns."""
    return web.json_response({"status": "alive"})


async def _ready(request: web.Request) -> web.Response:
    """Every runnable (variant, batch) is warm and a probe frame went through; not so while draining.

    As long as one device takes frames the server does: 200, `degraded` where another, or a part of one, does not.
    """
    service = request.app[SERVICE]
    states = service.device_states
    status = _status(service, states.values())
    answer: dict[str, object] = {
        "status": status, "model": service.model.name, "clients": len(service.sessions), "devices": states,
    }  # fmt: skip
    if awaited := service.awaited():
        answer["awaited"] = awaited
    return web.json_response(answer, status=200 if status in ("ready", "degraded") else 503)


def _status(service: Service, states: Collection[DeviceState]) -> str:
    if service.draining:
        return "draining"
    if not service.ready:
        return "warming up"
    if not states:
        return "no device"
    if all(state in (DeviceState.FAILING, DeviceState.HANGING) for state in states):
        return "devices fail"
    everything = all(state is DeviceState.WORKING for state in states) and not service.awaited()
    return "ready" if everything else "degraded"
