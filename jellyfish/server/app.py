"""The HTTP face of a server: the stream and the two health checks."""

from __future__ import annotations

from collections.abc import Collection

from aiohttp import web

from jellyfish.devices.health import DeviceState
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
    """Every runnable (variant, batch) is warm and a probe frame went through; not so while draining.

    As long as one device takes frames the server does: 200, `degraded` where another, or a part of one, does not.
    """
    service = request.app[SERVICE]
    states = service.device_states
    status = _status(service, states.values())
    answer = {"status": status, "clients": len(service.sessions), "devices": states}
    return web.json_response(answer, status=200 if status in ("ready", "degraded") else 503)


def _status(service: Service, states: Collection[DeviceState]) -> str:
    if service.draining:
        return "draining"
    if not service.ready:
        return "warming up"
    if all(state in (DeviceState.FAILING, DeviceState.HANGING) for state in states):
        return "devices fail"
    return "ready" if all(state is DeviceState.WORKING for state in states) else "degraded"
