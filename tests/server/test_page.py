"""The page's files on the real routes, and that they need nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jellyfish.lab.simulation.network import HOST, PORT
from jellyfish.server.access import Access
from jellyfish.server.page.files import FOLDER, KINDS, PAGES
from tests.server.peer import http, running
from tests.server.test_access import TOKENS
from tests.virtual import virtual

ORIGIN = f"http://{HOST}:{PORT}"
FILES = sorted(FOLDER.iterdir())
MOST_BYTES = 150_000
"""Of all files together: the page opens at once over a slow link, too."""
IMPORT = re.compile(r'from "\./([a-z_]+\.js)"')
LINK = re.compile(r'(?:href|src)="(/[^"#]*)"')
ELSEWHERE = re.compile(r"(?:https?:)?//(?!127\.0\.0\.1)[a-z0-9-]+\.[a-z]{2,}", re.IGNORECASE)


def address(file: Path) -> str:
    own = {name: path for path, name in PAGES.items()}
    return own.get(file.name, f"/page/{file.name}")


@virtual
async def test_every_file_is_served_to_anybody_and_runs_nothing_of_others() -> None:
    async with running(access=Access(TOKENS)), http() as session:
        for file in FILES:
            async with session.get(ORIGIN + address(file)) as answer:
                assert answer.status == 200, file.name
                assert answer.content_type == KINDS[file.suffix]
                assert await answer.read() == file.read_bytes()
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


@virtual
async def test_a_file_that_a_browser_has_is_not_sent_again() -> None:
    async with running(), http() as session:
        async with session.get(ORIGIN) as first:
            tag = first.headers["ETag"]
        async with session.get(ORIGIN, headers={"If-None-Match": tag}) as second:
            assert second.status == 304 and await second.read() == b""
        async with session.get(ORIGIN, headers={"If-None-Match": '"another"'}) as third:
            assert third.status == 200


@pytest.mark.parametrize("path", ["/page/", "/page/../files.py", "/page/%2e%2e/files.py", "/page/nothing.js"])
@virtual
async def test_nothing_but_its_files_is_below_the_page(path: str) -> None:
    async with running(), http() as session, session.get(ORIGIN + path) as answer:
        assert answer.status == 404


def test_the_page_needs_no_internet() -> None:
    for file in FILES:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not ELSEWHERE.findall(text.replace("rtsp://192.168.1.20", "")), file.name
        assert "eval(" not in text and "innerHTML" not in text and " style=" not in text, file.name


def references(file: Path) -> Iterator[str]:
    text = file.read_text()
    yield from (f"/page/{name}" for name in IMPORT.findall(text))
    yield from LINK.findall(text)


def test_what_the_files_name_is_there_and_all_of_them_are_named() -> None:
    served = {address(file) for file in FILES}
    named = {path for file in FILES for path in references(file)}
    assert named <= served
    assert {path for path in served if path not in PAGES} <= named
    assert sum(file.stat().st_size for file in FILES) < MOST_BYTES


def test_each_id_that_a_script_asks_for_is_in_its_page() -> None:
    for page, scripts in (("fleet.html", ("fleet.js", "adding.js", "overview.js")), ("camera.html", ("camera.js",))):
        ids = set(re.findall(r'\bid="([^"]+)"', (FOLDER / page).read_text()))
        for script in scripts:
            asked = set(re.findall(r'\belement\("([^"]+)"\)', (FOLDER / script).read_text()))
            assert asked <= ids, (script, asked - ids)
