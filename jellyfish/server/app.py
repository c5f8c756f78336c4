"""The HTTP face of a server: the stream and the two health checks."""

from __future__ import annotations

from aiohttp import web

from jellyfish.server.service import Service
from jellyfish.server.stream import SERVICE, stream


def create_app(service: Service) -> web.Application:
    """An aiohttp application that serves `service`."""
    app = web.Application()
    app[SERVICE] = service
    app.router.add_get("/v1/stream", stream)
    app.router.add_get("/livez", _alive)
    app.router.add_get("/readyz", _ready)
    return app


async def _alive(request: web.Request) -> web.Response:
    """The process runs and its loop turns."""
    return web.json_response({"status": "alive"})


async def _ready(request: web.Request) -> web.Response:
    """Every runnable (variant, batch) is warm and a probe frame went through; not so while draining."""
    service = request.app[SERVICE]
    failing = all(dispatcher.failing for dispatcher in service.dispatchers.values())
    ready = service.ready and not failing
    status = "draining" if service.draining else "devices fail" if failing else "ready" if ready else "warming up"
    return web.json_response({"status": status, "clients": len(service.sessions)}, status=200 if ready else 503)
