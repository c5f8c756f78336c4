"""One emulated camera: frames paced by capture time, whatever happens to those before them."""

from __future__ import annotations

import asyncio
import itertools

import aiohttp

from jellyfish.camera.frames import CameraFrames
from jellyfish.camera.ledger import Captured
from jellyfish.camera.sender import FrameSender
from jellyfish.clock import seconds_now
from jellyfish.core import Reason
from jellyfish.waiting import sleep_until


async def emulate(
    camera: FrameSender, frames: CameraFrames, http: aiohttp.ClientSession, url: str, start_s: float, end_s: float
) -> None:
    """Capture from `start_s` to `end_s` (of the clock), then wait for what is open and say goodbye."""
    await camera.go(http, url, _capture(camera, frames, start_s, end_s), start_s, end_s)


async def _capture(camera: FrameSender, frames: CameraFrames, start_s: float, end_s: float) -> None:
    """One frame every 1/fps, decoded ahead of its time.

    A slow decoder does not move the schedule: frames whose successor is due are not shown any more.
    """
    loop, fps = asyncio.get_running_loop(), camera.hello.fps
    for number in itertools.count():
        elapsed_s = number / fps
        captured_s = start_s + elapsed_s
        if captured_s >= end_s:
            await sleep_until(loop, end_s)
            return
        objects = frames.objects_at(elapsed_s)
        if captured_s + 1 / fps < seconds_now():
            camera.left_out(Captured(number, captured_s, None, objects), Reason.CAMERA_BUSY)
            continue
        if not camera.wants(captured_s):
            await sleep_until(loop, captured_s)
            camera.left_out(Captured(number, captured_s, None, objects), Reason.THINNED)
            continue
        picture = await frames.at(elapsed_s, captured_s)
        await sleep_until(loop, captured_s)
        camera.captured(Captured(number, captured_s, picture, objects))
