"""Sources over HTTP: JPEGs one after the other, a playlist in pieces, a whole video; and what hides behind a URL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
from aiohttp import web

from jellyfish.camera.sources.live.messages import OpenSource, SourceFailed
from jellyfish.media.jpeg import encode_jpeg
from tests.camera.sources.live.test_reader import agree, reading, shown
from tests.media.films import film, shade

BOUNDARY = "picture"


@contextlib.asynccontextmanager
async def at(folder: Path) -> AsyncIterator[str]:
    """The URL of a server of the files in `folder`, and of JPEGs at `/jpegs`."""
    app = web.Application()
    app.router.add_get("/jpegs", jpegs)
    app.router.add_static("/", folder)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def jpegs(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for number in range(1000):
            data = encode_jpeg(shade(number % 36))
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            await response.write(head.encode() + data + b"\r\n")
            await asyncio.sleep(0.05)
    return response


async def test_jpegs_one_after_the_other_are_captured_when_they_come(tmp_path: Path) -> None:
    async with at(tmp_path) as url, reading() as process:
        await process.open(OpenSource(f"{url}/jpegs"))
        frames, numbers = await shown(process, 30)
    known = [(place, number) for place, number in enumerate(numbers) if number is not None]
    assert known
    assert {number - place for place, number in known} == {known[0][1] - known[0][0]}
    assert np.diff([frame.captured_s for frame in frames]).min() > 0


async def test_a_playlist_is_shown_at_its_own_pace(tmp_path: Path) -> None:
    """Its pieces are there at once, which is 2.4 seconds before the last of its frames is due."""
    with av.open(
        str(tmp_path / "live.m3u8"), "w", format="hls", options={"hls_time": "1", "hls_list_size": "0"}
    ) as out:
        stream = out.add_stream("libx264", rate=10, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(24):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shade(number), format="rgb24")))
        out.mux(stream.encode())
    async with at(tmp_path) as url, reading() as process:
        await process.open(OpenSource(f"{url}/live.m3u8"))
        frames, numbers = await shown(process, 15)
    assert agree(numbers, range(15))
    assert frames[-1].captured_s - frames[0].captured_s >= 1.4 - 1e-6


async def test_a_video_over_http_is_shown_at_its_pace_and_ends(tmp_path: Path) -> None:
    film(tmp_path / "film.mp4", frames=5)
    async with at(tmp_path) as url, reading() as process:
        await process.open(OpenSource(f"{url}/film.mp4"))
        assert agree((await shown(process, 5))[1], range(5))
        assert await process.hear() == SourceFailed("it has ended")


@pytest.mark.parametrize("playlist", ["#EXTM3U\n#EXTINF:1,\nfile://{}\n", "#EXTM3U\n#EXTINF:1,\nconcat:{}\n"])
async def test_a_playlist_that_names_files_of_this_machine_shows_none_of_them(tmp_path: Path, playlist: str) -> None:
    hidden = film(tmp_path / "hidden.ts", frames=5, form="mpegts")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "live.m3u8").write_text(playlist.format(hidden))
    async with at(tmp_path / "site") as url, reading() as process:
        await process.open(OpenSource(f"{url}/live.m3u8"))
        failed = await process.hear()
    assert isinstance(failed, SourceFailed), failed
    assert "hidden" not in failed.words
