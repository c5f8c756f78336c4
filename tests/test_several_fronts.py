"""Several servers that share a worker, for real: one is killed, and its cameras are served by another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from tests.small_site import Program, SiteCamera, free_port, share_of, site, streaming

SOON_S = 60.0
"""What happens does so within a fraction of that, on any machine."""


async def all_answered(cameras: Iterable[SiteCamera], since_s: float = 0.0) -> None:
    """Each has an answer in time to a frame captured since then."""
    async with asyncio.timeout(SOON_S):
        await asyncio.gather(*(camera.first_on_time_s(since_s) for camera in cameras))


async def has_all_of(front: Program, worker: Program) -> None:
    """A front is alone with a worker."""
    async with asyncio.timeout(SOON_S):
        while True:
            if await share_of(front, worker) == 1.0:
                return
            await asyncio.sleep(0.05)


async def test_cameras_of_a_front_that_is_killed_are_served_by_another_which_has_its_share_then(tmp_path: Path) -> None:
    now = asyncio.get_running_loop().time
    async with site(tmp_path, each_s=0.001) as here:
        worker = await here.worker()
        dies, lives = [await here.front(free_port(), worker) for _ in range(2)]
        theirs = [SiteCamera(f"theirs-{number}", dies.address, 8.0, 1000.0) for number in range(2)]
        others = [SiteCamera(f"others-{number}", lives.address, 8.0, 1000.0) for number in range(2)]
        cameras = [*theirs, *others]
        async with streaming(*cameras):
            await all_answered(cameras)
            assert all([0.0 < await share_of(front, worker) < 1.0 for front in (dies, lives)])
            await dies.kill()
            await all_answered(theirs, now())
            await has_all_of(lives, worker)
            await all_answered(cameras, now())
        for camera in cameras:
            assert len(camera.ended) == camera.captured > 0, "every frame has its outcome"
