"""The checks in Chromium, one after the other; `python -m benchmarks.page_check` runs it where there is Playwright."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import async_playwright

from benchmarks.page_check.camera_checks import CAMERA_CHECKS
from benchmarks.page_check.fake_camera import written_clip
from benchmarks.page_check.fleet_checks import FLEET_CHECKS
from benchmarks.page_check.place import CheckPlace

CHECKS: tuple[Callable[[CheckPlace], Awaitable[None]], ...] = (*FLEET_CHECKS, *CAMERA_CHECKS)
PATIENCE_S = 150.0
"""For one check, on a machine that has much else to do."""


async def run(browser_path: str, shots: Path | None, only: list[str]) -> bool:
    """All checks whose names have one of the words; whether all went well."""
    chosen = [check for check in CHECKS if not only or any(word in check.__name__ for word in only)]
    with TemporaryDirectory() as folder:
        clip = written_clip(Path(folder) / "street.mjpeg")
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=browser_path, args=_options(clip))
            results = [await _went_well(check, CheckPlace(browser, shots)) for check in chosen]
            await browser.close()
    return all(results)


def _options(clip: Path) -> list[str]:
    options = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    ]
    return [*options, "--no-sandbox"] if os.geteuid() == 0 else options


async def _went_well(check: Callable[[CheckPlace], Awaitable[None]], place: CheckPlace) -> bool:
    words = check.__name__.replace("_", " ")
    try:
        async with asyncio.timeout(PATIENCE_S):
            await check(place)
        assert not place.complaints, place.complaints
    except Exception:
        print(f"FAILED  {words}\n{traceback.format_exc()}", flush=True)
        return False
    finally:
        await place.close()
    print(f"ok      {words}", flush=True)
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("browser")
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--only", action="append", default=[])
    arguments = parser.parse_args()
    sys.exit(not asyncio.run(run(arguments.browser, arguments.shots, arguments.only)))


if __name__ == "__main__":
    main()
