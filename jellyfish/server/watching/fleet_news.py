"""How all cameras fare, for those who watch: what `GET /v1/fleet` tells, made once for all who may see the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from jellyfish.clock import seconds_now
from jellyfish.server.access import Allowed

PERIOD_S = 1.0
TellFleet = Callable[[Callable[[str], bool]], Awaitable[dict[str, Any]]]
"""Tells of the cameras of which its argument is true."""


class FleetNews:
    """Of one server."""

    def __init__(self, tell: TellFleet) -> None:
        self._tell, self._one_at_a_time = tell, asyncio.Lock()
        self._told: dict[tuple[str, ...], tuple[float, bytes]] = {}
        """The cameras that somebody may see -> when it was told of them last, and what."""

    async def json(self, allowed: Allowed) -> bytes:
        """What somebody is told; as old as half a period where others have asked."""
        async with self._one_at_a_time:
            now = seconds_now()
            told = self._told.get(allowed.cameras)
            if told is None or now - told[0] > PERIOD_S / 2:
                told = now, msgspec.json.encode({"fleet": await self._tell(allowed.may_be_called)})
                self._told = {cameras: each for cameras, each in self._told.items() if now - each[0] < PERIOD_S}
                self._told[allowed.cameras] = told
            return told[1]
