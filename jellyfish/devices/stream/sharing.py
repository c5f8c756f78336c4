"""Which part of a device each of its fronts has, and what they are told of each other. Pure: `now` is an argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from jellyfish.devices.executor import DeviceGrant

SILENT_S = 2.0
"""A front that says nothing for so long, and asks for signs of life four times a second, needs no share."""
LATELY_S = 5.0
"""Batches of others that lately ran are expected to come again."""
MOST_TOLD = 16
"""Other fronts that one is told of."""


class AskedShare(NamedTuple):
    """What a front says that it could use (`jellyfish.control.shares.ShareDemand`)."""

    wanted: float = 0.0
    weight: float = 0.0


ShareOut = Callable[[Mapping[str, AskedShare]], Mapping[str, float]]
"""What each front asks for -> its share of the device; all together are 1."""


def equally(asked: Mapping[str, AskedShare]) -> dict[str, float]:
    """To each the same."""
    return {front: 1.0 / len(asked) for front in asked}


class Longest:
    """Of what came lately."""

    def __init__(self) -> None:
        self._began_s = 0.0
        self._newest = self._before = 0.0

    def add(self, seconds: float, now: float) -> None:
        """Something of that length."""
        self._turn(now)
        self._newest = max(self._newest, seconds)

    def lately(self, now: float) -> float:
        """The longest of the last `LATELY_S`, or of up to twice that; 0 without any."""
        self._turn(now)
        return max(self._newest, self._before)

    def _turn(self, now: float) -> None:
        if now - self._began_s >= LATELY_S:
            recent = now - self._began_s < 2 * LATELY_S
            self._before, self._newest, self._began_s = self._newest if recent else 0.0, 0.0, now


@dataclass(slots=True)
class _Sharer:
    url: str
    heard_s: float
    asked: AskedShare = field(default_factory=AskedShare)
    batches: Longest = field(default_factory=Longest)
    grant: DeviceGrant = field(default_factory=DeviceGrant)


class DeviceSharing:
    """Of one device."""

    def __init__(self, share_out: ShareOut = equally) -> None:
        self._share_out = share_out
        self._sharers: dict[str, _Sharer] = {}

    def come(self, front: str, url: str, now: float) -> None:
        """A front is there, whose clients others can reach at `url`, if it says so."""
        self._sharers[front] = _Sharer(url, now)

    def leave(self, front: str) -> None:
        """It has gone: what it had is the others'."""
        self._sharers.pop(front, None)

    def heard(self, front: str, now: float) -> None:
        """It has said something."""
        self._sharers[front].heard_s = now

    def ask(self, front: str, asked: AskedShare) -> None:
        """It asks for that from now on."""
        self._sharers[front].asked = asked

    def ran(self, front: str, cost_s: float, now: float) -> None:
        """A batch of its has come that keeps the device for so long."""
        self._sharers[front].batches.add(cost_s, now)

    def shares(self, now: float) -> Mapping[str, float]:
        """Of the fronts that are there."""
        there = {front: each.asked for front, each in self._sharers.items() if now - each.heard_s < SILENT_S}
        return self._share_out(there) if there else {}

    def changed(self, now: float) -> dict[str, DeviceGrant]:
        """What those are to be told for whom something has changed since they were told last."""
        shares, told = self.shares(now), {}
        for front, sharer in self._sharers.items():
            if front in shares:
                grant = self._grant(front, shares, now)
                if grant != sharer.grant:
                    sharer.grant = told[front] = grant
        return told

    def _grant(self, front: str, shares: Mapping[str, float], now: float) -> DeviceGrant:
        others = [each for name, each in self._sharers.items() if name != front and name in shares]
        mine = self._sharers[front].url
        urls = dict.fromkeys(each.url for each in others if each.url and each.url != mine)
        waiting_s = max((each.batches.lately(now) for each in others), default=0.0)
        return DeviceGrant(shares[front], waiting_s, tuple(urls)[:MOST_TOLD])
