"""What a person sees while a run goes: a few lines that change in a terminal, a line now and then elsewhere.

Counts and formats; `now` is an argument, and it knows nothing of what it shows but records and assignments.
"""

from __future__ import annotations

import math
import operator
from collections import Counter, deque
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jellyfish.core import Outcome
from jellyfish.results.records import FrameRecord
from jellyfish.results.table import percent

RECENT_S = 5.0
PLAIN_INTERVAL_S = 5.0
MOST_ROWS = 12
_SECOND = operator.itemgetter(1)


class LiveClient(msgspec.Struct, frozen=True):
    """A client now. `variant` and `resolution` are None while it is not mapped, or has no server."""

    client: str
    slo_attainment: float | None
    variant: str | None
    resolution: int | None
    away_s: float | None = None
    """For how long it has had no server; None while it has one."""

    @property
    def runs(self) -> str:
        """What its frames run with, or why they do not."""
        return _no_server(self.away_s) if self.away_s is not None else self.variant or "not mapped"


class LiveServer(msgspec.Struct, frozen=True):
    """What the server knows of itself now, where it is at hand."""

    target: float | None = None
    """Per cent of the frames that are to be in time, where that is aimed at."""
    care: float | None = None
    """How careful plans are, in the mean over the clients; None where that is not learnt."""
    host: float | None = None
    """How busy the server's own machine is (share of the time), where that is what binds."""


NOTHING_KNOWN = LiveServer()
"""Of a server that is not at hand."""


class LiveNumbers(msgspec.Struct, frozen=True):
    """A run now. `duration_s` is None for a run without an end; shares and latency are None before any frame."""

    elapsed_s: float
    duration_s: float | None
    captured: int
    slo_attainment: float | None
    recent_p95_ms: float | None
    clients: tuple[LiveClient, ...]
    server: LiveServer = NOTHING_KNOWN


class LiveTally:
    """Counts frames as they end. Holds the latencies of the last seconds only."""

    def __init__(self, started_s: float, duration_s: float | None) -> None:
        self._started_s = started_s
        self._duration_s = duration_s
        self._captured: Counter[str] = Counter()
        self._on_time: Counter[str] = Counter()
        self._recent: deque[tuple[float, float]] = deque()

    def add(self, record: FrameRecord, now: float) -> None:
        """Count a frame that ended at `now`."""
        self._captured[record.client] += 1
        self._on_time[record.client] += record.outcome is Outcome.ON_TIME
        if record.e2e_ms is not None:
            self._recent.append((now, record.e2e_ms))
        self._forget(now)

    def numbers(
        self,
        now: float,
        assigned: Mapping[str, tuple[str, int]],
        server: LiveServer = NOTHING_KNOWN,
        away_s: Mapping[str, float | None] = MappingProxyType({}),
    ) -> LiveNumbers:
        """The run at `now`; `assigned`: each mapped client's variant and resolution, `away_s`: who has no server."""
        self._forget(now)
        recent = np.fromiter(map(_SECOND, self._recent), np.float64, len(self._recent))
        captured = self._captured.total()
        return LiveNumbers(
            elapsed_s=now - self._started_s,
            duration_s=self._duration_s,
            captured=captured,
            slo_attainment=self._on_time.total() / captured if captured else None,
            recent_p95_ms=_p95(recent) if len(recent) else None,
            clients=tuple(
                self._client(name, assigned, away_s.get(name))
                for name in sorted(self._captured.keys() | assigned.keys())
            ),
            server=server,
        )

    def _client(self, name: str, assigned: Mapping[str, tuple[str, int]], away_s: float | None) -> LiveClient:
        captured = self._captured[name]
        variant, resolution = assigned.get(name, (None, None))
        return LiveClient(name, self._on_time[name] / captured if captured else None, variant, resolution, away_s)

    def _forget(self, now: float) -> None:
        while self._recent and self._recent[0][0] < now - RECENT_S:
            self._recent.popleft()


def _p95(durations: NDArray[np.float64]) -> float:
    """By nearest rank. `np.percentile` takes ten times as long."""
    rank = math.ceil(0.95 * len(durations)) - 1
    return float(np.partition(durations, rank)[rank])


class LiveDisplay:
    """Shows `LiveNumbers` on a console: in place in a terminal, else a plain line every few seconds of the run."""

    def __init__(
        self,
        console: Console,
        plain_interval_s: float = PLAIN_INTERVAL_S,
        line: Callable[[LiveNumbers], str] | None = None,
    ) -> None:
        """`line`: what is shown in one, everywhere; without it a terminal shows the clients below each other."""
        self._console, self._plain_interval_s, self._line = console, plain_interval_s, line
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._next_line_s = 0.0

    def due(self, elapsed_s: float) -> bool:
        """Whether there is something to show at this time of the run: making the numbers costs something, too."""
        return self._live is not None or elapsed_s >= self._next_line_s

    def show(self, numbers: LiveNumbers) -> None:
        """Call a few times a second, when it is due."""
        if self._live is not None:
            view = live_view(numbers) if self._line is None else Text(self._line(numbers), overflow="ellipsis")
            self._live.update(view, refresh=True)
        elif self.due(numbers.elapsed_s):
            self._next_line_s = numbers.elapsed_s + self._plain_interval_s
            self._console.print(Text((self._line or plain_line)(numbers)), soft_wrap=True)

    def __enter__(self) -> LiveDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


def live_view(numbers: LiveNumbers) -> RenderableType:
    """The run's line and below it the clients: each of a few, or how many of many run each variant."""
    first = Text(headline(numbers), style="bold")
    if len(numbers.clients) > MOST_ROWS:
        return Group(first, Text(_mix(numbers)))
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("client", no_wrap=True)
    table.add_column("on time %", justify="right")
    table.add_column("variant")
    table.add_column("px", justify="right")
    for client in numbers.clients:
        resolution = "-" if client.resolution is None else str(client.resolution)
        table.add_row(Text(client.client), _percent(client.slo_attainment), client.runs, resolution)
    return Group(first, table)


def plain_line(numbers: LiveNumbers) -> str:
    """The same in one line, for logs."""
    return f"{headline(numbers)} | {_mix(numbers)}"


def headline(numbers: LiveNumbers) -> str:
    """A run in a few words, without its clients."""
    elapsed = f"{numbers.elapsed_s:.0f} s" + ("" if numbers.duration_s is None else f" of {numbers.duration_s:.0f} s")
    p95 = "-" if numbers.recent_p95_ms is None else f"{numbers.recent_p95_ms:.0f} ms"
    server = numbers.server
    on_time = f"on time {_percent(numbers.slo_attainment)} %"
    aim = "" if server.target is None else f" of {server.target:g}"
    care = "" if server.care is None else f" | care {server.care:.1f}"
    host = "" if server.host is None else f" | host {100 * server.host:.0f} %"
    latency = f"p95 of the last {RECENT_S:.0f} s {p95}"
    return f"{elapsed} | {numbers.captured} frames | {on_time}{aim} | {latency}{care}{host}"


def _mix(numbers: LiveNumbers) -> str:
    if not numbers.clients:
        return "no clients yet"
    away = [client.away_s for client in numbers.clients if client.away_s is not None]
    variants = Counter(client.runs for client in numbers.clients if client.away_s is None)
    if away:
        variants[_no_server(max(away))] = len(away)
    return f"{len(numbers.clients)} clients: " + ", ".join(f"{count} {name}" for name, count in variants.most_common())


def _no_server(away_s: float) -> str:
    return f"no server since {away_s:.0f} s"


def _percent(share: float | None) -> str:
    return "-" if share is None else percent(share)
