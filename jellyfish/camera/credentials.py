"""How a client proves who it is, and whom it takes for its server: what its HTTP session is opened with."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from jellyfish.camera.stream_url import OF_THIS_MACHINE, check_stream_url
from jellyfish.config import ReachConfig
from jellyfish.errors import InputError
from jellyfish.secret_files import checked_token, first_lines

TOKEN_VARIABLE = "JELLYFISH_TOKEN"
"""Of the environment: the token, where no file is named."""
MOST_LETTERS = 512

_log = logging.getLogger(__name__)


def http_session(reach: ReachConfig, url: str, environment: Mapping[str, str], limit: int = 0) -> aiohttp.ClientSession:
    """A session for the server at `url`, of any number of connections at once unless there is a `limit`. Of a running
    event loop. InputError for a token or certificates that cannot be used.
    """
    check_stream_url(url)
    token = token_of(reach, environment)
    parts = urlsplit(url)
    if token and "@" in parts.netloc:
        raise InputError("a token and a password in the URL exclude each other: leave one out")
    if token and parts.scheme == "ws" and parts.hostname not in OF_THIS_MACHINE:
        _log.warning("the token goes to %s unencrypted: give wss://, unless the network is your own", parts.hostname)
    headers = {"Authorization": f"Bearer {token}"} if token else None
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=limit, ssl=_trusted(reach, url)), headers=headers)


def token_of(reach: ReachConfig, environment: Mapping[str, str]) -> str:
    """The token; empty where there is none."""
    if reach.token_file is None:
        where, token = TOKEN_VARIABLE, environment.get(TOKEN_VARIABLE, "").strip()
    else:
        where, token = str(reach.token_file), first_lines(reach.token_file, "the token", 2 * MOST_LETTERS)[0]
    return checked_token(token, where, MOST_LETTERS)


def _trusted(reach: ReachConfig, url: str) -> ssl.SSLContext | bool:
    """Whose certificates are taken."""
    if not url.startswith("wss://"):
        for option, given in (("--ca-file", reach.ca_file), ("--any-certificate", reach.any_certificate)):
            if given:
                raise InputError(f"{option} has no effect without wss://: {url} is not encrypted")
        return True
    if reach.any_certificate:
        return False
    return True if reach.ca_file is None else _only(reach.ca_file)


def _only(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        why = "no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise InputError(f"the trusted certificates cannot be read: {ca_file}: {why}") from error
