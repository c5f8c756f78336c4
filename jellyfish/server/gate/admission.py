"""Which connections may be open, and when their requests are let on. Pure: `now` is an argument.

A connection counts from the moment it is accepted. While it is no stream yet it may have to make room for newer ones:
somebody who opens connections and says nothing keeps nobody out.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable

from jellyfish.config import Limits
from jellyfish.protocol.bucket import Bucket
from jellyfish.server.gate.addresses import counts_to, loopback
from jellyfish.server.gate.inlet import RequestKind

LEAST_REQUESTS = 0.3
"""Share of other requests that is answered in any case: they cost little, and health checks are among them."""
BURST_S = 2.0
"""Requests of so much time may come at once."""
AT_ONCE = 4
"""So many of a kind are let on in one turn of the event loop: frames come between them."""


class Admission:
    """Of one listening server. Connections are known by whatever key tells them apart."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._newcomers: OrderedDict[Hashable, str] = OrderedDict()
        """Those that are no stream (yet), with whose share they count to; the oldest first."""
        self._answering: set[Hashable] = set()
        """Newcomers whose request is being answered."""
        self._streams: dict[Hashable, str] = {}
        self._watching: set[Hashable] = set()
        """Of those that carry one: whose it is to watch, which takes no camera's place."""
        self._streams_of: Counter[str] = Counter()
        self._newcomers_of: Counter[str] = Counter()
        self._rates = {
            RequestKind.STREAM: limits.joins_per_s,
            RequestKind.INFERENCE: limits.inferences_per_s,
            RequestKind.OTHER: limits.requests_per_s,
        }
        self._buckets = {kind: Bucket(rate, max(1.0, BURST_S * rate)) for kind, rate in self._rates.items()}
        self._asking: dict[RequestKind, deque[Hashable]] = {kind: deque() for kind in RequestKind}
        """Whose requests wait to be let on."""

    def keep_to(self, limits: Limits) -> None:
        """These hold from now on."""
        self._limits = limits

    @property
    def streams(self) -> int:
        """Connections that carry a camera's stream."""
        return len(self._streams) - len(self._watching)

    @property
    def newcomers(self) -> int:
        """Connections that carry none, or none yet."""
        return len(self._newcomers)

    def those_without_stream(self) -> list[Hashable]:
        """Connections that carry none, or none yet."""
        return list(self._newcomers)

    def opened(self, key: Hashable, address: str) -> Hashable | None:
        """A connection was accepted; the one that is to be closed for it, which may be itself.

        Whoever has most of them open gives up the oldest of its own; of one's own rather the newest than one whose
        request is being answered.
        """
        self._newcomers[key] = owner = counts_to(address)
        self._newcomers_of[owner] += 1
        most_of_one = self._newcomers_of[owner] > self._share(address)
        if not most_of_one and len(self._newcomers) <= self._limits.newcomers:
            return None
        loser = owner if most_of_one else self._newcomers_of.most_common(1)[0][0]
        losing = [each for each, its in self._newcomers.items() if its == loser]
        return next((each for each in losing if each not in self._answering), key if loser == owner else losing[0])

    def asked(self, key: Hashable, kind: RequestKind) -> None:
        """Its request is here. Who asks is none of those that have said nothing for longest."""
        if key in self._newcomers:
            self._newcomers.move_to_end(key)
            self._asking[kind].append(key)

    def make_room(self, room: float) -> None:
        """The host can give such a share (0..1) of its time for requests."""
        for kind, bucket in self._buckets.items():
            bucket.rate = (room if kind is RequestKind.STREAM else max(room, LEAST_REQUESTS)) * self._rates[kind]

    def let_on(self, now: float) -> list[Hashable]:
        """Those whose requests may be handed on now."""
        going = []
        for kind, bucket in self._buckets.items():
            waiting = self._asking[kind]
            turns = AT_ONCE
            while waiting and (waiting[0] not in self._newcomers or (turns and bucket.allows(1.0, now))):
                key = waiting.popleft()
                if key in self._newcomers:
                    self._answering.add(key)
                    going.append(key)
                    turns -= 1
        return going

    def answered(self, key: Hashable) -> None:
        """Its request was."""
        self._answering.discard(key)

    def wait_s(self, now: float) -> float:
        """Seconds until `let_on` may give more; infinite when nobody waits."""
        asking = (bucket for kind, bucket in self._buckets.items() if self._asking[kind])
        return min((bucket.wait_s(1.0, now) for bucket in asking), default=float("inf"))

    def begins(self, key: Hashable, address: str | None, watching: bool = False) -> str | None:
        """A connection is to carry a stream, for a client at `address`; why not, in words, or None.

        `address`: None for the server's own, of which there may be as many as it was told of, wherever it listens.
        `watching`: it carries answers away, and no camera's frames; how many do is bounded elsewhere.
        """
        if not watching and self.streams >= self._limits.connections:
            return f"the server has its {self._limits.connections} streams; try again later"
        owner = counts_to(address or "")
        if address is not None and self._streams_of[owner] >= self._share(address):
            return (
                f"{owner} has its {self._share(address):g} streams; for more behind one address start the server "
                "with a larger --per-address"
            )
        self._forget(key)
        if watching:
            self._watching.add(key)
        self._streams[key] = owner
        self._streams_of[owner] += 1
        return None

    def closed(self, key: Hashable) -> None:
        """A connection is gone."""
        self._forget(key)
        self._watching.discard(key)
        owner = self._streams.pop(key, None)
        if owner is not None:
            _less(self._streams_of, owner)

    def _forget(self, key: Hashable) -> None:
        self._answering.discard(key)
        owner = self._newcomers.pop(key, None)
        if owner is not None:
            _less(self._newcomers_of, owner)

    def _share(self, address: str) -> float:
        """Most connections of one address, of either kind."""
        most = self._limits.per_address
        if most is None or address in self._limits.proxies or (not self._limits.count_loopback and loopback(address)):
            return float("inf")
        return most


def _less(counts: Counter[str], owner: str) -> None:
    counts[owner] -= 1
    if not counts[owner]:
        del counts[owner]
