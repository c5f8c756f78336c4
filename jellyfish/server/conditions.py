"""What a person should know of a server, told when it begins and when it ends, not all the while. Pure: `now` is given.

Looked at about once a second. What comes and goes within `LASTS_S` is told only of devices' states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from jellyfish.server.events import DeviceChanged, DeviceSuspect, PlacesMissing, ServerEvent, TargetMissed

LASTS_S = 5.0
"""So long something has to be so before it is told."""
SUSPECT, UNSUSPECTED = 1.5, 1.25
"""Times its profiled time: a device that takes more is suspect, until it takes less than the other."""
GONE = "gone"
"""The state of a device that is not there, or was not until now."""
ENOUGH_FRAMES = 30
"""Of a client in a minute: of fewer frames a single one would be more than the target allows."""


class ClientFared(NamedTuple):
    """Frames of a client, or of several."""

    ended: int
    """Those that have an outcome, as far as the server can tell."""
    on_time: int


class DevicePace(NamedTuple):
    """How a device is."""

    state: str
    slow_down: float
    """Times its profiled time that it lastingly takes."""


class LastingCondition:
    """Something that is so or not. It has changed when it has been otherwise for long enough."""

    def __init__(self) -> None:
        self.holds = False
        self._otherwise_s: float | None = None

    def changed(self, holds: bool, now: float) -> bool:
        """Take in that it is so now, or not; whether that is news."""
        if holds == self.holds:
            self._otherwise_s = None
            return False
        if self._otherwise_s is None:
            self._otherwise_s = now
        if now - self._otherwise_s < LASTS_S:
            return False
        self.holds, self._otherwise_s = holds, None
        return True


class Conditions:
    """Of one server."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._slow: dict[str, LastingCondition] = {}
        self._looked = False
        self._crowded = LastingCondition()
        self._fared: dict[str, ClientFared] = {}

    def devices(self, devices: Mapping[str, DevicePace], now: float) -> list[ServerEvent]:
        """What is new of devices."""
        gone = [(device, self._states.pop(device)) for device in self._states.keys() - devices.keys()]
        news: list[ServerEvent] = [DeviceChanged(device, GONE, before) for device, before in sorted(gone)]
        for device, _ in gone:
            self._slow.pop(device, None)
        for device, pace in devices.items():
            before = self._states.get(device, GONE if self._looked else pace.state)
            self._states[device] = pace.state
            if pace.state != before:
                news.append(DeviceChanged(device, pace.state, before))
            slow = self._slow.setdefault(device, LastingCondition())
            suspect = pace.slow_down > (UNSUSPECTED if slow.holds else SUSPECT)
            if slow.changed(suspect, now):
                news.append(DeviceSuspect(device, round(pace.slow_down, 3), suspect))
        self._looked = True
        return news

    def places(self, clients: int, without_place: int, now: float) -> list[ServerEvent]:
        """What is new of the plan: of so many clients that send frames, so many have no place in it."""
        if self._crowded.changed(without_place > 0, now):
            return [PlacesMissing(clients, without_place)]
        return []

    def minute(self, fared: Iterable[tuple[str, ClientFared, float]]) -> list[ServerEvent]:
        """A minute has passed since the last call. Of each client: its name, how it fared since it came, and its target
        in per cent."""
        known, missed = {}, []
        for client, so_far, target in fared:
            known[client] = so_far
            before = self._fared.get(client, ClientFared(0, 0))
            ended, on_time = so_far.ended - before.ended, so_far.on_time - before.on_time
            if ended >= ENOUGH_FRAMES and 0 <= on_time < ended * target / 100:
                missed.append(TargetMissed(0, client, ended, on_time, target))
        self._fared = known
        if not missed:
            return []
        worst = min(missed, key=lambda each: each.on_time / each.frames)
        return [TargetMissed(len(missed), worst.worst, worst.frames, worst.on_time, worst.target)]
