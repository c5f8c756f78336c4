"""The documented program that counts cars, run against answers as a server writes them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from jellyfish.core import Detection
from jellyfish.server.watching.seen import Seen

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "count_cars.py"
PERSON, CAR = 0, 1
NOON_UNIX_S = 1_796_040_000.0


def seen(second: float, camera: str, *found: tuple[int, int | None]) -> Seen:
    """What a camera shows at so many seconds past noon: (label, track)."""
    detections = tuple(Detection(label, 0.9, 0.1, 0.1, 0.2, 0.2) for label, _ in found)
    return Seen(
        camera, camera, 1, second, NOON_UNIX_S + second, second + 0.05, 0.1, variant="w100e1-320",
        classes=("person", "car"), detections=detections, tracks=tuple(track for _, track in found),
    )  # fmt: skip


ANSWERS = [
    seen(1, "gate", (CAR, 1), (PERSON, 2)),
    seen(2, "gate", (CAR, 1), (CAR, None)),  # the same car, and one that is not followed yet
    seen(3, "door", (CAR, 1)),  # another camera's
    seen(59, "gate", (CAR, 3)),
    seen(61, "gate", (CAR, 3), (CAR, 4)),
    seen(62, "gate"),
]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def watch(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer a-token-of-sixteen"
        lines = [b"retry: 2000\n\n", *(b"data: %b\n\n" % each.json for each in ANSWERS), b'data: {"lost":1}\n\n:\n\n']
        return web.Response(body=b"".join(lines), content_type="text/event-stream")

    app = web.Application()
    app.router.add_get("/v1/watch", watch)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/watch"
    await runner.cleanup()


async def test_it_counts_each_car_once_in_the_minute_in_which_it_came(url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLE, url, stdout=-1, stderr=-1, env={"JELLYFISH_TOKEN": "a-token-of-sixteen"}
    )
    said, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    assert said.decode().splitlines() == ["2026-11-30T12:00 {'gate': 2, 'door': 1}", "2026-11-30T12:01 {'gate': 1}"]
