"""Invitations for cameras that are browsers: a code, good once, for a camera's token. Pure: `now` is an argument.

A code is there to see for whoever looks at the screen. What it is exchanged for is known to that camera alone, good for
a stream of one name, and for nothing else. Only hashes are kept, and nothing outlives the process.
"""

from __future__ import annotations

import glob
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from jellyfish.server.access import RouteKind, Token

CODE_S = 600.0
"""For how long a code is good."""
GUEST_S = 12 * 3600.0
"""For how long the token is that it was exchanged for: a day at the cameras, not for ever."""
MOST_CODES, MOST_GUESTS = 64, 256
"""Kept at once; one more takes the place of the oldest."""
CODE_BYTES = 18
"""144 bits in 24 letters: nobody finds one in ten minutes, and the picture of it stays small."""


class Accepted(NamedTuple):
    """What a code was exchanged for."""

    camera: str
    """What the camera is called."""
    token: str


@dataclass(frozen=True, slots=True)
class _Invited:
    camera: str
    until_s: float


@dataclass(frozen=True, slots=True)
class _Guest:
    token: Token
    until_s: float


class Invitations:
    """Those of one server."""

    def __init__(self, draw: Callable[[], str] = lambda: secrets.token_urlsafe(CODE_BYTES)) -> None:
        """`draw` makes secrets."""
        self._draw = draw
        self._open: dict[bytes, _Invited] = {}
        self._guests: dict[bytes, _Guest] = {}

    def invite(self, camera: str, now: float) -> str:
        """A code for a camera that is to be called so."""
        _without_old(self._open, now, MOST_CODES - 1)
        code = self._draw()
        self._open[_hash(code)] = _Invited(camera, now + CODE_S)
        return code

    def accept(self, code: str, now: float) -> Accepted | None:
        """What the code is exchanged for; None where it is none, is too old, or has been used."""
        invited = self._open.pop(_hash(code), None)
        if invited is None or now > invited.until_s:
            return None
        _without_old(self._guests, now, MOST_GUESTS - 1)
        token = self._draw()
        pattern = glob.escape(invited.camera)
        known = Token(f"invited {invited.camera}", _hash(token), frozenset({RouteKind.CAMERA}), (pattern,))
        self._guests[known.digest] = _Guest(known, now + GUEST_S)
        return Accepted(invited.camera, token)

    def token(self, digest: bytes, now: float) -> Token | None:
        """The guest's token of that hash, as long as it is good."""
        guest = self._guests.get(digest)
        return None if guest is None or now > guest.until_s else guest.token


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _without_old(kept: dict[bytes, _Invited] | dict[bytes, _Guest], now: float, most: int) -> None:
    """Leave the newest `most` of those that are still good."""
    for digest in [digest for digest, each in kept.items() if now > each.until_s]:
        del kept[digest]
    while len(kept) > most:
        del kept[next(iter(kept))]
