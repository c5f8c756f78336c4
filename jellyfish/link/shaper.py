"""A link of a given bandwidth and delay: when does a message sent now arrive? Pure: `now` is an argument.

Knows nothing of sockets or coroutines. One message is on the link at a time, first in first out, and the
one-way delay is added to each.
"""

from __future__ import annotations

from jellyfish.link.trace import BandwidthTrace


class Shaper:
    """Follows `trace` (None: unlimited bandwidth) and adds `delay_s`, the one-way delay.

    The trace's time is the caller's clock: hand in `trace.shifted(-started_s)` to start it at `started_s`.
    """

    def __init__(self, trace: BandwidthTrace | None, delay_s: float) -> None:
        self._trace = trace
        self._delay_s = delay_s
        self._free_s = float("-inf")

    def send(self, size_bytes: int, now: float) -> float:
        """Put a message on the link and return the time at which its last byte arrives."""
        start_s = max(now, self._free_s)
        self._free_s = start_s if self._trace is None else self._trace.finish(start_s, 8 * size_bytes)
        return self._free_s + self._delay_s
