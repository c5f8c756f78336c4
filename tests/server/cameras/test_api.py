"""Cameras over HTTP: seen by who may watch, changed by who may administer, kept in a file where one is named."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from jellyfish.camera.sources.allowed import terms, without_credentials
from jellyfish.config import Allowance, CameraSettings, ServedCamera, SourceConfig
from jellyfish.errors import InputError
from jellyfish.lab.simulation.network import HOST, PORT, URL
from jellyfish.protocol import wire
from jellyfish.server.access import Access, AccessRules, RouteKind, Token
from jellyfish.server.cameras.api import camera_routes
from jellyfish.server.cameras.bounds import CameraBounds
from jellyfish.server.cameras.kept_file import read_kept, write_kept
from jellyfish.server.cameras.listing import FetchedState
from jellyfish.server.cameras.register import CameraRegister
from jellyfish.server.cameras.roster import Roster
from jellyfish.server.service import Service
from tests.server.peer import MODEL, Peer, http, refused, running, welcomed
from tests.virtual import virtual

CHIEF, GUARD, NURSE, DOOR = (f"{name}-{name}-{name}-{name}" for name in ("chief", "guard", "nurse", "door"))
OWN = "own-own-own-own-own"
CAMERAS = f"http://{HOST}:{PORT}/v1/cameras"
GATE = ServedCamera("gate", CameraSettings(min_score=0.5), SourceConfig("gate", "rtsp://me:geheim@10.0.0.7/a?key=1"))
AREA = [[0, 0], [1, 0], [1, 1]]


def token(text: str, *may: RouteKind, cameras: tuple[str, ...] = (), own: bool = False) -> Token:
    return Token(text.partition("-")[0], sha256(text.encode()).digest(), frozenset(may), cameras, own)


def access() -> Access:
    """A chief, a guard who sees all, a nurse who sees one ward, and the server's own."""
    rules = AccessRules(
        (
            token(CHIEF, RouteKind.ADMINISTRATION, RouteKind.WATCH),
            token(GUARD, RouteKind.WATCH),
            token(NURSE, RouteKind.WATCH, cameras=("ward-*",)),
            token(DOOR, RouteKind.CAMERA),
        )
    )
    made = Access(rules)
    made.grant(token(OWN, RouteKind.CAMERA, own=True))
    return made


class Site:
    """A server with cameras, asked by somebody."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.states: dict[str, FetchedState] = {}
        self.fetched: dict[str, SourceConfig] = {}
        self.register: CameraRegister | None = None
        self.service: Service | None = None

    def routes(self, service: Service) -> Any:
        bounds = CameraBounds(MODEL, lambda url: terms(url, Allowance()), 2)

        def hold(roster: Roster) -> None:
            service.settings.replace(roster.settings, roster.sources.keys())
            self.fetched = roster.sources

        kept = () if self.file is None else read_kept(self.file)
        self.register = CameraRegister(
            Roster.beginning([GATE], kept), lambda roster: bounds.check(roster.cameras.values()), hold, self.file
        )
        self.service = service
        return camera_routes(service, self.register, lambda: self.states, without_credentials)


Ask = Callable[..., Any]


@contextlib.asynccontextmanager
async def asking(site: Site) -> AsyncIterator[Ask]:
    """Makes requests; answers (status, JSON)."""
    async with running(access=access(), routes=site.routes), http() as session:

        async def ask(method: str, name: str = "", body: object = None, by: str = CHIEF, raw: bytes = b"") -> Any:
            url = f"{CAMERAS}/{name}" if name else CAMERAS
            data = raw or (None if body is None else json.dumps(body).encode())
            headers = {"Authorization": f"Bearer {by}"} if by else {}
            async with session.request(method, url, data=data, headers=headers) as answer:
                text = await answer.text()
                return answer.status, json.loads(text) if answer.content_type == "application/json" else text

        yield ask


@virtual
async def test_a_camera_is_added_changed_and_removed_and_that_holds_at_once() -> None:
    site = Site()
    async with asking(site) as ask:
        assert site.service is not None
        status, told = await ask("POST", body={"name": "yard", "url": "http://10.0.0.8/v", "classes": ["car"]})
        assert (status, told["name"], told["kept"], told["source"]) == (201, "yard", "until restart", "opening")
        assert set(site.fetched) == {"gate", "yard"} == site.service.settings.fetched
        assert site.service.settings.of("yard").classes == ("car",)
        status, told = await ask("PATCH", "yard", {"classes": None, "fps": 5, "importance": 3})
        assert (status, told["classes"], told["fps"], told["importance"]) == (200, [], 5, 3)
        assert site.fetched["yard"].fps == 5 and site.service.settings.of("yard").importance == 3
        assert await ask("DELETE", "yard") == (204, "")
        assert await ask("DELETE", "gate") == (204, "")
        assert site.fetched == {} and await ask("GET") == (200, {"cameras": []})


@virtual
async def test_the_list_tells_states_and_clients_and_no_credentials() -> None:
    site = Site()
    site.states["gate"] = FetchedState("live", "1280x720", -3.0)
    async with asking(site) as ask, http() as session:
        async with session.ws_connect(URL, headers={"Authorization": f"Bearer {DOOR}"}) as socket:
            peer = Peer(socket, lambda: 0.0)
            await peer.send(wire.Hello("ward-1", 15, 100.0))
            await peer.until(wire.Welcome)
            _, told = await ask("GET", by=GUARD)
        gate, ward = told["cameras"]
        assert (gate["url"], gate["source"], gate["words"], gate["kept"]) == (
            "rtsp://10.0.0.7/a", "live", "1280x720", "configuration",
        )  # fmt: skip
        assert gate["for_s"] >= 3.0 and gate["fetched"] and not gate["streaming"]
        assert (ward["name"], ward["fetched"], ward["streaming"], ward["fps"]) == ("ward-1", False, True, 15)
        assert "kept" not in ward
        assert "geheim" not in json.dumps(told) and "key=1" not in json.dumps(told)
        await ask("POST", body={"name": "ward-2", "zones": [{"name": "bed", "polygon": AREA}]})
        _, told = await ask("GET", by=NURSE)
        (only,) = told["cameras"]
        assert (only["name"], only["zones"]) == ("ward-2", [{"name": "bed", "polygon": AREA}])


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@virtual
async def test_only_an_administrator_changes_and_only_who_may_watch_sees(method: str) -> None:
    async with asking(Site()) as ask:
        name = "" if method == "POST" else "gate"
        body = {"POST": {"name": "x"}, "PATCH": {}, "DELETE": None}[method]
        for by, status in (("", 401), (DOOR, 403), (GUARD, 403), ("x" * 20, 401)):
            assert (await ask(method, name, body, by=by))[0] == status
        for by, status in (("", 401), (DOOR, 403), (GUARD, 200), (CHIEF, 200)):
            assert (await ask("GET", by=by))[0] == status


@virtual
async def test_without_tokens_nobody_changes_and_no_other_sites_page_sees() -> None:
    site = Site()
    async with running(routes=site.routes), http() as session:
        async with session.post(CAMERAS, json={"name": "x"}) as answer:
            assert answer.status == 403
        for origin, status in (("http://evil.example", 403), (f"http://{HOST}", 200)):
            async with session.get(CAMERAS, headers={"Origin": origin}) as answer:
                assert answer.status == status


@pytest.mark.parametrize(
    ("method", "name", "body", "status", "words"),
    [
        ("POST", "", {"name": "gate"}, 409, "there is a camera 'gate' already"),
        ("PATCH", "nowhere", {}, 404, "no camera 'nowhere'"),
        ("DELETE", "nowhere", None, 404, "no camera 'nowhere'"),
        ("POST", "", {"name": "x", "url": "file:///etc/passwd"}, 400, "may not be opened here"),
        ("POST", "", {"name": "x", "url": "concat:/etc/passwd|/etc/group"}, 400, "concat: is no source"),
        ("POST", "", {"name": "x", "url": "rtsp://a:geheim@h\r\n/"}, 400, "control characters"),
        ("PATCH", "gate", {"url": "/etc/passwd"}, 400, "may not be opened here"),
        ("PATCH", "gate", {"url": 5}, 400, "`url`"),
        ("PATCH", "gate", {"name": "door"}, 400, "keeps its name"),
        ("PATCH", "gate", {"classes": ["persn"]}, 400, "do you mean person?"),
        ("PATCH", "gate", {"min_score": "NaN"}, 400, "`min_score`"),
        ("POST", "", {"name": "x", "masks": [[[0, 0], [9, 0], [0, 9]]]}, 400, "shares of the frame"),
        ("POST", "", ["x"], 400, "no JSON object"),
        ("POST", "", {}, 400, "`name`"),
    ],
)
@virtual
async def test_what_cannot_be_is_told_and_changes_nothing(
    method: str, name: str, body: object, status: int, words: str
) -> None:
    site = Site()
    async with asking(site) as ask:
        assert site.register is not None
        before = site.register.roster
        told = await ask(method, name, body)
        assert told[0] == status and words in told[1]["error"], told
        assert "geheim" not in told[1]["error"]
        assert site.register.roster is before


@virtual
async def test_bodies_that_are_no_json_and_too_long_ones_are_refused() -> None:
    async with asking(Site()) as ask:
        for raw in (b"{", b"[" * 50_000, b'"\xff"', b"\x00", b'{"name": "\\ud800"}'):
            status, told = await ask("POST", raw=raw)
            assert status == 400 and told["error"]
        assert (await ask("POST", raw=b"{" + b" " * 70_000 + b"}"))[0] == 413


@virtual
async def test_no_more_cameras_are_fetched_than_are_served() -> None:
    async with asking(Site()) as ask:
        assert (await ask("POST", body={"name": "b", "url": "rtsp://h/"}))[0] == 201
        status, told = await ask("POST", body={"name": "c", "url": "rtsp://h/"})
        assert status == 400 and "3 cameras are to be fetched, but at most 2" in told["error"]


def test_what_is_added_is_kept_over_a_restart_for_its_owner_alone_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "cameras.json"
    add = {"name": "yard", "url": "rtsp://me:geheim@10.0.0.8/", "zones": [{"name": "z", "polygon": AREA}]}

    @virtual
    async def first() -> None:
        async with asking(Site(file)) as ask:
            assert (await ask("POST", body=add))[1]["kept"] == "file"
            assert (await ask("PATCH", "yard", {"min_score": 0.25}))[0] == 200
            assert (await ask("PATCH", "gate", {"min_score": 0.75}))[1]["kept"] == "configuration"

    @virtual
    async def second() -> None:
        site = Site(file)
        async with asking(site) as ask:
            gate, yard = (await ask("GET"))[1]["cameras"]
            assert (gate["min_score"], yard["min_score"], yard["zones"]) == (0.5, 0.25, add["zones"])
            assert site.fetched["yard"].url == add["url"]
            assert (await ask("DELETE", "yard"))[0] == 204

    first()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second()
    assert read_kept(file) == ()


@virtual
async def test_where_the_file_cannot_be_written_nothing_is_changed(tmp_path: Path) -> None:
    site = Site(tmp_path / "folder" / "cameras.json")
    (tmp_path / "folder").mkdir()
    async with asking(site) as ask:
        (tmp_path / "folder").rmdir()
        status, told = await ask("POST", body={"name": "yard"})
        assert status == 400 and "cannot be written" in told["error"]
        assert len((await ask("GET"))[1]["cameras"]) == 1


def test_a_file_that_is_none_of_kept_cameras_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cameras.json"
    assert read_kept(file) == ()
    file.touch(0o600)
    assert read_kept(file) == (), "made beforehand, for its rights"
    for text in ("{", "[]", '{"cameras": 1}', '{"cameras": [{"nam": 1}]}', '{"cameras": [], "more": 1}'):
        file.write_text(text)
        with pytest.raises(InputError, match=r"cameras\.json is no file of kept cameras"):
            read_kept(file)
    with pytest.raises(InputError, match="there is no folder"):
        read_kept(tmp_path / "nowhere" / "cameras.json")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InputError, match="is no file"):
            read_kept(path)
    write_kept(file, [GATE])
    assert read_kept(file) == (GATE,)


@virtual
async def test_nobody_else_calls_himself_like_a_camera_that_the_server_fetches() -> None:
    site = Site()
    async with asking(site), http() as session:
        assert site.service is not None
        async with session.ws_connect(URL, headers={"Authorization": f"Bearer {DOOR}"}) as socket:
            peer = Peer(socket, lambda: 0.0)
            assert (await refused(peer, peer.send(wire.Hello("gate", 15, 100.0)))).code == "forbidden"
        async with session.ws_connect(URL, headers={"Authorization": f"Bearer {OWN}"}) as socket:
            peer = Peer(socket, lambda: 0.0)
            await peer.send(wire.Hello("gate", 15, 100.0))
            await peer.until(wire.Welcome)
            assert site.service.sessions["gate"].fetched


@virtual
async def test_a_server_that_stops_does_not_wait_for_cameras_that_it_fetches_itself() -> None:
    async with running() as service, welcomed("gate"):
        service.sessions["gate"].fetched = True
        await service.retire(3600.0)
        assert "gate" in service.sessions
