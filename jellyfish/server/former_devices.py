"""Devices that are not here any more: those that have yet to end what they were given, and what all of them did.

What a device did is kept by its name. One that comes back goes on counting where it was, so that no count falls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from jellyfish.dispatch.dispatcher import DeviceStatistics, Dispatcher

MOST_FORMER = 256
"""Names that are remembered; of more, the one that ended longest ago is forgotten."""


class FormerDevices:
    """Of one server."""

    def __init__(self) -> None:
        self.leaving: list[Dispatcher] = []
        """They get no more frames, and may have some."""
        self._ended: dict[str, DeviceStatistics] = {}

    def leaves(self, dispatcher: Dispatcher) -> None:
        """Nothing is sent there from now on."""
        self.leaving.append(dispatcher)

    def ended(self, dispatcher: Dispatcher) -> None:
        """It has nothing to do any more."""
        if dispatcher in self.leaving:
            self.leaving.remove(dispatcher)
            did = dispatcher.statistics()
            before = self._ended.pop(did.device, None)
            self._ended[did.device] = did if before is None else together(before, did)
            while len(self._ended) > MOST_FORMER:
                del self._ended[next(iter(self._ended))]

    def statistics(self) -> dict[str, DeviceStatistics]:
        """What they have done, by name."""
        known = dict(self._ended)
        for dispatcher in self.leaving:
            did = dispatcher.statistics()
            known[did.device] = together(known[did.device], did) if did.device in known else did
        return known

    def with_former(self, here: Iterable[Dispatcher]) -> list[DeviceStatistics]:
        """What the devices that are `here` have done, with what those did that had their names."""
        known = self.statistics()
        return [
            together(known[did.device], did) if did.device in known else did
            for did in (dispatcher.statistics() for dispatcher in here)
        ]


def together(before: DeviceStatistics, now: DeviceStatistics) -> DeviceStatistics:
    """What was done under one name; all else is as it is `now`."""
    return msgspec.structs.replace(
        now,
        busy_s=before.busy_s + now.busy_s,
        batches=before.batches + now.batches,
        frames=before.frames + now.frames,
        batch_sizes=dict(Counter(before.batch_sizes) + Counter(now.batch_sizes)),
        dropped=dict(Counter(before.dropped) + Counter(now.dropped)),
        gone=before.gone + now.gone,
    )
