"""Which part of a recording is asked for: from when, to when, of which cameras. Pure.

Moments are told as people do: a time of day, a date and a time, or how long before the end or after the beginning.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from jellyfish.errors import InputError

UNITS_S = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
MOST_DISTANCE_S = 1e8
YEARS = range(1971, 2200)
SHOWN_CAMERAS = 12
WAYS = "a time of day (14:05, 14:05:30), a date and a time (2026-11-30T14:05), or a distance from an end (-10min, +90s)"
_DISTANCE = re.compile(r"(?P<number>[+-]\d+(\.\d+)?) ?(?P<unit>[a-z]+)")
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?")
_NUMBERED = re.compile(r"#\d+\Z")


@dataclass(frozen=True, slots=True)
class Moment:
    """As it was said. One of the three is not None."""

    said: str
    distance_s: float | None = None
    """After the recording's beginning; where negative (-0.0, too), before its end."""
    of_day: time | None = None
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class PartWanted:
    """What is asked for of a recording; nothing said is all of it."""

    begin: Moment | None = None
    end: Moment | None = None
    cameras: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether no part was asked for."""
        return self == PartWanted()

    @property
    def said(self) -> str:
        """`from 14:05 to 14:10`"""
        begin = f"from {self.begin.said}" if self.begin is not None else ""
        end = f"to {self.end.said}" if self.end is not None else ""
        return " ".join(filter(None, (begin, end)))


@dataclass(frozen=True, slots=True)
class Clock:
    """A recording's own time, and what clocks said."""

    ahead_s: float | None
    """The machine's clock, in seconds since 1970, less the recording's time; None in virtual time."""
    zone: tzinfo | None = None
    """Of times that are said without one, and that are shown; None is this machine's."""

    def at(self, time_s: float) -> str:
        """`14:05:10`, or `310.0 s` where there was no clock."""
        return f"{time_s:.1f} s" if self.ahead_s is None else f"{self._shown(time_s, self.ahead_s):%H:%M:%S}"

    def span(self, begin_s: float, end_s: float) -> str:
        """`2026-11-30 14:00:02 to 14:30:05 (+01:00)`, or in seconds of virtual time."""
        if self.ahead_s is None:
            return f"{begin_s:.1f} to {end_s:.1f} s of virtual time"
        begin, end = (self._shown(time_s, self.ahead_s) for time_s in (begin_s, end_s))
        until = f"{end:%H:%M:%S}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H:%M:%S}"
        return f"{begin:%Y-%m-%d %H:%M:%S} to {until} ({begin.isoformat()[-6:]})"

    def _shown(self, time_s: float, ahead_s: float) -> datetime:
        return _at(time_s + ahead_s, self.zone)


@dataclass(frozen=True, slots=True)
class Extent:
    """When a recording begins and ends, in its own time."""

    begin_s: float
    end_s: float
    clock: Clock

    @property
    def words(self) -> str:
        """For people."""
        return self.clock.span(self.begin_s, self.end_s)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a recording, in its own time."""

    begin_s: float
    end_s: float
    cameras: tuple[str, ...]
    """Whose frames; empty: all."""
    clock: Clock

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return self.end_s - self.begin_s

    @property
    def words(self) -> str:
        """For people."""
        return ", ".join([self.clock.span(self.begin_s, self.end_s), *self.cameras])

    def holds(self, time_s: float) -> bool:
        """Whether this moment is in it."""
        return self.begin_s <= time_s <= self.end_s

    def takes(self, client: str) -> bool:
        """Whether it is one of the cameras."""
        return not self.cameras or any(is_called(client, camera) for camera in self.cameras)

    def require_cameras(self, known: Iterable[str]) -> None:
        """InputError for a camera of which it holds nothing, where its cameras are `known`."""
        names = sorted(set(known))
        missing = [camera for camera in self.cameras if not any(is_called(name, camera) for name in names)]
        if missing:
            more = f" and {len(names) - SHOWN_CAMERAS} more" if len(names) > SHOWN_CAMERAS else ""
            there = f"there is {', '.join(names[:SHOWN_CAMERAS])}{more}" if names else "there is none at all"
            when = self.clock.span(self.begin_s, self.end_s)
            raise InputError(f"no frame of {', '.join(missing)} from {when}: {there}")


def is_called(client: str, camera: str) -> bool:
    """Whether a client is this camera: one that came back while its old connection was half dead has a number."""
    return client == camera or _NUMBERED.sub("", client) == camera


def moment(text: str) -> Moment:
    """What was said; InputError where that is no moment."""
    text = text.strip()
    if (found := _DISTANCE.fullmatch(text)) is not None and found["unit"] in UNITS_S:
        distance_s = float(found["number"]) * UNITS_S[found["unit"]]
        if abs(distance_s) <= MOST_DISTANCE_S:
            return Moment(text, distance_s=distance_s)
    try:
        if _TIME_OF_DAY.fullmatch(text):
            return Moment(text, of_day=time.fromisoformat(text if text[1] != ":" else f"0{text}"))
        if not text.isdecimal() and (date := datetime.fromisoformat(text)).year in YEARS:
            return Moment(text, date=date)
    except ValueError:
        pass
    raise InputError(f"{text!r} is no moment; say {WAYS}")


def part_of(extent: Extent, wanted: PartWanted) -> Slice:
    """The part of a recording that is asked for.

    InputError where there is nothing of it, which says what there is.
    """
    begin_s = extent.begin_s if wanted.begin is None else _placed(wanted.begin, extent, None)
    after_s = None if wanted.begin is None else begin_s
    end_s = extent.end_s if wanted.end is None else _placed(wanted.end, extent, after_s)
    if begin_s > extent.end_s or end_s < extent.begin_s:
        raise InputError(f"nothing is recorded {wanted.said}; what there is: {extent.words}")
    if end_s < begin_s or (end_s == begin_s and wanted.begin is not None and wanted.end is not None):
        raise InputError(f"{wanted.said} is no stretch of time; what there is: {extent.words}")
    begin_s, end_s = max(begin_s, extent.begin_s), min(end_s, extent.end_s)
    return Slice(begin_s, end_s, wanted.cameras, extent.clock)


def _placed(said: Moment, extent: Extent, after_s: float | None) -> float:
    """A moment in the recording's time. `after_s`: of a time of day, it is the first such time from there on."""
    if said.distance_s is not None:
        return said.distance_s + (extent.end_s if math.copysign(1, said.distance_s) < 0 else extent.begin_s)
    ahead_s = extent.clock.ahead_s
    if ahead_s is None:
        raise InputError(
            f"{said.said}: this recording is of virtual time, which has no time of day; say +30s (after its beginning) "
            "or -10s (before its end)"
        )
    if said.date is not None:
        return _unix_s(said.date, extent.clock.zone) - ahead_s
    assert said.of_day is not None
    return _time_of_day_s(said.of_day, extent, ahead_s, after_s)


def _time_of_day_s(of_day: time, extent: Extent, ahead_s: float, after_s: float | None) -> float:
    """The first such time from `after_s` on; without that the last one that is recorded, else that of the first day."""
    zone = extent.clock.zone
    first, last = (_at(time_s + ahead_s, zone).date() for time_s in (extent.begin_s, extent.end_s))
    days = [first + timedelta(day) for day in range((last - first).days + 2)]
    times_s = [_unix_s(datetime.combine(day, of_day), zone) - ahead_s for day in days]
    if after_s is not None:
        return next((time_s for time_s in times_s if time_s >= after_s), times_s[-1])
    return next((time_s for time_s in reversed(times_s) if time_s <= extent.end_s), times_s[0])


def _at(unix_s: float, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(unix_s).astimezone() if zone is None else datetime.fromtimestamp(unix_s, zone)


def _unix_s(date: datetime, zone: tzinfo | None) -> float:
    return (date if date.tzinfo is not None or zone is None else date.replace(tzinfo=zone)).timestamp()
