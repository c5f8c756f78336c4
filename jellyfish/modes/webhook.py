"""Posts what cameras are answered to a URL, in batches (docs/publishing.md).

A hook that hangs, fails or is gone costs answers, the oldest first, and nobody else anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

import aiohttp
import msgspec

from jellyfish.camera.retries import RetryPace
from jellyfish.clock import seconds_now, timeout_at
from jellyfish.server.watching.hub import Hub, Subscription
from jellyfish.server.watching.seen import Seen

PERIOD_S = 1.0
"""Between two batches."""
MOST_IN_BATCH = 256
PATIENCE_S = 5.0
"""How long a hook may take to answer."""

_log = logging.getLogger(__name__)

Deliver = Callable[[bytes], Awaitable[None]]
"""Raises HookError where a batch was not taken."""


class HookError(Exception):
    """Why a batch was not taken."""


class HttpHook:
    """Whoever stands behind a URL."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str, patience_s: float = PATIENCE_S) -> None:
        """`token`: it proves who posts; empty where none is asked for."""
        self._session, self._url, self._patience_s = session, url, patience_s
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    async def __call__(self, body: bytes) -> None:
        """Post a batch. Redirections are not followed: the token is for this place alone."""
        limit = aiohttp.ClientTimeout(total=self._patience_s)
        try:
            request = self._session.post(
                self._url, data=body, headers=self._headers, timeout=limit, allow_redirects=False
            )
            async with request as response:
                if not 200 <= response.status < 300:
                    raise HookError(f"it answers with status {response.status}")
        except TimeoutError as error:
            raise HookError(f"it has not answered within {self._patience_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise HookError(f"it cannot be reached ({type(error).__name__})") from error


class WebhookPublisher:
    """One hook's."""

    def __init__(self, hub: Hub, deliver: Deliver, name: str) -> None:
        """`name`: of the hook, for people; without what may be secret."""
        self._hub, self._deliver, self._name = hub, deliver, name
        self._pace, self._failing = RetryPace(name), False
        self._lost = 0
        """Answers that nobody was told of, up to the batch that is made."""

    async def run(self) -> None:
        """Post until cancelled, or until the server ends."""
        with contextlib.closing(self._hub.subscribe()) as subscription:
            counted, due_s = 0, seconds_now()
            while batch := await _batch(subscription, due_s):
                self._lost, counted = self._lost + subscription.lost - counted, subscription.lost
                due_s = seconds_now() + PERIOD_S
                await asyncio.sleep(await self._tried(batch))

    async def _tried(self, batch: Sequence[Seen]) -> float:
        """Post it; how long to leave the hook alone."""
        try:
            await self._deliver(_body(batch, self._lost))
        except HookError as error:
            self._lost += len(batch)
            if not self._failing:
                _log.warning("the webhook at %s: %s; answers are lost to it until it takes some", self._name, error)
            self._failing = True
            return self._pace.pause_s(0.0)
        self._lost = 0
        if self._failing:
            self._failing, self._pace = False, RetryPace(self._name)
            _log.warning("the webhook at %s: takes answers again", self._name)
        return 0.0


async def _batch(subscription: Subscription, due_s: float) -> list[Seen]:
    """What comes until it is due, and at least one; nothing at the end of all."""
    batch: list[Seen] = []
    with contextlib.suppress(StopAsyncIteration, TimeoutError):
        batch.append(await anext(subscription))
        async with timeout_at(due_s):
            while len(batch) < MOST_IN_BATCH:
                batch.append(await anext(subscription))
    return batch


def _body(batch: Sequence[Seen], lost: int) -> bytes:
    """`lost`: answers that were not posted since the last batch that was taken."""
    return msgspec.json.encode({"answers": [msgspec.Raw(seen.json) for seen in batch], "lost": lost})
