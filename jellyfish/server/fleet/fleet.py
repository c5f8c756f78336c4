"""All cameras of a server and the whole, looked at once a second, for `GET /v1/fleet`.

It holds what was and asks what is. Looking at cameras and telling of them is done a few at a time: frames go on
between.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from statistics import median
from typing import Any

from jellyfish.clock import seconds_now, unix_seconds_now
from jellyfish.control.room import RoomSearch
from jellyfish.core import SourceState
from jellyfish.server.fleet.blame import TimeSplit
from jellyfish.server.fleet.history import CameraHistory, CameraState
from jellyfish.server.fleet.room_told import AroundRoom, room_told
from jellyfish.server.fleet.telling import SourceTerms, ToldWhen, camera_told, percent
from jellyfish.server.frame_way import FrameWay
from jellyfish.server.service import Service
from jellyfish.server.session import Session
from jellyfish.server.watching.seen import iso

logger = logging.getLogger(__name__)
LOOK_S = 1.0
AT_ONCE = 8
"""Cameras that are looked at, or told of, before frames go on."""
GONE_S = 600.0
"""A camera that broke off is told of for so long."""
MOST_GONE, LEAST_FRAMES = 64, 30
"""As many of them, the newest; those that had sent so many frames: whoever comes and goes is none."""
MOST_REMEMBERED = 1024
"""Cameras whose past is kept; of more the one that was last here longest ago is forgotten."""
KEPT_S = 0.5
"""What is so old is still told."""
UNHEARD_S = 3.0
"""An estimate of the uplink of which no frame came for so long is none any more."""
PLANNING_S = 60.0
"""Planning's share is of the last so many seconds."""
Sources = Callable[[], Mapping[str, SourceState]]
"""How the sources of cameras are that the server fetches itself, by name."""
Terms = Callable[[], Mapping[str, SourceTerms]]
"""What is asked of them."""


def nothing_fetched() -> dict[str, Any]:
    """Of a server that fetches no cameras."""
    return {}


class FleetHistory:
    """Of one server."""

    def __init__(
        self,
        service: Service,
        planning_cpu_s: Callable[[], float],
        room: RoomSearch,
        sources: Sources = nothing_fetched,
        terms: Terms = nothing_fetched,
    ) -> None:
        """`planning_cpu_s`: processor seconds that planning has taken so far."""
        self._service, self._planning_cpu_s, self._room = service, planning_cpu_s, room
        self._sources, self._terms = sources, terms
        self._histories: dict[str, CameraHistory] = {}
        self._gone: dict[str, tuple[float, float]] = {}
        """Camera that broke off and is not back -> (when, its frames a second)."""
        self._planning: deque[tuple[float, float]] = deque()
        """(when, processor seconds until then)."""
        self._busy_s: dict[str, float] = {}
        self._busy_share: dict[str, float] = {}
        self._looked_s = self._told_s = -math.inf
        self._told: dict[str, Any] = {}
        self._telling = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look at the server for the time of the context, beside who does already."""
        service = self._service
        on_frame, on_left = service.on_frame, service.on_left

        def told_of_frame(way: FrameWay) -> None:
            if on_frame is not None:
                on_frame(way)
            session = service.sessions.get(way.client)
            self._history(way.client if session is None else self._name(session)).frame(seconds_now(), way)

        def told_of_leaving(session: Session) -> None:
            on_left(session)
            self._left(session)

        service.on_frame, service.on_left = told_of_frame, told_of_leaving
        looking = asyncio.create_task(self._look_again_and_again())
        try:
            yield
        finally:
            looking.cancel()
            service.on_frame, service.on_left = on_frame, on_left

    async def _look_again_and_again(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                logger.exception("a look at the cameras was lost")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take in how everything is now."""
        now, service = seconds_now(), self._service
        self._look_at_whole(now)
        sources = self._sources()
        for number, (name, session) in enumerate(self._streams().items()):
            if service.sessions.get(session.client) is session:
                self._gone.pop(name, None)
                self._history(name).look(now, _state_of(session, now, sources.get(name)), service.host.over)
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        here = self._streams()
        for name in dict.fromkeys([*sources, *self._gone]):
            if name not in here:
                self._look_at_absent(name, now, sources.get(name))

    def _streams(self) -> dict[str, Session]:
        """Camera -> its stream."""
        return {self._name(session): session for session in self._service.sessions.values()}

    def _name(self, session: Session) -> str:
        """What its camera is told of as: its stream's own name; of one that the server fetches itself, and so nobody
        else, the camera's, also while its former connection is half dead."""
        return session.says if session.says in self._service.settings.fetched else session.client

    def _look_at_absent(self, name: str, now: float, source: SourceState | None) -> None:
        since_s, fps = self._gone.get(name, (now, self._usual_fps(name)))
        if source in (None, SourceState.LIVE) and name in self._gone:
            if now - since_s > GONE_S:
                del self._gone[name]
            else:
                self._history(name).away(now, fps)
        elif source is not None:
            self._history(name).look(now, CameraState(None, 0.0, fps, source, None, False, False), False)

    def _usual_fps(self, name: str) -> float:
        """Of a fetched camera that is not here: as is asked of it, else as it came before; 0 where nobody knows."""
        terms = self._terms().get(name)
        return (terms and terms.fps) or self._history(name).fps

    def _left(self, session: Session) -> None:
        now, name = seconds_now(), self._name(session)
        self._history(name).left(now, _state_of(session, now, None), self._service.host.over)
        if not session.said_goodbye and session.account.received >= LEAST_FRAMES:
            self._gone.pop(name, None)
            self._gone[name] = now, session.fps
            while len(self._gone) > MOST_GONE:
                del self._gone[next(iter(self._gone))]

    def _history(self, name: str) -> CameraHistory:
        history = self._histories.get(name)
        if history is None:
            if len(self._histories) >= MOST_REMEMBERED:
                oldest = min(self._histories, key=lambda each: self._histories[each].seen_s)
                del self._histories[oldest]
            history = self._histories[name] = CameraHistory()
        return history

    def _look_at_whole(self, now: float) -> None:
        elapsed_s = now - self._looked_s
        self._looked_s = now
        self._planning.append((now, self._planning_cpu_s()))
        while self._planning[0][0] < now - PLANNING_S:
            self._planning.popleft()
        for gone in self._busy_s.keys() - self._service.dispatchers.keys():
            del self._busy_s[gone]
            self._busy_share.pop(gone, None)
        for name, dispatcher in self._service.dispatchers.items():
            its = dispatcher.statistics()
            more_s = its.busy_s - self._busy_s.get(name, its.busy_s)
            self._busy_s[name] = its.busy_s
            if math.isfinite(elapsed_s) and elapsed_s > 0:
                self._busy_share[name] = min(1.0, max(0.0, more_s) / (its.workers * elapsed_s))

    def split(self, session: Session) -> TimeSplit:
        """Where a client's frames spent their time lately."""
        history = self._histories.get(self._name(session))
        return TimeSplit() if history is None else history.split

    # --- telling -----------------------------------------------------------------------------------------

    async def told(self, may_see: Callable[[str], bool] = lambda name: True) -> dict[str, Any]:
        """All of it, of the cameras that whoever asks may see; made once for all who ask at about the same time."""
        async with self._telling:
            if seconds_now() - self._told_s >= KEPT_S:
                self._told_s, self._told = seconds_now(), await self._tell()
        return {**self._told, "cameras": [each for each in self._told["cameras"] if may_see(each["name"])]}

    async def _tell(self) -> dict[str, Any]:
        now = seconds_now()
        moment = ToldWhen(now, _unix_ahead_s(now))
        service, sources, here, terms = self._service, self._sources(), self._streams(), self._terms()
        names = sorted({*here, *sources, *self._gone})
        cameras = []
        for number, name in enumerate(names):
            tell = partial(camera_told, name, self._history(name), moment)
            session = here.get(name)
            source = self._source(name, session, sources)
            importance = service.settings.of(name).importance if session is None else session.importance
            cameras.append(tell(session, service.model, source, importance, terms.get(name)))
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
        return {**self._whole_told(moment), "cameras": cameras}

    def _source(self, name: str, session: Session | None, sources: Mapping[str, SourceState]) -> str:
        """How a camera's source is, in one word."""
        if name in sources:
            return sources[name].value
        if session is None:
            return SourceState.DEAD.value
        return "unknown" if session.source is None else session.source.value

    def _whole_told(self, moment: ToldWhen) -> dict[str, Any]:
        service = self._service
        minute, hour = self._shares(moment.now)
        return {
            "time": iso(moment.unix_s(moment.now)),
            "model": service.model.name,
            "target": service.target,
            "on_time": {"minute": minute, "hour": hour},
            "devices": [
                {
                    "name": name,
                    "state": str(dispatcher.state),
                    "busy_share": _rounded(self._busy_share.get(name)),
                    "slow_down": _rounded(dispatcher.statistics().slow_down),
                }
                for name, dispatcher in service.dispatchers.items()
            ],
            "planning_share": self._planning_share(),
            "room": self._room_told(moment.now),
        }

    def _room_told(self, now: float) -> dict[str, Any]:
        """That somebody asks has it looked for, as planning has time for it."""
        self._room.want(now)
        service = self._service
        here = [session for session in service.sessions.values() if session.offered_fps(now) > 0]
        slo_s = median(session.slo_s for session in here) if here else None
        free = service.limits.clients - len(service.sessions)
        return room_told(self._room.found, AroundRoom(len(here), slo_s, service.host.use, service.host.binds, free))

    def _shares(self, now: float) -> tuple[float | None, float | None]:
        """Of all cameras together: of the last minute and the last hour."""
        minutes = [history.minute.sums(now) for history in self._histories.values()]
        hours = [history.hour.sums(now) for history in self._histories.values()]
        return percent(*map(sum, zip(*minutes, strict=True))), percent(*map(sum, zip(*hours, strict=True)))

    def _planning_share(self) -> float | None:
        """Of one core."""
        (then_s, before_s), (now, cpu_s) = self._planning[0], self._planning[-1]
        return None if now - then_s < LOOK_S else round(max(0.0, cpu_s - before_s) / (now - then_s), 4)


def _state_of(session: Session, now: float, fetched: SourceState | None) -> CameraState:
    heard = math.isfinite(session.offered.last_s) and now - session.offered.last_s <= UNHEARD_S
    return CameraState(
        attained=session.attained,
        age_s=now - session.joined_s,
        fps=session.fps,
        source=fetched or session.source,
        uplink_bps=session.estimator.newest_bandwidth_bps if heard else None,
        mapped=session.plan.mapped,
        thinned=session.plan.fps is not None,
        stream=session,
    )


def _unix_ahead_s(now: float) -> float:
    """Of the machine's clock before the server's own."""
    unix_s = unix_seconds_now()
    return 0.0 if unix_s is None else unix_s - now


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
