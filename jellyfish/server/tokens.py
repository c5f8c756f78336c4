"""Tokens as a server is given them: a file, or variables of its environment; only their hashes are kept.

without_token = ["metrics"]          # what goes without one

[[token]]
name = "front door"                  # whom it stands for: said in logs
token = "..."                        # or sha256 = "...", its hash in hexadecimal
may = ["camera", "request"]          # these two unless said otherwise; also watch, metrics, administration
cameras = ["front-door", "gate-*"]   # what its cameras may be called, and which it may watch; without it, anything
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec

from jellyfish.errors import InputError
from jellyfish.server.access import FOR_ALL, LONGEST_TOKEN, USUAL, RouteKind, Token

CAMERA_VARIABLE, ADMINISTRATION_VARIABLE = "JELLYFISH_CAMERA_TOKEN", "JELLYFISH_ADMINISTRATION_TOKEN"
WATCH_VARIABLE = "JELLYFISH_WATCH_TOKEN"
"""Variables of the environment that hold one token each."""
KNOWN_VARIABLES = (
    CAMERA_VARIABLE, ADMINISTRATION_VARIABLE, WATCH_VARIABLE, "JELLYFISH_TOKEN", "JELLYFISH_SERVE_TOKENS",
    "JELLYFISH_WEBHOOK_TOKEN", "JELLYFISH_SERVE_WEBHOOK_TOKEN",
)  # fmt: skip
"""All about tokens: a camera's own, and the option of `serve`, too."""
OF_ADMINISTRATION = frozenset({RouteKind.ADMINISTRATION, RouteKind.METRICS, RouteKind.WATCH})
"""Whoever may change what cameras are answered may see it, too: one token opens the whole page."""
SHORTEST = 16
"""Characters: 16 of hexadecimal are 64 bits, which nobody finds at the rate at which a server answers."""
LETTERS = re.compile(r"[A-Za-z0-9._~+/=-]+")
"""What a header may have as a bearer token (RFC 6750)."""
MOST_BYTES = 4_000_000
_MAKE_ONE = "make one with `openssl rand -hex 32`"


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[token]]`."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    token: str | None = None
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{64}\Z")] | None = None
    may: Annotated[tuple[RouteKind, ...], msgspec.Meta(min_length=1)] = tuple(sorted(USUAL))
    cameras: tuple[str, ...] = ()


class TokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    token: tuple[TokenEntry, ...] = ()
    without_token: tuple[RouteKind, ...] = ()


def read_tokens(path: Path) -> tuple[tuple[Token, ...], frozenset[RouteKind]]:
    """The tokens of a file, and what goes without one. InputError for what cannot be used."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1).decode()
        if len(text) > MOST_BYTES:
            raise InputError(f"{path} is no file of tokens: it has more than {MOST_BYTES:,} bytes")
        told = msgspec.convert(tomllib.loads(text), TokenFile)
    except OSError as error:
        raise InputError(f"the tokens cannot be read: {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path} is no file of tokens: {error} (docs/security.md)") from error
    tokens = tuple(_token(entry, path) for entry in told.token)
    if not tokens:
        raise InputError(f"{path} has no tokens: it needs a [[token]] with a name and a token (docs/security.md)")
    _check_different(tokens, str(path))
    without = frozenset(told.without_token)
    if RouteKind.ADMINISTRATION in without:
        raise InputError(f"{path}: administration does not go without a token")
    return tokens, without


def tokens_of(environment: Mapping[str, str]) -> tuple[Token, ...]:
    """Those that stand in the environment's variables."""
    for variable in environment:  # one that is misspelt would leave the server open
        if variable.startswith("JELLYFISH_") and "TOKEN" in variable and variable not in KNOWN_VARIABLES:
            raise InputError(f"there is no variable {variable}; there are {', '.join(KNOWN_VARIABLES)}")
    found = []
    for variable, name, may in (
        (CAMERA_VARIABLE, "camera", USUAL),
        (ADMINISTRATION_VARIABLE, "administration", OF_ADMINISTRATION),
        (WATCH_VARIABLE, "watch", frozenset({RouteKind.WATCH})),
    ):
        if text := environment.get(variable, ""):
            found.append(Token(name, hashed(text, variable), may))
    _check_different(found, "the environment")
    return tuple(found)


def hashed(token: str, where: str) -> bytes:
    """SHA-256 of a token; InputError, which says where it stands, for one that would not do."""
    if LETTERS.fullmatch(token) is None:
        raise InputError(f"{where}: a token is of letters, digits and . _ ~ + / = - alone; {_MAKE_ONE}")
    if not SHORTEST <= len(token) <= LONGEST_TOKEN:
        raise InputError(
            f"{where}: a token has {SHORTEST} to {LONGEST_TOKEN} characters, this one {len(token)}; {_MAKE_ONE}"
        )
    return sha256(token.encode()).digest()


def _token(entry: TokenEntry, path: Path) -> Token:
    where = f"{path}, the token {entry.name!r}"
    if (entry.token is None) == (entry.sha256 is None):
        raise InputError(f"{where}: give one of token and sha256")
    digest = hashed(entry.token, where) if entry.token is not None else bytes.fromhex(entry.sha256 or "")
    for kind in sorted(FOR_ALL & frozenset(entry.may)):
        raise InputError(f"{where}: {kind} takes no token; `may` is of camera, request, watch, metrics, administration")
    return Token(entry.name, digest, frozenset(entry.may), entry.cameras)


def _check_different(tokens: Iterable[Token], where: str) -> None:
    names: dict[bytes, str] = {}
    for token in tokens:
        if token.digest in names:
            other = names[token.digest]
            raise InputError(f"{where}: {other!r} and {token.name!r} are the same token: give each its own")
        names[token.digest] = token.name
