"""What the URL of a stream is, and to which one a server may send its clients on. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from jellyfish.errors import InputError

STREAM_PATH = "/v1/stream"
OF_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

_FORM = f"give ws://HOST:PORT{STREAM_PATH}, as `jellyfish serve` prints it"


def check_stream_url(url: str) -> None:
    """InputError for what is not the URL of a stream. Whether anybody answers there is not asked."""
    trouble = _trouble(url)
    if trouble is not None:
        raise InputError(f"{url or 'an empty text'} is not the URL of a stream{trouble}; {_FORM}")


def may_go_on_at(url: str, home: str, with_token: bool) -> bool:
    """Whether a client that was told to connect to `home` may follow a server's word to `url`.

    Not from an encrypted address to one that is none, and not with a token over a network that it is not sent over in
    the clear anyway: whoever pretends to be a server, or is on the way to it, could ask for that.
    """
    if _trouble(url) is not None:
        return False
    there, here = urlsplit(url), urlsplit(home)
    if "@" in there.netloc:
        return False
    if there.scheme == "wss":
        return True
    return here.scheme == "ws" and (not with_token or there.hostname in (here.hostname, *OF_THIS_MACHINE))


def _trouble(url: str) -> str | None:
    """What is wrong with the URL of a stream: nothing, or words that follow on `is not the URL of a stream`."""
    scheme, rest, _ = url.partition("://")
    if scheme in ("http", "https") and rest:
        return f": it begins with {scheme}:// instead of {scheme.replace('http', 'ws')}://"
    if scheme not in ("ws", "wss") or not url.endswith(STREAM_PATH):
        return ""
    host = url.removeprefix(f"{scheme}://").removesuffix(STREAM_PATH).rpartition("@")[2]
    if "[" not in host and host.count(":") > 1:
        return ": an IPv6 address goes into brackets"
    return _trouble_of_host(url)


def _trouble_of_host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ": its IPv6 address is not one in brackets"
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        return ": its port is not a number from 1 to 65535"
    if not parts.hostname:
        return ": it names no host"
    try:
        parts.hostname.encode("idna")
    except UnicodeError:
        return ": its host is no name that a host can have"
    return "" if parts.path != STREAM_PATH or any(letter.isspace() for letter in url) else None
