"""The writing side of one who watches, whichever way: answers, what was lost, and how all cameras fare."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
from aiohttp import web

from jellyfish.clock import seconds_now
from jellyfish.server.access import RouteKind
from jellyfish.server.guarding import ACCESS, ALLOWED
from jellyfish.server.sockets import abort
from jellyfish.server.watching.fleet_news import PERIOD_S, FleetNews
from jellyfish.server.watching.hub import Subscription
from jellyfish.waiting import Patience

Tell = Callable[[bytes, bytes | None], Awaitable[None]]
"""Sends JSON, and the picture that belongs to it."""
UNREAD_S = 30.0
"""A watcher that takes nothing for so long is cut off; what waits for it until then is bounded."""
UNSENT_BYTES = 64 * 1024
"""What the system may hold for a watcher before it is sent: answers beyond it wait here, where old ones are lost."""
LOOK_S = 1.0
"""How often it is looked whether a watcher is still there, and may still be."""


class Watcher:
    """Somebody who watches, until the server stops, his token is taken back, or he goes."""

    def __init__(
        self, request: web.Request, subscription: Subscription, as_of_now: bool, fleet: FleetNews | None
    ) -> None:
        """`as_of_now`: whether boxes are carried forward to the moment of sending. `fleet`: told once a second; None
        for nothing of it."""
        self._request, self._as_of_now, self._fleet = request, as_of_now, fleet
        self.subscription = subscription
        self._writing = Patience(asyncio.get_running_loop(), UNREAD_S, lambda: abort(request))

    async def serve(self, tell: Tell, beside: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Until the subscription ends. `beside`: what else is done meanwhile. ConnectionError, in a group, where the
        watcher has gone."""
        _hold_little(self._request)
        async with asyncio.TaskGroup() as helpers:
            tasks = [
                helpers.create_task(self._look()),
                helpers.create_task(self._tell_of_fleet(tell)),
                helpers.create_task(beside()),
            ]
            try:
                await self._tell_all(tell)
            finally:
                for task in tasks:
                    task.cancel()

    async def _tell_all(self, tell: Tell) -> None:
        told_lost = 0
        async for seen in self.subscription:
            lost, told_lost = self.subscription.lost - told_lost, self.subscription.lost
            moved = seen.carried_to(seconds_now()) if self._as_of_now else seen
            with self._writing:
                if lost:
                    await tell(msgspec.json.encode({"lost": lost}), None)
                await tell(moved.json, seen.jpeg)

    async def _tell_of_fleet(self, tell: Tell) -> None:
        """As often as it reads, once a second at most."""
        while self._fleet is not None:
            told = await self._fleet.json(self._request[ALLOWED])
            with self._writing:
                await tell(told, None)
            await asyncio.sleep(PERIOD_S)

    async def _look(self) -> None:
        """End when it has gone, or may not watch any more."""
        request = self._request
        while True:
            await asyncio.sleep(LOOK_S)
            there = request.transport is not None and not request.transport.is_closing()
            if not there or not request.app[ACCESS].still(request[ALLOWED], RouteKind.WATCH):
                self.subscription.close()
                return


def _hold_little(request: web.Request) -> None:
    """Have what a slow watcher does not take wait here, not in the system's buffers, where it would grow old."""
    own = None if request.transport is None else request.transport.get_extra_info("socket")
    if own is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
