"""Which of several servers a client tries next, and after what pause. Pure.

A client is told one address, its home; the servers that it meets name others where it may go on. When a connection is
lost or refused, the next try is made somewhere else, and soon: that server may be gone. Only when all have been tried
does it pause, as one with a single server does (`retries`). Where it is taken in it stays.

Clients of one server that is gone spread over the others, each by its own order, which is another one in each round.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from hashlib import blake2b

from jellyfish.camera.retries import STEADY_S, RetryPace
from jellyfish.camera.stream_url import may_go_on_at

MOST_NAMED = 16
"""Addresses that are kept."""
SOON_S = 0.25
"""Within so long a client goes on elsewhere, not all in the same moment."""


class ServerChoice:
    """One client's, over all its streams. The same name gives the same choices."""

    def __init__(self, client: str) -> None:
        self.url = self._home = ""
        """Where it is, or is trying to be."""
        self._client, self._with_token = client, False
        self._pace, self._chance = RetryPace(client), random.Random(client)
        self._namer, self._named = "", tuple[str, ...]()
        """The server that has said last where to go on, and where; of that as much as is safe."""
        self._round, self._tried, self._struck = 0, set[str](), set[str]()
        self._open_s = 0.0
        """For how long a stream of this round was open at most."""

    def begin(self, home: str, with_token: bool) -> None:
        """`home` is where it was told to connect, and whether a token goes with that; what else it knows is kept."""
        self._home, self._with_token = home, with_token
        self.url = self.url or home

    @property
    def elsewhere(self) -> str | None:
        """Where it is, unless that is at home."""
        return None if self.url == self._home else self.url

    @property
    def others(self) -> Sequence[str]:
        """Where else it may go in this round."""
        return [url for url in self._known if url not in self._tried and url != self.url]

    def name(self, alternatives: Sequence[str]) -> None:
        """The server here names these. Those that are less safe than home are passed over.

        What was named before is kept, up to a bound: a server that has just been started anew has not met all others.
        """
        safe = (url for url in alternatives if may_go_on_at(url, self._home, self._with_token))
        namer = (self._namer,) if self._namer else ()
        self._named = tuple(dict.fromkeys((*safe, *namer, *self._named)))[:MOST_NAMED]
        self._namer = self.url

    def strike(self) -> None:
        """The server here will never take this client in."""
        self._struck.add(self.url)

    def pause_s(self, open_s: float) -> float | None:
        """Choose where to try next, and say after what pause; None where no server is left.

        `open_s`: how long the stream had been open that failed or was lost.
        """
        if open_s >= STEADY_S:
            self._tried.clear()
        self._open_s = max(self._open_s, open_s)
        if others := self.others:
            self._tried.add(self.url)
            self.url = min(others, key=self._rank)
            return self._chance.uniform(0.0, SOON_S)
        pause_s = self._pace.pause_s(self._open_s)
        self._round, self._open_s = self._round + 1, 0.0
        self._tried.clear()
        self.url = min(self._known, key=self._rank, default=self.url)
        return pause_s if self._known else None

    @property
    def _known(self) -> Sequence[str]:
        known = dict.fromkeys((self._home, self.url, self._namer or self._home, *self._named))
        return [url for url in known if url not in self._struck]

    def _rank(self, url: str) -> bytes:
        return blake2b(f"{self._client}\n{self._round}\n{url}".encode(), digest_size=8).digest()
