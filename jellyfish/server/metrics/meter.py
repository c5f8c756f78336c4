"""Counts what metrics are made of while a server runs. Cheap: it is told of every frame."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator

from jellyfish.clock import seconds_now, unix_seconds_now
from jellyfish.dispatch.request import Dropped
from jellyfish.server.frame_way import STAGES, FrameWay
from jellyfish.server.loop_lag import loop_lags
from jellyfish.server.metrics.bucket_counts import BucketCounts
from jellyfish.server.metrics.catalogue import LAG_EDGES_S, SHARE_EDGES, STAGE_EDGES_S
from jellyfish.server.metrics.frame_counts import NOBODY, FrameCounts, StreamCounts
from jellyfish.server.service import Service
from jellyfish.server.session import Session

TOLD_STAGES = (*STAGES, "e2e")
CLIENTS_AT_ONCE = 16
LAG_PERIOD_S = 0.1
"""Between timers by which the event loop's lag is measured."""


class PlannerCounts:
    """What the control loop did, so far."""

    def __init__(self) -> None:
        self.cpu_s = self.repairs_s = self.looks_s = self.accuracy = 0.0
        self.changes = 0
        self.windows: Counter[str] = Counter()

    def window(
        self, result: str, cpu_s: float, repairs_s: float, looks_s: float, changes: int, accuracy: float
    ) -> None:
        """Count one window. `cpu_s`: of the planner; `accuracy`: that the plan in force expects."""
        self.windows[result] += 1
        self.cpu_s += cpu_s
        self.repairs_s += repairs_s
        self.looks_s += looks_s
        self.changes += changes
        self.accuracy = accuracy


class Meter:
    """Of one server. Nothing of it is shared between servers of one process."""

    def __init__(self, cameras: int = 0) -> None:
        """`cameras`: how many names of cameras are told apart."""
        self.frames = FrameCounts(cameras)
        self.planner = PlannerCounts()
        self.received: Counter[tuple[str, str]] = Counter()
        """(how they ended here, reason) -> frames."""
        self.answers: Counter[tuple[str, str]] = Counter()
        """(device, variant) -> frames."""
        self.stage_seconds = [BucketCounts(STAGE_EDGES_S) for _ in TOLD_STAGES]
        self.stage_shares = [BucketCounts(SHARE_EDGES) for _ in TOLD_STAGES]
        self.lags = BucketCounts(LAG_EDGES_S)
        self.last_unix_s: dict[str, float] = {}
        """Camera -> when its newest frame arrived."""
        self._streams: dict[Session, StreamCounts] = {}

    @contextlib.asynccontextmanager
    async def watching(self, service: Service) -> AsyncIterator[None]:
        """Count what happens to `service` for the time of the context."""
        service.on_frame, service.on_left = self.frame, self.left
        probe = asyncio.create_task(loop_lags(self.lags.add, LAG_PERIOD_S))
        try:
            yield
        finally:
            probe.cancel()

    def frame(self, way: FrameWay) -> None:
        """A frame has been dealt with."""
        outcome = way.outcome
        if isinstance(outcome, Dropped):
            self.received["dropped", outcome.reason.value] += 1
            return
        self.received["answered", ""] += 1
        self.answers[outcome.device, outcome.variant.name] += 1
        slo_s = way.slo_s
        for seconds_of, share_of, seconds in zip(
            self.stage_seconds, self.stage_shares, (*way.stages_s(), way.e2e_s), strict=True
        ):
            seconds_of.add(seconds)
            share_of.add(seconds / slo_s)

    async def catch_up(self, service: Service) -> None:
        """Take in what is known by now of the clients that are there, a few at a time: frames go on between them."""
        for number, session in enumerate(list(service.sessions.values())):
            if service.sessions.get(session.client) is session:
                self._count(session)
            if number % CLIENTS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def left(self, session: Session) -> None:
        """A client's stream has ended."""
        self._count(session, last=True)
        self._streams.pop(session, None)
        self.received["abandoned", ""] += session.account.abandoned
        if session.said_goodbye:
            self.last_unix_s.pop(session.says, None)

    def _count(self, session: Session, last: bool = False) -> None:
        stream = self._streams.get(session)
        if stream is None:
            stream = self._streams[session] = self.frames.stream(session.says)
        now = seconds_now()
        stream.count(session.attained, now - session.joined_s, last)
        if math.isfinite(session.offered.last_s) and self.frames.named(session.says) != NOBODY:
            unix_s = unix_seconds_now()
            self.last_unix_s[session.says] = (now if unix_s is None else unix_s) - (now - session.offered.last_s)
