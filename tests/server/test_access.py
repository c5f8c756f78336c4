"""Who may do what: tokens, and what is looked at where a browser asks without one."""

from __future__ import annotations

from hashlib import sha256

import pytest
from multidict import CIMultiDict

from jellyfish.server.access import Access, AccessRules, Allowed, Refused, RouteKind, Token, subprotocol_of

DOOR, GATE, CHIEF = "door-door-door-door", "gate-gate-gate-gate", "chief-chief-chief-chief"
FAR = "192.0.2.7"


def token(text: str, *may: RouteKind, cameras: tuple[str, ...] = ()) -> Token:
    name = text.partition("-")[0]
    digest = sha256(text.encode()).digest()
    return Token(name, digest, frozenset(may), cameras) if may else Token(name, digest, cameras=cameras)


TOKENS = AccessRules((token(DOOR), token(GATE, cameras=("gate-*",)), token(CHIEF, RouteKind.ADMINISTRATION)))


def judged(rules: AccessRules, headers: dict[str, str], kind: RouteKind, peer: str = FAR) -> Allowed | Refused:
    return Access(rules).judge(CIMultiDict(headers), peer, kind)


def status(rules: AccessRules, headers: dict[str, str], kind: RouteKind, peer: str = FAR) -> int:
    verdict = judged(rules, headers, kind, peer)
    return verdict.status if isinstance(verdict, Refused) else 200


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize(
    ("headers", "kind", "expected"),
    [
        ({}, RouteKind.HEALTH, 200),
        ({}, RouteKind.CAMERA, 401),
        ({}, RouteKind.METRICS, 403),  # nobody has a token for them
        ({}, RouteKind.ADMINISTRATION, 401),
        (bearer(DOOR), RouteKind.CAMERA, 200),
        (bearer(DOOR), RouteKind.REQUEST, 200),
        (bearer(DOOR), RouteKind.ADMINISTRATION, 403),
        (bearer(DOOR), RouteKind.WATCH, 403),  # a usual token sends, and sees nothing of others
        (bearer(CHIEF), RouteKind.ADMINISTRATION, 200),
        (bearer(CHIEF), RouteKind.CAMERA, 403),
        (bearer(DOOR[:-1]), RouteKind.CAMERA, 401),
        (bearer(DOOR + "x"), RouteKind.CAMERA, 401),
        (bearer("dö" * 10), RouteKind.CAMERA, 401),
        (bearer("x" * 100_000), RouteKind.CAMERA, 401),
        ({"Authorization": f"bearer  {DOOR} "}, RouteKind.CAMERA, 200),
        ({"Authorization": f"Basic {DOOR}"}, RouteKind.CAMERA, 401),
        ({"Sec-WebSocket-Protocol": ", ".join(subprotocol_of(DOOR))}, RouteKind.CAMERA, 200),
        ({"Sec-WebSocket-Protocol": f"jellyfish, {DOOR}"}, RouteKind.CAMERA, 401),
        (bearer(DOOR) | {"Origin": "https://evil.example"}, RouteKind.CAMERA, 200),  # a page that has it may
    ],
)
def test_where_there_are_tokens_nothing_but_health_goes_without(
    headers: dict[str, str], kind: RouteKind, expected: int
) -> None:
    assert status(TOKENS, headers, kind) == expected


def test_headers_of_another_kind_than_https_have_small_letters() -> None:
    assert isinstance(Access(TOKENS).judge({"authorization": f"Bearer {DOOR}"}, "", RouteKind.REQUEST), Allowed)


def test_a_token_may_be_for_cameras_of_some_names_alone() -> None:
    anybody, some = (judged(TOKENS, bearer(text), RouteKind.CAMERA) for text in (DOOR, GATE))
    assert isinstance(anybody, Allowed) and isinstance(some, Allowed)
    assert anybody.may_be_called("anything") and anybody.who == "door"
    assert some.may_be_called("gate-7") and not some.may_be_called("door")


def test_what_the_rules_name_goes_without_a_token_but_not_for_pages_of_others() -> None:
    rules = AccessRules(TOKENS.tokens, frozenset({RouteKind.METRICS}))
    assert status(rules, {"Host": "127.0.0.1:8765"}, RouteKind.METRICS) == 200
    assert status(rules, {"Host": "127.0.0.1", "Origin": "http://evil.example"}, RouteKind.METRICS) == 403
    assert status(rules, {}, RouteKind.CAMERA) == 401


@pytest.mark.parametrize("peer", ["127.0.0.1", FAR])
def test_administration_never_goes_without_a_token(peer: str) -> None:
    rules = AccessRules(without_token=frozenset({RouteKind.ADMINISTRATION}))
    for headers in ({}, {"Host": "localhost"}, bearer(DOOR)):
        assert status(rules, headers, RouteKind.ADMINISTRATION, peer) == 403


def test_a_stream_goes_on_for_as_long_as_its_token_is_there() -> None:
    access = Access(TOKENS)
    allowed = access.judge(CIMultiDict(bearer(GATE)), FAR, RouteKind.CAMERA)
    assert isinstance(allowed, Allowed) and access.still(allowed)
    access.replace(AccessRules((token(GATE, cameras=("gate-1",)),)))
    assert not access.still(allowed)
    access.replace(AccessRules((token(DOOR),)))
    assert not access.still(allowed) and not access.still(Allowed())
    access.replace(AccessRules())
    assert access.still(Allowed())


def test_who_watches_goes_on_while_its_token_is_for_that() -> None:
    access = Access(AccessRules((token(DOOR, RouteKind.WATCH),)))
    allowed = access.judge(CIMultiDict(bearer(DOOR)), FAR, RouteKind.WATCH)
    assert isinstance(allowed, Allowed) and access.still(allowed, RouteKind.WATCH)
    assert not access.still(allowed)  # a stream is something else
    access.replace(AccessRules((token(DOOR),)))
    assert not access.still(allowed, RouteKind.WATCH)


OPEN = AccessRules(
    hosts=frozenset({"gpu.example.org"}), origins=frozenset({"https://viewer.example"}), proxies=frozenset({FAR})
)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "127.0.0.1:8765"}, 200),  # no browser: no Origin
        ({"Host": "cameras.example"}, 200),
        ({"Host": "127.0.0.1:8765", "Origin": "http://127.0.0.1:8765"}, 200),  # its own page
        ({"Host": "localhost:8765", "Origin": "http://localhost:8765"}, 200),
        ({"Host": "GPU.example.org:8765", "Origin": "http://gpu.example.org:8765"}, 200),
        ({"Host": "[::1]:8765", "Origin": "http://[::1]:8765"}, 200),
        ({"Host": "127.0.0.1:8765", "Origin": "https://viewer.example"}, 200),  # named
        ({"Host": "127.0.0.1:8765", "Origin": "https://evil.example"}, 403),  # cross-site WebSocket hijacking
        ({"Host": "127.0.0.1:8765", "Origin": "http://127.0.0.1:3000"}, 403),  # another program of this machine
        ({"Host": "127.0.0.1:8765", "Origin": "http://localhost:8765"}, 403),
        ({"Host": "127.0.0.1:8765", "Origin": "null"}, 403),  # a sandboxed frame, a file
        ({"Host": "127.0.0.1:8765", "Origin": "https://viewer.example.evil.example"}, 403),
        ({"Host": "evil.example:8765", "Origin": "http://evil.example:8765"}, 403),  # DNS rebinding
        ({"Host": "127.0.0.1.evil.example", "Origin": "http://127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example", "Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8765"}, 403),
        ({"Host": "[::1", "Origin": "http://[::1"}, 403),
        ({"Host": "127.0.0.1:x", "Origin": "http://127.0.0.1:x"}, 403),
    ],
)
def test_without_tokens_a_stream_is_for_programs_and_for_the_servers_own_pages(
    headers: dict[str, str], expected: int
) -> None:
    assert status(OPEN, headers, RouteKind.CAMERA, "127.0.0.1") == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Host": "127.0.0.1:8765"}, 200),
        ({"Host": "localhost"}, 200),
        ({"Host": "gpu.example.org"}, 200),
        ({"Host": "any-box-of-this-network:8765"}, 200),
        ({"Host": ""}, 200),
        ({}, 200),  # no browser leaves it out
        ({"Host": "evil.example"}, 403),  # rebinding: a page's request to its own name has no Origin
        ({"Host": "127.0.0.1", "Sec-Fetch-Site": "cross-site"}, 403),  # <img src=...>
        ({"Host": "127.0.0.1", "Sec-Fetch-Site": "same-site"}, 403),  # of another port
        ({"Host": "127.0.0.1", "Sec-Fetch-Site": "none"}, 200),  # typed by a person
        ({"Host": "127.0.0.1", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "127.0.0.1:8765", "Origin": "https://evil.example"}, 403),  # CSRF: a form that posts
        ({"Host": "127.0.0.1:8765", "X-Forwarded-Host": "127.0.0.1:8765", "Origin": "https://evil.example"}, 403),
    ],
)
@pytest.mark.parametrize("kind", [RouteKind.REQUEST, RouteKind.METRICS, RouteKind.WATCH])
def test_without_tokens_requests_are_for_those_who_know_the_server_by_a_name_of_its_own(
    headers: dict[str, str], expected: int, kind: RouteKind
) -> None:
    assert status(OPEN, headers, kind, "127.0.0.1") == expected


def test_by_what_name_it_was_asked_is_believed_of_a_named_proxy_alone() -> None:
    asked = {"Host": "127.0.0.1:8765", "X-Forwarded-Host": "gpu.example.org", "Origin": "https://gpu.example.org"}
    assert status(OPEN, asked, RouteKind.CAMERA, FAR) == 200
    assert status(OPEN, asked, RouteKind.CAMERA, "192.0.2.8") == 403
    assert status(OPEN, asked | {"X-Forwarded-Host": "evil.example"}, RouteKind.REQUEST, FAR) == 403


def test_a_granted_token_opens_what_it_is_for_whatever_the_rules_and_has_nobody_else_asked_for_one() -> None:
    own = Token("own", sha256(b"own-own-own-own").digest(), frozenset({RouteKind.CAMERA}), own=True)
    for rules in (AccessRules(), TOKENS):
        access = Access(rules)
        access.grant(own)
        verdict = access.judge(CIMultiDict(bearer("own-own-own-own")), FAR, RouteKind.CAMERA)
        assert isinstance(verdict, Allowed) and verdict.own and access.still(verdict)
        assert isinstance(access.judge(CIMultiDict(bearer("own-own-own-own")), FAR, RouteKind.ADMINISTRATION), Refused)
        assert isinstance(access.judge(CIMultiDict(), FAR, RouteKind.CAMERA), Refused) is bool(rules.tokens)
        access.replace(AccessRules((token(GATE),)))
        assert access.still(verdict), "it is nothing of the rules"
        access.take_back(own)
        assert not access.still(verdict)
        assert isinstance(access.judge(CIMultiDict(bearer("own-own-own-own")), FAR, RouteKind.CAMERA), Refused)
