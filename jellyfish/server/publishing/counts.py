"""How many objects of each kind a camera sees now, steadily enough to be acted on. Pure."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping

from jellyfish.server.watching.seen import Seen

HOLD_S = 1.0
"""A count rises at once, and falls when no answer has had as many for so long: detectors lose objects for a frame."""
ALL = "all"
"""In place of a class: objects of any."""
MOST_KINDS = 256
"""Of one camera; further ones are not counted."""

Kind = tuple[str, ...]
"""A class, or a zone and a class: where in a camera's topics it stands."""


class CameraCounts:
    """One camera's. Asked for what has changed after each answer."""

    def __init__(self) -> None:
        self._newest: deque[tuple[float, Mapping[Kind, int]]] = deque()
        self._told: dict[Kind, int] = {}

    def saw(self, seen: Seen) -> dict[Kind, int]:
        """Counts that are others by this answer. Answers come in the order of their capture, nearly."""
        self._newest.append((seen.captured_s, kinds(seen)))
        while self._newest[0][0] < seen.captured_s - HOLD_S:
            self._newest.popleft()
        now: dict[Kind, int] = {}
        for _, counted in self._newest:
            now |= {kind: max(count, now.get(kind, 0)) for kind, count in counted.items()}
        return self._changed(now)

    def nothing(self) -> dict[Kind, int]:
        """The camera is not there any more: what was counted is none."""
        self._newest.clear()
        return self._changed({})

    @property
    def all(self) -> dict[Kind, int]:
        """What has been told, for who has not heard it."""
        return dict(self._told)

    def _changed(self, now: Mapping[Kind, int]) -> dict[Kind, int]:
        known = dict.fromkeys(self._told, 0) | dict(now)
        changed = {kind: count for kind, count in known.items() if count != self._told.get(kind)}
        new = [kind for kind in changed if kind not in self._told]
        for kind in new[max(0, MOST_KINDS - len(self._told)) :]:
            del changed[kind]
        self._told |= changed
        return changed


def kinds(seen: Seen) -> dict[Kind, int]:
    """How many of each class there are in an answer, in all of the frame and in each zone."""
    counted: defaultdict[Kind, int] = defaultdict(int, {(ALL,): 0})
    for index, one in enumerate(seen.detections):
        label = seen.label(one.label)
        for place in ((), *((zone,) for zone in (seen.zones[index] if index < len(seen.zones) else ()))):
            counted[*place, label] += 1
            counted[*place, ALL] += 1
    return counted
