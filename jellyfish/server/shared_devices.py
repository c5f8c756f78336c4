"""Devices that other servers use, too: what of them is planned with here. Pure but for what is said to the devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jellyfish.control.problem import Problem
from jellyfish.control.shares import ShareDemand, demanded, settled, within
from jellyfish.dispatch.dispatcher import Dispatcher


class SharedDevices:
    """Of one server, which is a front of a site then."""

    def __init__(self) -> None:
        self._asked: ShareDemand | None = None

    def within(self, whole: Problem, dispatchers: Mapping[str, Dispatcher]) -> Problem:
        """`whole` with what this server has of each device; where it is not alone, they are told what it could use."""
        grants = {name: each.grant for name, each in dispatchers.items()}
        if all(grant.share >= 1.0 for grant in grants.values()):
            self._asked = None
            return whole
        self._asked = settled(self._asked, demanded(whole))
        for each in dispatchers.values():
            each.want(*self._asked)
        shares = {name: grant.share for name, grant in grants.items()}
        return within(whole, shares, {name: grant.waiting_s for name, grant in grants.items()})


def other_fronts(dispatchers: Iterable[Dispatcher]) -> tuple[str, ...]:
    """Where clients of the other servers that use these devices reach them: URLs of streams."""
    return tuple(dict.fromkeys(url for each in dispatchers for url in each.grant.fronts))
