"""Posting answers to a hook that takes them, is slow, hangs or is gone: in virtual time, and over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from jellyfish.modes.webhook import PERIOD_S, HookError, HttpHook, WebhookPublisher
from jellyfish.server.watching.hub import MOST_WAITING, Hub
from tests.server.publishing.frames import box, seen
from tests.virtual import virtual


class Batches:
    """A hook that takes a while for each batch, and may fail."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.times_s: list[float] = []
        self.takes_s, self.fails = 0.0, False

    async def __call__(self, body: bytes) -> None:
        self.times_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise HookError("it answers with status 500")
        self.taken.append(json.loads(body))

    @property
    def frames(self) -> list[int]:
        return [answer["frame"] for batch in self.taken for answer in batch["answers"]]


@contextlib.asynccontextmanager
async def posting(hub: Hub, hook: Batches) -> AsyncIterator[None]:
    task = asyncio.create_task(WebhookPublisher(hub, hook, "https://hooks.example.org/...").run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def frames(hub: Hub, first: int, last: int, fps: float = 15.0) -> None:
    for number in range(first, last):
        hub.publish(seen(number / fps, box("car"), frame=number))
        await asyncio.sleep(1 / fps)


@virtual
async def test_answers_are_posted_once_a_second_and_none_is_lost() -> None:
    hub, hook = Hub(), Batches()
    async with posting(hub, hook):
        await frames(hub, 0, 150, fps=50)
        await asyncio.sleep(PERIOD_S)
    assert hook.frames == list(range(150))
    assert 3 <= len(hook.taken) <= 5
    assert {batch["lost"] for batch in hook.taken} == {0}
    assert hook.taken[0]["answers"][0] == json.loads(seen(0.0, box("car")).json)
    assert hub.watchers == 0


@virtual
async def test_a_hook_that_hangs_loses_the_oldest_and_hears_how_many() -> None:
    hub, hook = Hub(), Batches()
    hook.takes_s = 20.0
    async with posting(hub, hook):
        await frames(hub, 0, 300)
        hook.takes_s = 0.0
        await asyncio.sleep(10)
    assert len(hook.taken) == 2
    first, second = hook.taken
    assert first["lost"] == 0
    assert second["answers"][-1]["frame"] == 299
    assert second["lost"] + len(hook.frames) == 300
    assert len(second["answers"]) >= MOST_WAITING


@virtual
async def test_a_hook_that_fails_is_left_alone_longer_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    hub, hook = Hub(), Batches()
    hook.fails = True
    async with posting(hub, hook):
        await frames(hub, 0, 900)
        assert hook.taken == []
        assert len(hook.times_s) < 20  # of 60 seconds
        hook.fails = False
        await frames(hub, 900, 1200)
        await asyncio.sleep(10)
    assert hook.frames[-1] == 1199
    assert sum(batch["lost"] for batch in hook.taken) + len(hook.frames) == 1200
    assert [record.message for record in caplog.records] == [
        "the webhook at https://hooks.example.org/...: it answers with status 500; answers are lost to it until it "
        "takes some",
        "the webhook at https://hooks.example.org/...: takes answers again",
    ]


@virtual
async def test_posting_ends_with_the_server() -> None:
    hub, hook = Hub(), Batches()
    task = asyncio.create_task(WebhookPublisher(hub, hook, "").run())
    await asyncio.sleep(0)
    hub.publish(seen(0.0))
    hub.close()
    await task
    assert hook.frames == [0]


# --- over a real socket --------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def hook_at(handler: Any, patience_s: float = 5.0) -> AsyncIterator[HttpHook]:
    app = web.Application()
    app.router.add_post("/hook", handler)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    async with aiohttp.ClientSession() as session:
        yield HttpHook(session, f"http://127.0.0.1:{address[1]}/hook", "abc", patience_s)
    await runner.cleanup()


async def test_a_post_is_json_and_brings_its_token() -> None:
    heard = []

    async def take(request: web.Request) -> web.Response:
        heard.append((request.content_type, request.headers["Authorization"], await request.json()))
        return web.Response(status=204)

    async with hook_at(take) as hook:
        await hook(b'{"answers":[],"lost":0}')
    assert heard == [("application/json", "Bearer abc", {"answers": [], "lost": 0})]


async def test_a_refusal_a_redirection_and_nobody_there_are_errors_without_the_address() -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=403)

    async def redirect(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:1/elsewhere")

    for handler, said in ((refuse, "status 403"), (redirect, "status 307")):
        async with hook_at(handler) as hook:
            with pytest.raises(HookError, match=said):
                await hook(b"{}")
    with pytest.raises(HookError, match=r"cannot be reached \(ClientConnectorError\)"):
        async with aiohttp.ClientSession() as session:
            await HttpHook(session, "http://127.0.0.1:1/secret", "")(b"{}")


async def test_a_hook_that_hangs_is_not_waited_for() -> None:
    for_ever = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await for_ever.wait()
        return web.Response()

    async with hook_at(hang, patience_s=0.01) as hook:
        with pytest.raises(HookError, match=r"it has not answered within 0\.01 s"):
            await hook(b"{}")
        for_ever.set()
