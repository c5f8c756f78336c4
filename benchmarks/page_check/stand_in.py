"""A server that says it has cameras: the page's own files, and made-up figures beside clips that ship and their labels.

    python -m benchmarks.page_check.stand_in [--port 8770]

For looking at the page as it is with many cameras of all kinds, without a device that could serve them. What it says is
what docs/watching.md and docs/page.md say that servers do; that servers do so is tested with real ones.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import random
import struct
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

import jellyfish
from jellyfish.camera.sources.file import VideoSource
from jellyfish.core import InputSize
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.media.resize import fit
from jellyfish.server.access import Access, AccessRules
from jellyfish.server.guarding import ACCESS
from jellyfish.server.page.files import add_files
from jellyfish.server.page.inviting import add_inviting

CLIPS = Path(jellyfish.__file__).parent / "videos"
PICTURES_FPS = 5.0
LEAST_SHARE = 0.03
"""Labels of objects that are smaller (of the frame's height) are no detections."""


@dataclass
class ShownCamera:
    """One camera of the stand-in's."""

    name: str
    clip: str
    size: tuple[int, int]
    variant: str
    slo_ms: float = 150.0
    fps: float = 15.0
    planned_fps: float | None = None
    age_ms: float = 70.0
    minute: float = 99.94
    hour: float = 99.90
    uplink_kbps: float = 3200.0
    source: str = "live"
    mapped: bool = True
    fetched: bool = True
    importance: float = 1.0
    offset_s: float = 0.0
    missed: Sequence[tuple[float, str, str, int]] = ()
    """(seconds ago, why, reason, frames)."""
    history: list[float] = field(default_factory=list)
    said: dict[str, Any] = field(default_factory=dict)
    """What the server was told about it: zones and the like."""

    def as_told(self, now_s: float) -> dict[str, Any]:
        """As `/v1/fleet` has it."""
        quiet = self.source in ("dead", "opening")
        return {
            "name": self.name, "source": self.source, "fetched": self.fetched, "slo_ms": self.slo_ms, "fps": self.fps,
            "planned_fps": self.planned_fps, "importance": self.importance, "size": None if quiet else list(self.size),
            "variant": None if quiet else self.variant, "mapped": self.mapped, "estimated": not self.fetched,
            "on_time": {"minute": None if quiet else self.minute, "hour": self.hour},
            "age_ms": {"p50": None, "p99": None} if quiet else {"p50": self.age_ms, "p99": 1.55 * self.age_ms},
            "uplink_kbps": None if quiet else self.history[-1], "uplink_history": self.history,
            "missed": [
                {"time": iso(now_s - ago_s), "why": why, "reason": reason, "frames": frames}
                for ago_s, why, reason, frames in self.missed
            ],
        }  # fmt: skip


def iso(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ROOM = (
    "Room for 2 more like those here: 15 frames a second, answered within 150 ms. "
    "With one more the expected accuracy is 0.412; now 0.448"
)
DRIVE = ((0.42, 0.55), (0.62, 0.55), (1, 0.9), (1, 1), (0.38, 1))
CAMERAS = (
    ShownCamera("gate", "street-avenue", (448, 256), "w100e2-448", age_ms=92, uplink_kbps=4300,
                said={"zones": [{"name": "drive", "polygon": DRIVE}]}),
    ShownCamera("car park", "street-junction", (384, 224), "w100e2-384", age_ms=81, uplink_kbps=3600, importance=2.0,
                missed=((14, "network", "network", 2),), minute=99.78),
    ShownCamera("bus lane", "street-town", (320, 192), "w075e2-320", slo_ms=100, fps=25, age_ms=64, uplink_kbps=2100,
                missed=((3, "overload", "overload", 4), (21, "server", "expired", 1)), minute=98.6, hour=99.4),
    ShownCamera("phone-1", "street-avenue", (256, 160), "w100e1-256", age_ms=118, uplink_kbps=900, fetched=False,
                offset_s=6.0, missed=((6, "network", "network", 11), (9, "camera", "camera_busy", 3)),
                minute=93.2, hour=97.1),
    ShownCamera("loading bay", "street-junction", (320, 192), "w100e1-320", source="silent", offset_s=4.0,
                planned_fps=10, missed=((8, "source", "silent", 40),), minute=88.0, hour=99.2, age_ms=75,
                uplink_kbps=1900),
    ShownCamera("roof", "street-town", (448, 256), "w100e2-448", source="dead", hour=71.4,
                missed=((40, "source", "dead", 600),)),
)  # fmt: skip


class StandIn:
    """What is served."""

    def __init__(self, cameras: Sequence[ShownCamera] = CAMERAS, access: Access | None = None) -> None:
        self.cameras = {camera.name: camera for camera in cameras}
        self._access = access or Access(AccessRules())
        self._sources = {name: VideoSource(CLIPS / f"{name}.mp4") for name in {each.clip for each in cameras}}
        self._chance = random.Random(7)
        for camera in cameras:
            camera.history = [self._uplink(camera, number) for number in range(60)]

    def app(self) -> web.Application:
        """The application."""
        app = web.Application()
        app[ACCESS] = self._access
        app.router.add_get("/v1/fleet", self._fleet)
        app.router.add_get("/v1/watch", self._watch)
        app.router.add_get("/v1/cameras", self._list)
        app.router.add_post("/v1/cameras", self._add)
        app.router.add_patch("/v1/cameras/{name}", self._change)
        app.router.add_delete("/v1/cameras/{name}", self._remove)
        add_files(app)
        add_inviting(app)
        return app

    def close(self) -> None:
        for source in self._sources.values():
            source.close()

    def _uplink(self, camera: ShownCamera, number: int) -> float:
        if camera.source == "dead":
            return 0.0
        wave = 1 + 0.25 * math.sin(number / 7 + len(camera.name)) + self._chance.uniform(-0.12, 0.12)
        return camera.uplink_kbps * (wave if self._chance.random() > 0.05 else 0.4)

    async def _fleet(self, request: web.Request) -> web.Response:
        return web.json_response(self._told_fleet())

    def _told_fleet(self) -> dict[str, Any]:
        now_s = time.time()
        busy_share = 0.63 + 0.04 * math.sin(now_s)
        for camera in self.cameras.values():
            camera.history = [*camera.history[1:], self._uplink(camera, int(now_s))]
        return {
            "time": iso(now_s), "model": "jellyfish-street", "version": "5", "target": 99.9,
            "on_time": {"minute": 99.93, "hour": 99.95},
            "devices": [
                {"name": "cuda:0", "state": "working", "busy_share": busy_share, "slow_down": 1.0},
                {"name": "cpu", "state": "working", "busy_share": 0.88, "slow_down": 1.3},
            ],
            "planning_share": 0.041,
            "room": {"cameras": 2, "fps": 15, "slo_ms": 150, "f1": 0.412, "words": ROOM},
            "cameras": [camera.as_told(now_s) for camera in self.cameras.values()],
        }  # fmt: skip

    async def _list(self, request: web.Request) -> web.Response:
        told = [
            {"name": each.name, "fetched": each.fetched, "importance": each.importance, "kept": "until restart"}
            | each.said
            for each in self.cameras.values()
        ]
        return web.json_response({"cameras": told})

    async def _change(self, request: web.Request) -> web.Response:
        camera = self.cameras[request.match_info["name"]]
        camera.said |= await request.json()
        camera.importance = camera.said.get("importance", camera.importance)
        return web.json_response(camera.said)

    async def _add(self, request: web.Request) -> web.Response:
        told = await request.json()
        if not told["url"].startswith(("rtsp://", "http://")):
            return web.json_response(
                {"error": f"cameras are fetched by rtsp, rtsps, http, https: not {told['url']}"}, status=400
            )
        camera = ShownCamera(told["name"], "street-avenue", (256, 160), "w050e1-256", source="opening", offset_s=2.0)
        camera.history = [0.0] * 60
        self.cameras[camera.name] = camera
        return web.json_response({"name": camera.name}, status=201)

    async def _remove(self, request: web.Request) -> web.Response:
        if self.cameras.pop(request.match_info["name"], None) is None:
            return web.json_response({"error": "there is no camera of that name"}, status=404)
        return web.json_response({})

    async def _watch(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("jellyfish",), compress=False)
        await socket.prepare(request)
        began_s = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for number in itertools.count():
                if number % PICTURES_FPS == 0:
                    await socket.send_json({"fleet": self._told_fleet()})
                for camera in list(self.cameras.values()):
                    if camera.source in ("live", "silent") and not (camera.source == "silent" and number):
                        elapsed_s = time.monotonic() - began_s
                        await socket.send_bytes(await asyncio.to_thread(self._pictured, camera, number, elapsed_s))
                await asyncio.sleep(1 / PICTURES_FPS)
        return socket

    def _pictured(self, camera: ShownCamera, number: int, elapsed_s: float) -> bytes:
        source = self._sources[camera.clip]
        index, image = source.frame_at((elapsed_s + camera.offset_s) % source.duration_s)
        assert source.labels is not None
        detections = [
            {"label": source.classes[each.label], "score": round(0.55 + 0.4 * each.visible, 2),
             "box": [each.left, each.top, each.right, each.bottom], "track": each.track}
            for each in source.labels[index]
            if not each.ignore and each.visible > 0.5 and each.bottom - each.top > LEAST_SHARE
        ]  # fmt: skip
        age_ms = round(camera.age_ms * (1 + 0.12 * math.sin(number)), 1)
        answer = {
            "camera": camera.name, "frame": number, "captured": iso(time.time()), "age_ms": age_ms,
            "slo_ms": camera.slo_ms, "on_time": age_ms <= camera.slo_ms, "variant": camera.variant, "size": camera.size,
            "detections": detections,
        }  # fmt: skip
        words = json.dumps(answer).encode()
        picture = fit(image, *InputSize(*camera.size).fitted(image.shape[1], image.shape[0]))
        return struct.pack("<I", len(words)) + words + encode_jpeg(picture)


@contextlib.asynccontextmanager
async def standing_in(stand_in: StandIn, port: int = 0) -> AsyncIterator[str]:
    """Serve it on this machine for the time of the context; the page's address."""
    runner = web.AppRunner(stand_in.app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        stand_in.close()


async def _until_stopped(port: int) -> None:
    async with standing_in(StandIn(), port) as address:
        print(address, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8770)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(partial(_until_stopped, parser.parse_args().port)())


if __name__ == "__main__":
    main()
