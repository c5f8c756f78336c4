"""`GET /metrics`: what Prometheus scrapes. Made in pieces, between which frames go on.

Making it takes a millisecond or more of the event loop, on which every frame waits for its turn. A thread would not
help: it would keep the interpreter for as long.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from aiohttp import hdrs, web
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.samples import Sample

from jellyfish.clock import seconds_now
from jellyfish.results.environment import versions
from jellyfish.server.access import RouteKind
from jellyfish.server.gate.addresses import loopback, within
from jellyfish.server.guarding import ACCESS, ALLOWED, client_of, guarded, peer_of
from jellyfish.server.metrics.families import families
from jellyfish.server.metrics.meter import Meter
from jellyfish.server.service import Service

PATH = "/metrics"
SAMPLES_AT_ONCE = 30
"""Written without letting frames through. Fewer would make a page slow where there are many frames to let through."""
HEAD_SAMPLES = 2
"""What is said of a family takes as long as so many samples."""
KEPT_S = 0.5
"""A page so old is still given: whoever asks more often costs nothing more."""
END_OF_PAGE = b"# EOF\n"
"""What the OpenMetrics format ends with."""


def metrics_route(service: Service, meter: Meter, networks: Collection[str]) -> web.RouteDef:
    """The page of `service`, which `meter` counts for.

    Whoever has a token for it may read it; where none is asked for, this machine itself and `networks`.
    """
    page = MetricsPage(service, meter)

    async def answer(request: web.Request) -> web.Response:
        if not (request[ALLOWED].digest or _from_one_of(request, networks)):
            raise web.HTTPForbidden(text="metrics are for this machine, and for those that --metrics-from names\n")
        body, content_type = await page.read(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    return web.get(PATH, guarded(RouteKind.METRICS, answer))


def _from_one_of(request: web.Request, networks: Collection[str]) -> bool:
    """Whether this machine itself asks, or one of `networks`. Where a proxy that is not known has said for whom it
    asks, nobody knows who that is."""
    by_proxy = hdrs.X_FORWARDED_FOR in request.headers or hdrs.FORWARDED in request.headers
    if by_proxy and peer_of(request) not in request.app[ACCESS].rules.proxies:
        return False
    address = client_of(request)
    return loopback(address) or within(address, networks)


class MetricsPage:
    """Writes the page in the format that is asked for, once for all who ask at about the same time."""

    def __init__(self, service: Service, meter: Meter) -> None:
        known = versions()
        build = {"version": known.get("jellyfish-serving", ""), "python": known["python"]}
        self._catch_up = functools.partial(meter.catch_up, service)
        self._families = functools.partial(families, service, meter, build)
        self._writing = asyncio.Lock()
        self._kept: dict[str, tuple[float, bytes]] = {}
        """By format: when it was written, and the page."""

    async def read(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type, by a request's header `Accept`."""
        encode, content_type = choose_encoder(accept)
        async with self._writing:
            written_s, body = self._kept.get(content_type, (float("-inf"), b""))
            if seconds_now() - written_s >= KEPT_S:
                await self._catch_up()
                body = await write(self._families(), encode)
                self._kept = {content_type: (seconds_now(), body)}
        return body, content_type


async def write(all_families: Iterator[Metric], encode: Callable[[Any], bytes]) -> bytes:
    """The page of some families, each in one part or in several, one after the other. Others have their turn on the
    event loop between its pieces."""
    parts, begun, written = [], "", 0
    for family in all_families:
        for piece in _pieces(family):
            text = encode(piece).removesuffix(END_OF_PAGE)
            parts.append(_without_head(text) if family.name == begun else text)
            begun = family.name
            written += HEAD_SAMPLES + len(piece.samples)
            if written >= SAMPLES_AT_ONCE:
                written = 0
                await asyncio.sleep(0)
    return b"".join(parts) + (END_OF_PAGE if encode(_Piece()).endswith(END_OF_PAGE) else b"")


class _Piece:
    """What encoders take in place of a registry: some samples of one family, or of none."""

    def __init__(self, family: Metric | None = None, samples: Sequence[Sample] = ()) -> None:
        self._metrics = []
        self.samples = samples
        if family is not None:
            part = Metric(family.name, family.documentation, family.type, family.unit)
            part.samples = list(samples)
            self._metrics.append(part)

    def collect(self) -> list[Metric]:
        return self._metrics


def _pieces(family: Metric) -> Iterator[_Piece]:
    for begin in range(0, max(1, len(family.samples)), SAMPLES_AT_ONCE):
        yield _Piece(family, family.samples[begin : begin + SAMPLES_AT_ONCE])


def _without_head(text: bytes) -> bytes:
    """Without what is said of the family: that stands before its first samples."""
    return b"".join(line for line in text.splitlines(keepends=True) if not line.startswith(b"#"))
