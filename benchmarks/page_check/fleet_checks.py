"""Checks of the page `/`, against a stand-in that has cameras of all kinds."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncIterator, Awaitable, Callable

import cv2
import numpy as np
from playwright.async_api import Page, expect

from benchmarks.page_check.place import PHONE, SMALL, CheckPlace, until_drawn
from benchmarks.page_check.stand_in import CAMERAS, ShownCamera, StandIn, standing_in
from jellyfish.server.access import Access

GATE = ".tile[data-camera=gate]"


@contextlib.asynccontextmanager
async def fleet(access: Access | None = None) -> AsyncIterator[tuple[str, StandIn]]:
    """A stand-in that runs, and its address."""
    stand_in = StandIn(copy.deepcopy(CAMERAS), access)
    async with standing_in(stand_in) as address:
        yield address, stand_in


async def boxes_move_on_each_tile(place: CheckPlace) -> None:
    async with fleet() as (address, _):
        page = await place.window(address)
        await expect(page.locator(".tile")).to_have_count(len(CAMERAS))
        for camera in ("gate", "car park", "bus lane", "phone-1"):
            boxes = f'.tile[data-camera="{camera}"] .boxes'
            await until_drawn(page, boxes, but=await until_drawn(page, boxes))
            shot = f'.tile[data-camera="{camera}"] .shot'
            await until_drawn(page, shot, but=await until_drawn(page, shot))


async def a_tile_says_how_its_camera_fares(place: CheckPlace) -> None:
    async with fleet() as (address, stand_in):
        page = await place.window(address)
        lane = page.locator('.tile[data-camera="bus lane"]')
        await expect(lane).to_contain_text("98.6 %")
        await expect(lane).to_contain_text("99 % within 99 ms")
        await expect(lane).to_contain_text("due in 100 ms")
        await expect(lane).to_contain_text("320 \u00d7 192")
        await expect(lane.locator(".why")).to_have_text(["Overload 4", "Server 1"])
        await expect(page.locator('.tile[data-camera="roof"]')).to_contain_text("Not there")
        await expect(page.locator("#attained")).to_have_text("99.93 %")
        await expect(page.locator("#devices li")).to_have_count(2)
        await expect(page.locator("#planning")).to_have_text("Planning takes 4.1 % of a core")
        await expect(page.locator("#room")).to_have_text("Yes, 2 more")
        stand_in.cameras["gate"].source = "silent"
        await expect(page.locator("#said")).to_have_text("gate is silent")
        await expect(page.locator(GATE)).to_contain_text("No pictures")


async def a_camera_that_is_not_there_says_why_and_nothing_of_another(place: CheckPlace) -> None:
    async with fleet() as (address, stand_in):
        shed = ShownCamera("shed", "street-town", (448, 256), "w100e2-448", source="dead", history=[0.0] * 60)
        shed.missed, shed.said = ((5, "source", "dead", 0),), {"words": "Connection refused"}  # at no known rate
        stand_in.cameras["shed"] = shed
        page = await place.window(address)
        await page.locator(f"{GATE} .open").click()
        await expect(page.locator("#detail .legend")).to_contain_text("car")
        await page.keyboard.press("Escape")
        tile = page.locator(".tile[data-camera=shed]")
        await expect(tile.locator(".why")).to_have_text(["Source"])
        await tile.locator(".open").click()
        await expect(page.locator("#detail .legend")).to_have_text("nothing")
        await expect(page.locator("#detail .missed .why")).to_have_text(["Source"])
        await expect(page.locator("#detail .veil")).to_contain_text("Connection refused")


async def a_camera_is_added_and_removed(place: CheckPlace) -> None:
    async with fleet() as (address, _):
        page = await place.window(address)
        await page.click("#add")
        await page.click("#tab-address")
        await page.fill("#url", "file:///etc/passwd")
        await page.fill("#fetched", "yard")
        await page.click("#fetching [type=submit]")
        await expect(page.locator("#fetching .problem")).to_contain_text("fetched by rtsp")
        await page.fill("#url", "rtsp://192.168.1.20/stream1")
        await page.click("#fetching [type=submit]")
        yard = page.locator(".tile[data-camera=yard]")
        await expect(yard).to_contain_text("Opening")
        await expect(page.locator("#adding")).to_be_hidden()
        await yard.locator(".open").click()
        await page.click("#detail details summary")
        await page.click("#detail .remove")
        await expect(page.locator("#detail .remove")).to_have_text("Yes, remove yard")
        await expect(page.locator("#detail .remove")).to_be_in_viewport(ratio=0.9)
        await page.click("#detail .keep")
        await page.click("#detail .remove")
        await page.click("#detail .remove")
        await expect(yard).to_have_count(0)
        await expect(page.locator("#detail")).to_be_hidden()
        await expect(page.locator("#said")).to_have_text("yard is gone")


async def what_a_camera_calls_itself_is_text(place: CheckPlace) -> None:
    name = '"><img src=x onerror="document.title=1"><b>'
    async with fleet() as (address, stand_in):
        stranger = copy.deepcopy(CAMERAS[0])
        stranger.name = name
        stand_in.cameras[name] = stranger
        page = await place.window(address)
        await expect(page.locator(".tile").last.locator("h2")).to_have_text(name)
        await page.locator(".tile").last.locator(".open").click()
        await expect(page.locator("#detail-title")).to_have_text(name)
        stand_in.cameras.pop(name)
        await expect(page.locator("#said")).to_have_text(f"{name} is gone")
        assert await page.locator(".tile img, .tile b:not(.veil b), dialog img").count() == 0
        assert "cameras" in await page.title()


async def all_can_be_done_with_keys(place: CheckPlace) -> None:
    async with fleet() as (address, _):
        page = await place.window(address)
        await expect(page.locator(".tile")).to_have_count(len(CAMERAS))
        await page.focus("#add")
        await page.keyboard.press("Tab")
        focused = "document.activeElement.closest('.tile')?.dataset.camera"
        assert await page.evaluate(focused) == "gate"
        for key, camera in (("ArrowRight", "car park"), ("ArrowDown", "loading bay"), ("ArrowLeft", "phone-1")):
            await page.keyboard.press(key)
            assert await page.evaluate(focused) == camera, key
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        await expect(page.locator("#detail-title")).to_have_text("gate")
        await until_drawn(page, "#detail .boxes")
        await page.keyboard.press("Escape")
        await expect(page.locator("#detail")).to_be_hidden()
        assert await page.evaluate(focused) == "gate"
        await expect(page.get_by_role("button", name="gate: ")).to_be_visible()


async def a_zone_is_drawn_on_the_picture(place: CheckPlace) -> None:
    async with fleet() as (address, stand_in):
        page = await place.window(address)
        await page.locator('.tile[data-camera="car park"] .open').click()
        await until_drawn(page, "#detail .boxes")
        await page.click("#detail details summary")
        await page.click("#settings .zone")
        box = await page.locator("#detail .picture").bounding_box()
        assert box is not None
        for x, y in ((0.2, 0.3), (0.8, 0.3), (0.5, 0.75)):
            await page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        await page.keyboard.press("Escape")  # ends the drawing alone
        await expect(page.locator("#settings .draw")).to_have_text("Draw")
        await expect(page.locator("#detail")).to_be_visible()
        await page.fill("#settings [name=importance]", "2.5")
        await page.fill("#settings [name=classes]", "car, bus")
        await page.click("#settings [type=submit]")
        await page.wait_for_timeout(500)
        said = stand_in.cameras["car park"].said
        (zone,) = said["zones"]
        assert np.allclose(zone["polygon"], [[0.2, 0.3], [0.8, 0.3], [0.5, 0.75]], atol=0.01), zone
        assert (zone["name"], said["importance"], said["classes"]) == ("zone-1", 2.5, ["car", "bus"])
        await place.shot(page, "zone")
        await page.click("#settings .away")
        await page.click("#settings [type=submit]")
        await page.wait_for_timeout(500)
        assert stand_in.cameras["car park"].said["zones"] == []


async def the_code_can_be_read_by_a_phone(place: CheckPlace) -> None:
    async with fleet() as (address, _):
        for dark in (False, True):
            page = await place.window(address, dark=dark)
            await page.click("#add")
            await page.click("#invite [type=submit]")
            await expect(page.locator("#code svg")).to_be_visible()
            picture = cv2.imdecode(np.frombuffer(await page.locator("#code").screenshot(), np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            read, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
            assert read == f"{address}/camera#camera=phone-2" == await page.inner_text("#address"), read
            await expect(page.locator("#invitation-notes")).to_contain_text("--tls self-signed")


async def a_server_that_goes_and_comes_back_is_found(place: CheckPlace) -> None:
    async with fleet() as (address, _):
        page = await place.window(address)
        await expect(page.locator("#state")).to_have_text("live")
    await expect(page.locator("#banner")).to_contain_text("does not answer")
    port = int(address.rpartition(":")[2])
    async with standing_in(StandIn(copy.deepcopy(CAMERAS)), port):
        await expect(page.locator("#state")).to_have_text("live", timeout=20_000)
        await expect(page.locator("#banner")).to_be_hidden()
        boxes = f"{GATE} .boxes"
        await until_drawn(page, boxes, but=await until_drawn(page, boxes))


async def nothing_is_cut_off_on_a_small_screen(place: CheckPlace) -> None:
    async with fleet() as (address, _):
        for path in ("/", "/camera"):
            page = await place.window(address + path, SMALL)
            await page.wait_for_timeout(1500)
            assert await _too_wide(page) == [], path
        page = await place.window(address, SMALL)
        await page.locator(f"{GATE} .open").click()
        assert await _too_wide(page) == []


async def _too_wide(page: Page) -> list[str]:
    """What reaches over the right edge of the window."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter(each => each.checkVisibility() && !each.closest(".unseen, .command"))
            .filter(each => each.getBoundingClientRect().right > innerWidth + 1)
            .map(each => each.tagName + "." + each.className)"""
    )
    return found


async def pictures_of_the_fleet(place: CheckPlace) -> None:
    async with fleet() as (address, _):
        for name, kind, dark in (("fleet-dark", {}, True), ("fleet-light", {}, False), ("fleet-phone", PHONE, True)):
            page = await place.window(address, **({"kind": kind} if kind else {}), dark=dark)
            await until_drawn(page, '.tile[data-camera="phone-1"] .boxes')
            await page.wait_for_timeout(1500)
            await place.shot(page, name)
        page = await place.window(address)
        await until_drawn(page, '.tile[data-camera="bus lane"] .boxes')
        await page.locator('.tile[data-camera="bus lane"] .open').click()
        await page.wait_for_timeout(1000)
        await place.shot(page, "detail")


FLEET_CHECKS: tuple[Callable[[CheckPlace], Awaitable[None]], ...] = (
    boxes_move_on_each_tile,
    a_tile_says_how_its_camera_fares,
    a_camera_that_is_not_there_says_why_and_nothing_of_another,
    a_camera_is_added_and_removed,
    what_a_camera_calls_itself_is_text,
    all_can_be_done_with_keys,
    a_zone_is_drawn_on_the_picture,
    the_code_can_be_read_by_a_phone,
    a_server_that_goes_and_comes_back_is_found,
    nothing_is_cut_off_on_a_small_screen,
    pictures_of_the_fleet,
)
