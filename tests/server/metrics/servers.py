"""A server with metrics in virtual time, and a scraper behind a proxy: sockets in memory have no address."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from prometheus_client import parser

from jellyfish.config import Limits
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.lab.simulation.network import HOST, PORT
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.server.access import Access, AccessRules
from jellyfish.server.app import listening
from jellyfish.server.metrics.meter import Meter
from jellyfish.server.metrics.page import PATH, metrics_route
from jellyfish.server.service import Service
from tests.server.peer import MODEL, PROFILE, SMALL, decode, http

KNOWN_PROXY = Limits(proxies=frozenset({"memory"}))


@contextlib.asynccontextmanager
async def metered(
    cameras: int = 0,
    limits: Limits = KNOWN_PROXY,
    networks: tuple[str, ...] = (),
    meter: Meter | None = None,
    access: Access | None = None,
) -> AsyncIterator[Service]:
    """A service at work, behind its HTTP application."""
    dispatcher = Dispatcher(TimedExecutor(PROFILE), PROFILE, SMALL, 4)
    service, meter = Service([dispatcher], MODEL, decode, limits, target=99.0), meter or Meter(cameras)
    task = asyncio.create_task(dispatcher.run())
    usual = Access(AccessRules(hosts=frozenset({HOST}), proxies=limits.proxies))
    route = metrics_route(service, meter, networks)
    try:
        async with meter.watching(service), listening(service, HOST, PORT, access=access or usual, routes=[route]):
            service.ready = True
            yield service
    finally:
        task.cancel()


async def asked(**headers: str) -> tuple[int, str, str]:
    """Status, content type and text of the page. `headers`: `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with http() as session, session.get(f"http://{HOST}:{PORT}{PATH}", headers=named) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def scraped(accept: str = "") -> str:
    """The page, for one who may read it."""
    status, _, text = await asked(X_Forwarded_For="127.0.0.1", Accept=accept)
    assert status == 200
    return text


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """Of samples of that name (without prefix): labels' values, by the alphabet of the labels, -> value."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"jellyfish_{name}"
    }
