"""Where a check takes place: a browser, windows of several kinds, and what they complain of."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page

DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36",
}
SMALL: dict[str, Any] = PHONE | {"viewport": {"width": 320, "height": 640}}
SHOT_WIDTH, SHOT_HEIGHT = 1280, 1200
"""Of pictures for the docs, at most."""
EXPECTED = (
    "willReadFrequently",
    "400 (Bad Request)",
    "401 (Unauthorized)",
    "403 (Forbidden)",
    "net::ERR_CONNECTION_REFUSED",
)
"""What browsers tell of answers that the page asks for on purpose, and of servers that are away."""


class CheckPlace:
    """One check's."""

    def __init__(self, browser: Browser, shots: Path | None) -> None:
        self._browser, self._shots = browser, shots
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        """Errors of scripts and policies, and what was asked of elsewhere: there is to be none."""

    async def window(self, address: str, kind: dict[str, Any] = DESKTOP, dark: bool = False) -> Page:
        """A window of a person of its own, with the page at that address."""
        context = await self._browser.new_context(
            **kind,
            color_scheme="dark" if dark else "light",
            ignore_https_errors=True,
            permissions=["camera"],
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda said: self._complained(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        own = urlsplit(address).netloc
        page.on("request", lambda asked: self._asked(asked.url, own))
        await page.goto(address)
        return page

    def _complained(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(words in text for words in EXPECTED):
            self.complaints.append(text)

    def _asked(self, url: str, own: str) -> None:
        if not url.startswith(("blob:", "data:")) and urlsplit(url).netloc != own:
            self.complaints.append(f"asked for {url}")

    async def shot(self, page: Page, name: str) -> None:
        """A picture for the docs, where some are wanted."""
        if self._shots is not None:
            self._shots.mkdir(parents=True, exist_ok=True)
            picture = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
            picture.thumbnail((SHOT_WIDTH, SHOT_HEIGHT), Image.Resampling.LANCZOS)
            picture.save(self._shots / f"{name}.jpg", quality=78, optimize=True, progressive=True)

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


async def drawn(page: Page, canvas: str) -> str:
    """What is drawn on a canvas, as a text that is another when anything of it is; empty where nothing is."""
    told = await page.locator(canvas).evaluate(
        """canvas => {
            const {width, height} = canvas;
            if (!width || !height) return "";
            const {data} = canvas.getContext("2d").getImageData(0, 0, width, height);
            let sum = 0, some = false;
            for (let place = 3; place < data.length; place += 4) {
                if (data[place]) { some = true; sum = (31 * sum + place + data[place - 1]) % 4294967291; }
            }
            return some ? String(sum) : "";
        }"""
    )
    return str(told)


async def until_drawn(page: Page, canvas: str, but: str = "", patience_s: float = 60.0) -> str:
    """What is drawn on a canvas, once that is something, and another thing than `but`."""
    for _ in range(int(patience_s / 0.1)):
        now = await drawn(page, canvas)
        if now not in ("", but):
            return now
        await page.wait_for_timeout(100)
    raise AssertionError(f"nothing {'new ' if but else ''}was drawn on {canvas} within {patience_s:g} s")
