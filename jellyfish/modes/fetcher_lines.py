"""What a server and its fetcher, the process that fetches cameras, tell each other: a JSON object a line. Pure.

Paths, which JSON has none of, are texts.
"""

from __future__ import annotations

import msgspec

from jellyfish.config import SourceConfig

MOST_LINE_BYTES = 1_000_000
"""A longer one is a fault."""
LONGEST_WORDS = 500
"""Characters that are told of a source at once."""


class ServerToReach(msgspec.Struct, frozen=True, tag="server"):
    """To the fetcher, first, and again when the certificate is another: where cameras are sent, and by what right."""

    url: str
    """ws:// or wss://HOST:PORT/v1/stream."""
    token: str
    certificates: tuple[str, ...] = ()
    """SHA-256, in hexadecimal, of those that the server may show."""

    def __repr__(self) -> str:
        return f"ServerToReach({self.url})"


class FetchCamera(msgspec.Struct, frozen=True, tag="fetch"):
    """To the fetcher: send this one, too. Its name is none that it has."""

    source: SourceConfig


class ForgetCamera(msgspec.Struct, frozen=True, tag="forget"):
    """To the fetcher: this one is wanted no more."""

    name: str


class SourceTold(msgspec.Struct, frozen=True, tag="source"):
    """From the fetcher: how the source of a camera is now. Without credentials."""

    name: str
    state: str
    words: str


class FetcherSaid(msgspec.Struct, frozen=True, tag="said"):
    """From the fetcher: a line of its log."""

    level: int
    logger: str
    words: str


class FetcherAlive(msgspec.Struct, frozen=True, tag="alive"):
    """From the fetcher, once a second: its event loop turns."""


ToFetcher = ServerToReach | FetchCamera | ForgetCamera
FromFetcher = SourceTold | FetcherSaid | FetcherAlive

_ENCODER = msgspec.json.Encoder(enc_hook=str)
_OF_SERVER = msgspec.json.Decoder(ToFetcher, dec_hook=lambda kind, value: kind(value))
_OF_FETCHER = msgspec.json.Decoder(FromFetcher)


def as_line(message: ToFetcher | FromFetcher) -> bytes:
    """`message` and the end of its line."""
    return _ENCODER.encode(message) + b"\n"


def line_of_server(line: bytes) -> ToFetcher:
    """What the server has told; ValueError for what is no such line."""
    return _OF_SERVER.decode(line)


def line_of_fetcher(line: bytes) -> FromFetcher:
    """What the fetcher has told; ValueError for what is no such line."""
    return _OF_FETCHER.decode(line)
