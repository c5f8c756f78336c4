"""A link of a given bandwidth and delay: when does a message sent now arrive? Pure: `now` is an argument.

Knows nothing of sockets or coroutines. One message is on the link at a time, first in first out, and the
one-way delay is added to each.
"""

from __future__ import annotations

from typing import NamedTuple

from jellyfish.link.trace import BandwidthTrace


class ShaperStatistics(NamedTuple):
    """What has been sent so far. `busy_s` is the time that the link takes, or took, to carry it."""

    messages: int
    bytes: int
    busy_s: float


class Shaper:
    """Follows `trace` (None: unlimited bandwidth) and adds `delay_s`, the one-way delay.

    The trace's time is the caller's clock: hand in `trace.shifted(-started_s)` to start it at `started_s`.
    """

    def __init__(self, trace: BandwidthTrace | None, delay_s: float) -> None:
        self._trace = trace
        self._delay_s = delay_s
        self._free_s = float("-inf")
        self._messages = 0
        self._bytes = 0
        self._busy_s = 0.0

    def send(self, size_bytes: int, now: float) -> float:
        """Put a message on the link and return the time at which its last byte arrives."""
        start_s = max(now, self._free_s)
        self._free_s = start_s if self._trace is None else self._trace.finish(start_s, 8 * size_bytes)
        self._messages += 1
        self._bytes += size_bytes
        self._busy_s += self._free_s - start_s
        return self._free_s + self._delay_s

    def backlog_s(self, now: float) -> float:
        """How long a message sent now would wait before its first byte leaves."""
        return max(0.0, self._free_s - now)

    @property
    def statistics(self) -> ShaperStatistics:
        """Messages, bytes and busy time so far."""
        return ShaperStatistics(self._messages, self._bytes, self._busy_s)
