"""Who may do what: a request's headers, the address that it comes from and what it asks for -> as whom, or why not.

Pure, and the one place that decides it, whatever the interface (HTTP, WebSocket, gRPC). Names of headers are looked up
in small letters: a mapping of another kind than HTTP's own has them so.

As soon as there is one token, nothing but health goes without one, unless the rules name it. Where no token is asked
for, a browser's requests are looked at: pages of other origins get nothing (`browsers`). Administration always takes a
token.
"""

from __future__ import annotations

import enum
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256

from jellyfish.server.browsers import why_not_from_there

PROTOCOL = "jellyfish"
"""What a WebSocket that offers subprotocols is answered with."""
TOKEN_PROTOCOL = "jellyfish.token."
"""Offered with the token behind it by browsers, which cannot set headers on a WebSocket. Never answered with."""
LONGEST_TOKEN = 512


class RouteKind(enum.StrEnum):
    """What a request asks for."""

    HEALTH = "health"
    """Whether it lives and is ready: anybody may know."""
    PAGE = "page"
    """The files of the server's own page, in which there is nothing of its cameras: anybody may have them."""
    CAMERA = "camera"
    """A stream."""
    REQUEST = "request"
    """Single frames, and what answers them."""
    WATCH = "watch"
    """What cameras are answered, and their pictures."""
    METRICS = "metrics"
    ADMINISTRATION = "administration"
    """Whatever changes the server."""


FOR_ALL = frozenset({RouteKind.HEALTH, RouteKind.PAGE})
"""What takes no token, ever."""
USUAL = frozenset({RouteKind.CAMERA, RouteKind.REQUEST})
"""What a token is for that says nothing else."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token, of which only the hash is kept."""

    name: str
    """Whom it stands for."""
    digest: bytes
    """SHA-256."""
    may: frozenset[RouteKind] = USUAL
    cameras: tuple[str, ...] = ()
    """What its cameras may be called, and which it may watch, `*` for any letters; empty: anything."""
    own: bool = False
    """Whether it is a helper's of the server itself, which nobody else has."""


@dataclass(frozen=True, slots=True)
class AccessRules:
    """What a server was told about who may do what."""

    tokens: tuple[Token, ...] = ()
    without_token: frozenset[RouteKind] = frozenset()
    """What goes without one although there are some."""
    hosts: frozenset[str] = frozenset()
    """Names of this server, beside addresses and `localhost`."""
    origins: frozenset[str] = frozenset()
    """Of pages that may use it beside its own: https://viewer.example.org."""
    proxies: frozenset[str] = frozenset()
    """Addresses of those whose `X-Forwarded-...` is believed."""

    def asks_for_token(self, kind: RouteKind) -> bool:
        """Whether there is a token to have for it."""
        if kind is RouteKind.ADMINISTRATION:
            return True
        return kind not in FOR_ALL and bool(self.tokens) and kind not in self.without_token


@dataclass(frozen=True, slots=True)
class Allowed:
    """Go on."""

    who: str = ""
    """The token's name; empty where none was asked for."""
    digest: bytes = b""
    """The token's, by which it is found again after others have been read."""
    cameras: tuple[str, ...] = ()
    own: bool = False
    """Whether it is a helper of the server itself."""

    def may_be_called(self, camera: str) -> bool:
        """Whether a camera may say that this is its name, or be watched by it."""
        return not self.cameras or any(fnmatchcase(camera, pattern) for pattern in self.cameras)


@dataclass(frozen=True, slots=True)
class Refused:
    """Not so, and why, in words that say nothing of what is there."""

    status: int
    """HTTP's: 401 where a token would help, else 403."""
    why: str

    @property
    def code(self) -> str:
        """As events name it."""
        return "unauthorised" if self.status == 401 else "forbidden"


@dataclass
class Access:
    """The rules in force."""

    rules: AccessRules = field(default_factory=AccessRules)
    guests: Callable[[bytes], Token | None] = lambda digest: None
    """Tokens that the server has given out itself, by their hash, which outlive a change of rules."""

    def __post_init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._of_tokens: dict[bytes, Token] = {}
        self._granted: dict[bytes, Token] = {}
        self.replace(self.rules)

    def replace(self, rules: AccessRules) -> None:
        """Go by these from now on."""
        self.rules = rules
        self._of_tokens = {self._blind(token.digest): token for token in rules.tokens}

    def grant(self, token: Token) -> None:
        """Have one more, whatever the rules are: because of it nobody else is asked for one."""
        self._granted[self._blind(token.digest)] = token

    def take_back(self, token: Token) -> None:
        """One that was granted is none any more."""
        self._granted.pop(self._blind(token.digest), None)

    def judge(self, headers: Mapping[str, str], peer: str, kind: RouteKind) -> Allowed | Refused:
        """Whether a request may go on. `peer`: the address at the other end of its connection; it may be a proxy's."""
        if kind in FOR_ALL:
            return Allowed()
        if self._granted and (told := told_token(headers)):
            granted = self._granted.get(self._blind(sha256(told.encode()).digest()))
            if granted is not None and kind in granted.may:
                return _allowed(granted)
        if self.rules.asks_for_token(kind):
            return self._by_token(told_token(headers), kind)
        rules = self.rules
        why = why_not_from_there(
            headers, peer in rules.proxies, rules.hosts, rules.origins, only_pages=kind is RouteKind.CAMERA
        )
        return Allowed() if why is None else Refused(403, why)

    def still(self, allowed: Allowed, kind: RouteKind = RouteKind.CAMERA) -> bool:
        """Whether what was allowed for something that lasts would be so again by the rules as they are now."""
        if not allowed.digest:
            return not self.rules.asks_for_token(kind)
        token = self._found(allowed.digest)
        return token is not None and kind in token.may and token.cameras == allowed.cameras

    def _by_token(self, told: str, kind: RouteKind) -> Allowed | Refused:
        token = self._found(sha256(told.encode()).digest()) if told else None
        may = token is not None and kind in token.may
        if not may and not any(kind in each.may for each in self.rules.tokens):
            return Refused(403, f"this server has no token for {kind.value}, so nobody may (docs/security.md)")
        if not told:
            return Refused(401, "this needs a token: Authorization: Bearer TOKEN (docs/security.md)")
        if token is None:
            return Refused(401, "this server does not know that token")
        if kind not in token.may:
            return Refused(403, f"that token is not for {kind.value}")
        return _allowed(token)

    def _found(self, digest: bytes) -> Token | None:
        """The token, in the same time wherever it is: nobody outside can aim at a place in the table."""
        blind = self._blind(digest)
        return self._granted.get(blind) or self._of_tokens.get(blind) or self.guests(digest)

    def _blind(self, digest: bytes) -> bytes:
        return hmac.digest(self._key, digest, "sha256")


def _allowed(token: Token) -> Allowed:
    return Allowed(token.name, token.digest, token.cameras, token.own)


def subprotocol_of(token: str) -> tuple[str, str]:
    """What a browser offers for a WebSocket: `new WebSocket(url, [...])`."""
    return PROTOCOL, f"{TOKEN_PROTOCOL}{token}"


def told_token(headers: Mapping[str, str]) -> str:
    """The token that a request brings; empty where it brings none that could be one."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        offered = (part.strip() for part in headers.get("sec-websocket-protocol", "").split(","))
        token = next((part for part in offered if part.startswith(TOKEN_PROTOCOL)), "").removeprefix(TOKEN_PROTOCOL)
    token = token.strip()
    return token if len(token) <= LONGEST_TOKEN and token.isascii() else ""
