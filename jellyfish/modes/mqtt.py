"""Publishes what cameras are answered, how they are and how the server fares at an MQTT broker (docs/publishing.md).

While the broker cannot be reached nothing is made and nothing waits for it; what it does not take in time is lost, the
oldest first. Nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

from jellyfish.clock import seconds_now
from jellyfish.modes.broker import Broker, Hearing
from jellyfish.modes.keeping_up import kept_up
from jellyfish.server.publishing.bulletin import Bulletin, Notice
from jellyfish.server.watching.hub import Hub

LOOK_S = 1.0
"""How often states of cameras are looked at."""
ENDING_S = 2.0
"""The longest wait for the last messages to be sent."""

_log = logging.getLogger(__name__)


class MqttPublisher:
    """One server's at one broker."""

    def __init__(
        self,
        broker: Broker,
        bulletin: Bulletin,
        hub: Hub,
        states: Callable[[float], Mapping[str, str]],
        stats: Callable[[], Awaitable[bytes]],
        name: str,
    ) -> None:
        """`states`: of cameras, at a moment; `stats`: figures, in JSON; `name`: the broker's, for people."""
        self._broker, self._bulletin, self._hub = broker, bulletin, hub
        self._states, self._stats, self._name = states, stats, name
        self._failing, self._ending = False, False
        self._there, self._away = asyncio.Event(), asyncio.Event()
        self._away.set()

    @contextlib.asynccontextmanager
    async def publishing(self) -> AsyncIterator[None]:
        """Publish for the time of the context, and say at its end that the server goes."""
        hearing = Hearing(self._reached, self._lost, self._found)
        self._broker.begin(self._bulletin.will, self._bulletin.filters, hearing)
        works = (self._answers, self._looks)
        tasks = [asyncio.create_task(kept_up(work, f"publishing at {self._name}")) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end()

    def _reached(self) -> None:
        self._away.clear()
        self._there.set()
        self._post(self._bulletin.begin())
        if self._failing:
            self._failing = False
            _log.warning("the MQTT broker %s: is reached again", self._name)

    def _lost(self, why: str) -> None:
        self._there.clear()
        self._away.set()
        if not self._failing and not self._ending:
            _log.warning(
                "the MQTT broker %s: %s; it is tried again for ever, and nothing waits for it", self._name, why
            )
        self._failing = True

    def _found(self, post: Notice) -> None:
        self._post(self._bulletin.found(post))

    async def _answers(self) -> None:
        while True:
            await self._there.wait()
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read())
                await self._away.wait()
                reading.cancel()

    async def _read(self) -> None:
        """Post answers until cancelled, no more than the broker takes: what waits meanwhile is the hub's to bound."""
        with contextlib.closing(self._hub.subscribe()) as subscription:
            async for seen in subscription:
                self._post(self._bulletin.saw(seen))
                await self._broker.room()

    async def _looks(self) -> None:
        while True:
            await self._there.wait()
            now = seconds_now()
            self._post(self._bulletin.look(self._states(now)))
            if self._bulletin.is_due(now):
                self._post(self._bulletin.figures(await self._stats(), now))
            await asyncio.sleep(LOOK_S)

    def _post(self, posts: Iterable[Notice]) -> None:
        for post in posts:
            self._broker.post(post)

    async def _end(self) -> None:
        self._ending = True
        if self._there.is_set():
            self._post(self._bulletin.end())
        self._broker.end()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await self._away.wait()
