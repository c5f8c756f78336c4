"""Browsers as cameras: codes that are good once, and what they are exchanged for."""

from __future__ import annotations

import asyncio
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest
from multidict import CIMultiDict

from jellyfish.lab.simulation.network import HOST, PORT, URL
from jellyfish.protocol import wire
from jellyfish.server.access import Access, AccessRules, Allowed, RouteKind
from jellyfish.server.page.invitations import CODE_S, GUEST_S, MOST_CODES, MOST_GUESTS, Invitations
from jellyfish.server.page.reach import origin_for_others
from tests.server.peer import Peer, http, running
from tests.server.test_access import CHIEF, DOOR, TOKENS, bearer, token
from tests.virtual import virtual

INVITING = f"http://{HOST}:{PORT}/v1/cameras/invitations"
ACCEPTING = f"http://{HOST}:{PORT}/camera/accept"


def invitations() -> Invitations:
    numbers = count()
    return Invitations(lambda: f"secret-{next(numbers)}")


def let_in(access: Access, text: str, kind: RouteKind = RouteKind.CAMERA) -> bool:
    return isinstance(access.judge(CIMultiDict(bearer(text)), "", kind), Allowed)


def test_a_code_is_good_once() -> None:
    here = invitations()
    code = here.invite("phone", 0.0)
    accepted = here.accept(code, 1.0)
    assert accepted is not None and accepted.camera == "phone" and accepted.token != code
    assert here.accept(code, 2.0) is None
    assert here.accept("secret-99", 2.0) is None and here.accept("", 2.0) is None


def test_a_code_is_good_for_ten_minutes_and_what_it_is_exchanged_for_for_half_a_day() -> None:
    here = invitations()
    late, right = here.invite("late", 0.0), here.invite("right", 0.0)
    accepted = here.accept(right, CODE_S)
    assert accepted is not None and here.accept(late, CODE_S + 0.1) is None
    access = Access(TOKENS)
    for now, good in ((CODE_S + GUEST_S, True), (CODE_S + GUEST_S + 0.1, False)):
        access.guests = lambda digest, now=now: here.token(digest, now)  # type: ignore[misc]
        assert let_in(access, accepted.token) is good


def test_a_guest_may_stream_under_its_own_name_and_nothing_else() -> None:
    here = invitations()
    accepted = here.accept(here.invite("pho*ne[1]", 0.0), 0.0)
    assert accepted is not None
    only_chief = AccessRules((token(CHIEF, RouteKind.ADMINISTRATION),))
    access = Access(only_chief, lambda digest: here.token(digest, 1.0))
    verdict = access.judge(CIMultiDict(bearer(accepted.token)), "", RouteKind.CAMERA)
    assert isinstance(verdict, Allowed) and access.still(verdict)
    assert verdict.may_be_called("pho*ne[1]")
    assert not any(verdict.may_be_called(name) for name in ("phoXne[1]", "phone1", "pho*ne[1]2", "gate"))
    for kind in set(RouteKind) - {RouteKind.CAMERA, RouteKind.HEALTH, RouteKind.PAGE}:
        assert not let_in(access, accepted.token, kind), kind
    access.replace(TOKENS)  # a guest stays when tokens are read anew
    assert access.still(verdict)


def test_what_is_kept_is_bounded() -> None:
    here = invitations()
    codes = [here.invite(f"camera-{number}", 0.0) for number in range(MOST_CODES + 1)]
    assert here.accept(codes[0], 0.0) is None
    assert here.accept(codes[1], 0.0) is not None
    first = here.accept(here.invite("first", 0.0), 0.0)
    assert first is not None
    access = Access(TOKENS, lambda digest: here.token(digest, 0.0))
    assert let_in(access, first.token)
    for number in range(MOST_GUESTS):
        here.accept(here.invite(f"more-{number}", 0.0), 0.0)
    assert not let_in(access, first.token)


@pytest.mark.parametrize(
    ("asked", "everywhere", "address", "url", "notes"),
    [
        ("https://gpu.example.org", False, None, "https://gpu.example.org", 0),
        ("https://192.168.1.5:8765", True, "192.168.1.5", "https://192.168.1.5:8765", 0),
        ("https://localhost:8765", True, "192.168.1.5", "https://192.168.1.5:8765", 0),
        ("https://[::1]:8765", True, "192.168.1.5", "https://192.168.1.5:8765", 0),
        ("https://[fd00::7]:8765", True, "192.168.1.5", "https://[fd00::7]:8765", 0),
        ("http://192.168.1.5:8765", True, "192.168.1.5", "http://192.168.1.5:8765", 1),  # no camera without HTTPS
        ("https://localhost:8765", False, "192.168.1.5", "https://localhost:8765", 1),  # nobody else gets there
        ("http://127.0.0.1:8765", True, None, "http://127.0.0.1:8765", 2),
    ],
)
def test_what_a_phone_is_to_open(asked: str, everywhere: bool, address: str | None, url: str, notes: int) -> None:
    origin = origin_for_others(asked, everywhere, address)
    assert (origin.url, len(origin.notes)) == (url, notes)


@virtual
async def test_an_invitation_is_an_administrators_to_make_and_brings_a_camera_in_once() -> None:
    loop = asyncio.get_running_loop()
    async with running(access=Access(TOKENS)), http() as session:
        for headers, status in (({}, 401), (bearer(DOOR), 403), (bearer(CHIEF), 200)):
            async with session.post(INVITING, params={"camera": "my phone"}, headers=headers) as answer:
                assert answer.status == status
                told = await answer.json()
        parts = urlsplit(told["address"])
        fragment = parse_qs(parts.fragment)
        assert parts.path == "/camera" and not parts.query and fragment["camera"] == ["my phone"]
        assert told["expires_s"] == CODE_S and len(told["qr"]) == len(told["qr"][0]) > 20
        code = fragment["code"][0]
        async with session.post(ACCEPTING, headers=bearer(code)) as answer:
            accepted = await answer.json()
            assert answer.status == 200 and accepted["camera"] == "my phone"
        async with session.post(ACCEPTING, headers=bearer(code)) as answer:
            assert answer.status == 403 and "used" in (await answer.json())["error"]
        async with session.ws_connect(URL, headers=bearer(accepted["token"])) as socket:
            peer = Peer(socket, loop.time)
            await peer.send(wire.Hello("my phone", 15, 100.0))
            await peer.until(wire.Welcome)


@virtual
async def test_a_stream_ends_when_the_token_of_its_invitation_does() -> None:
    loop = asyncio.get_running_loop()
    async with running(access=Access(TOKENS)), http() as session:
        async with session.post(INVITING, params={"camera": "phone"}, headers=bearer(CHIEF)) as answer:
            code = parse_qs(urlsplit((await answer.json())["address"]).fragment)["code"][0]
        async with session.post(ACCEPTING, headers=bearer(code)) as answer:
            accepted = await answer.json()
        await asyncio.sleep(GUEST_S - 5.0)
        async with session.ws_connect(URL, headers=bearer(accepted["token"])) as socket:
            peer = Peer(socket, loop.time)
            await peer.send(wire.Hello("phone", 15, 100.0))
            await peer.until(wire.Welcome)
            assert (await peer.until(wire.ErrorMessage)).code == "forbidden"


@virtual
async def test_where_there_are_no_tokens_an_invitation_needs_none_and_has_none() -> None:
    async with running(access=Access(AccessRules(hosts=frozenset({"server"})))), http() as session:
        own = {"Origin": f"http://{HOST}"}
        async with session.post(INVITING, params={"camera": "phone"}, headers=own) as answer:
            told = await answer.json()
            assert answer.status == 200 and "expires_s" not in told and "code" not in told["address"]
        strangers = {"Origin": "https://evil.example"}
        async with session.post(INVITING, params={"camera": "phone"}, headers=strangers) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("camera", ["", "x" * 65, "a\nb"])
@virtual
async def test_a_camera_is_called_by_a_name_that_a_stream_may_have(camera: str) -> None:
    async with running(), http() as session, session.post(INVITING, params={"camera": camera}) as answer:
        assert answer.status == 400 and "letters" in (await answer.json())["error"]


@virtual
async def test_nobody_is_invited_as_a_camera_that_the_server_fetches() -> None:
    async with running() as service, http() as session:
        service.settings.replace({}, {"gate"})
        async with session.post(INVITING, params={"camera": "gate"}) as answer:
            assert answer.status == 409 and "fetches" in (await answer.json())["error"]


@pytest.mark.parametrize("host", ["server:99999", "server:abc", "[::1"])
@virtual
async def test_an_invitation_that_is_asked_for_at_no_address_is_refused(host: str) -> None:
    asked = {"params": {"camera": "phone"}, "headers": {"Host": host}}
    async with running(), http() as session, session.post(INVITING, **asked) as answer:
        assert answer.status == 400 and "Host" in (await answer.json())["error"]
