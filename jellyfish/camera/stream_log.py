"""What one stream has been told and when it was down, as records. Pure: `now` is an argument.

An outage is a time in which frames are wanted and no server takes them: it begins when an open stream is lost, or when
the owner wants to send and there is none yet, and ends with the next welcome or with the owner. A server that says
nothing for long over an open stream is none, until it says something again.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from jellyfish.protocol.wire import PlanMessage
from jellyfish.results.records import OutageRecord, PlanRecord, Timeline

Told = Callable[[PlanRecord], None]
Out = Callable[[OutageRecord], None]

SILENT = "the server said nothing"
NO_RUN = Timeline(0.0)
"""Of a stream that no run keeps records of."""


class StreamLog:
    """One client's. `told` and `out` get each record once."""

    def __init__(
        self,
        client: str,
        timeline: Timeline = NO_RUN,
        told: Told = lambda record: None,
        out: Out = lambda record: None,
    ) -> None:
        self._client, self._timeline, self._told, self._out = client, timeline, told, out
        self._wanted_s = math.inf
        """From when on frames are wanted."""
        self._down_s: float | None = math.inf
        """Since when they cannot be sent; None while they can."""
        self._why = ""

    def wanted(self, from_s: float) -> None:
        """Frames are to be sent from then on: that there is no server before is no outage."""
        self._wanted_s = from_s
        if self._down_s is not None:
            self._down_s = from_s

    def away_s(self, now: float) -> float | None:
        """For how long there has been no server; None while there is one, or none is wanted."""
        return None if self._down_s is None or now <= self._down_s else now - self._down_s

    def opened(self, now: float) -> None:
        """A server has taken the client in."""
        self._end(now, now)
        self._down_s, self._why = None, ""

    def planned(self, plan: PlanMessage, now: float, elsewhere: str | None = None) -> None:
        """This is the plan from now on. `elsewhere`: the server that says so, where that is not the run's."""
        record = PlanRecord(
            client=self._client,
            t_s=self._timeline.run_s(now),
            unix_s=self._timeline.unix_s(now),
            mapped=plan.mapped,
            variant=plan.variant or None,
            resolution=plan.resolution,
            fps=plan.fps,
            probe_interval_ms=plan.probe_interval_ms,
            server=elsewhere,
        )
        self._told(record)

    def lost(self, now: float, why: str) -> None:
        """The stream is gone, or could not be opened. Of several reasons in one outage the first counts."""
        if self._down_s is None:
            self._down_s = max(now, self._wanted_s)
        self._why = self._why or why

    def silent(self, since_s: float, now: float) -> None:
        """Over an open stream something is heard again, and nothing was since then."""
        if self._down_s is None:
            self.lost(since_s, SILENT)
            self.opened(now)

    def finish(self, now: float) -> None:
        """No more frames are wanted from `now` on."""
        self._end(now, None)
        self._wanted_s = math.inf
        self._down_s = None if self._down_s is None else math.inf

    def _end(self, now: float, ended_s: float | None) -> None:
        """Write the outage, if there is one."""
        if (lasted_s := self.away_s(now)) is None:
            return
        began_s = now - lasted_s
        record = OutageRecord(
            client=self._client,
            began_s=self._timeline.run_s(began_s),
            began_unix_s=self._timeline.unix_s(began_s),
            ended_s=None if ended_s is None else self._timeline.run_s(ended_s),
            lasted_s=round(lasted_s, 6),
            why=self._why or "no server has answered yet",
        )
        self._out(record)
