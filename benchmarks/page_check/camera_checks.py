"""Checks with a real `jellyfish serve`, and a browser whose camera plays a clip."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Page, expect

from benchmarks.page_check.place import PHONE, CheckPlace, until_drawn

ROOT = Path(__file__).parents[2]
SERVE = ("serve", "--port", "0", "--device", "cpu", "--variant", "w100e1-256", "--max-batch", "2")
CHIEF = "chief-chief-chief-chief"
PATIENCE_MS = 60_000
KEPT = TemporaryDirectory(prefix="jellyfish-page-check-")
"""Where servers keep their certificate and what they have measured: for these checks alone."""


@contextlib.asynccontextmanager
async def served(*options: str, **environment: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A server of its own; the address of its page, and what it says."""
    surroundings = os.environ | {"PYTHONPATH": str(ROOT), "XDG_DATA_HOME": KEPT.name, "COLUMNS": "200"} | environment
    process = await asyncio.create_subprocess_exec(
        sys.executable, "cli.py", *SERVE, *options, cwd=ROOT, env=surroundings, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said: list[str] = []
    try:
        yield await _address(process, said), said
    finally:
        process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process, said: list[str]) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        said.append(line.decode())
        if found := re.search(r"ready: ws(s?)://(\S+)/v1/stream", said[-1]):
            return f"http{found[1]}://{found[2]}"
    raise AssertionError("".join(said))


async def _start(page: Page) -> None:
    await page.select_option("#slo", "300")  # the machine may have much else to do
    await page.select_option("#fps", "10")
    await page.click("#start [type=submit]")
    await expect(page.locator("#state")).to_have_text("live", timeout=PATIENCE_MS)


async def a_browsers_camera_gets_boxes_back(place: CheckPlace) -> None:
    async with served() as (address, _):
        page = await place.window(f"{address}/camera", PHONE)
        await _start(page)
        await until_drawn(page, "#boxes", but=await until_drawn(page, "#boxes"))
        await expect(page.locator("#found")).to_contain_text(re.compile(r"\d (car|bus|truck|person|people)"))
        await expect(page.locator("#size")).to_have_text("256 \u00d7 160")
        await expect(page.locator("#on-time")).to_have_text(re.compile(r"\d"))
        await until_drawn(page, "#boxes", but=await until_drawn(page, "#boxes"))
        await place.shot(page, "camera-phone")
        await page.click("#stop")
        await expect(page.locator("#setup")).to_be_visible()


async def an_invited_phone_is_let_in_once(place: CheckPlace) -> None:
    chief = {"JELLYFISH_ADMINISTRATION_TOKEN": CHIEF}
    async with served("--tls", "self-signed", **chief) as (address, _):
        desk = await _admitted(place, address)
        await expect(desk.locator("#empty")).to_be_visible()
        await desk.click("#empty [data-add=phone]")
        await desk.fill("#invited", "my phone")
        await desk.click("#invite [type=submit]")
        await expect(desk.locator("#expiry")).to_contain_text("Good once, for ")
        await place.shot(desk, "invitation")
        invitation = await desk.inner_text("#address")
        phone = await place.window(invitation, PHONE)
        await expect(phone.locator("#name")).to_have_value("my phone")
        await _start(phone)
        await until_drawn(phone, "#boxes")
        tile = '.tile[data-camera="my phone"] .boxes'
        await until_drawn(desk, tile, but=await until_drawn(desk, tile))
        await expect(desk.locator("#adding")).to_be_hidden()
        another = await place.window(invitation, PHONE)
        await another.click("#start [type=submit]")
        await expect(another.locator("#problem")).to_contain_text("has been used")
        await phone.reload()  # what the code was exchanged for is kept in the tab
        await _start(phone)


async def cameras_that_a_server_fetches_are_shown_and_removed(place: CheckPlace) -> None:
    clips = ROOT / "videos"
    with TemporaryDirectory() as folder:
        site = Path(folder) / "site.toml"
        site.write_text(
            f'camera_files = "{clips}"\n[[cameras]]\nname = "gate"\nurl = "{clips}/street-avenue.mp4"\nfps = 5\n'
            f'[[cameras.zones]]\nname = "drive"\npolygon = [[0.4, 0.5], [0.9, 0.5], [1, 1], [0.4, 1]]\n'
        )
        async with served("--config", str(site), JELLYFISH_ADMINISTRATION_TOKEN=CHIEF) as (address, _):
            desk = await _admitted(place, address)
            boxes = '.tile[data-camera="{}"] .boxes'.format
            await until_drawn(desk, boxes("gate"), but=await until_drawn(desk, boxes("gate")))
            await desk.click("#add")
            await desk.click("#tab-address")
            await desk.fill("#url", f"{clips}/street-junction.mp4")
            await desk.fill("#fetched", "car park")
            await desk.fill("#fps", "5")
            await desk.click("#fetching [type=submit]")
            await until_drawn(desk, boxes("car park"), but=await until_drawn(desk, boxes("car park")))
            await expect(desk.locator(".tile")).to_have_count(2)
            await desk.locator('.tile[data-camera="car park"] .open').click()
            await desk.click("#detail .remove")
            await desk.click("#detail .remove")
            await expect(desk.locator('.tile[data-camera="car park"]')).to_have_count(0)
            before = await until_drawn(desk, boxes("gate"))
            await until_drawn(desk, boxes("gate"), but=before)


async def _admitted(place: CheckPlace, address: str) -> Page:
    """The page, once it has been given the administrator's token."""
    desk = await place.window(address)
    await expect(desk.locator("#asking")).to_be_visible()
    await desk.fill("#token", CHIEF)
    await desk.click("#entering [type=submit]")
    await expect(desk.locator("#state")).to_have_text("live")
    return desk


CAMERA_CHECKS: tuple[Callable[[CheckPlace], Awaitable[None]], ...] = (
    a_browsers_camera_gets_boxes_back,
    an_invited_phone_is_let_in_once,
    cameras_that_a_server_fetches_are_shown_and_removed,
)
