"""The size of the next frame: the planned one, or a smaller one when the newest bandwidth asks for it. Pure.

The plan comes every half second; the link changes faster. Between plans the client knows the server's newest
bandwidth estimate (in every answer) and, before any answer can tell it, that a frame on its way is overdue.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.control.backoff import sustainable
from jellyfish.control.filters import Ewma
from jellyfish.control.frame_size import FrameSizeModel
from jellyfish.core import RESOLUTIONS


class Sizer:
    """Chooses resolutions for one camera. Rates in bits per second, times on the client's clock."""

    def __init__(self, fps: float, slo_s: float) -> None:
        self.ladder: Sequence[int] = RESOLUTIONS
        """The resolutions that the server takes, ascending; its welcome tells them."""
        self._fps, self._slo_s = fps, slo_s
        self._sizes = FrameSizeModel()
        self._bandwidth_bps: float | None = None
        self._rest_s = Ewma(keep=0.7)
        self._link_free_s = float("-inf")

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """A frame was handed to the link at `now`."""
        self._sizes.add(resolution, size_bytes)
        if self._bandwidth_bps:
            self._link_free_s = max(self._link_free_s, now) + 8 * size_bytes / self._bandwidth_bps

    def answered(self, bandwidth_bps: float, rest_s: float) -> None:
        """An answer came: the server's newest estimate (0: it gives none), and the frame's time beyond its uplink."""
        self._bandwidth_bps = bandwidth_bps or None
        self._rest_s.add(rest_s)

    def choose(
        self, now: float, planned: int, captured_s: float, on_the_way: Sequence[tuple[float, int]]
    ) -> int | None:
        """Resolution for a frame captured at `captured_s`; None when no size of it can arrive in time.

        `on_the_way`: when each unanswered frame was sent, and its bytes, oldest first. With none on the way a frame
        is always sent, however hopeless: nothing else would tell that the link is back.
        """
        bandwidth_bps = self._newest_bandwidth(now, on_the_way)
        if bandwidth_bps is None:
            return min(planned, self.ladder[0])
        backlog_s = max(0.0, self._link_free_s - now) if on_the_way else 0.0
        limit_s = self._slo_s - (now - captured_s) - (self._rest_s.value or 0.0) - backlog_s
        resolution = sustainable(self.ladder, planned, bandwidth_bps, self._fps, self._sizes.bits, limit_s)
        if on_the_way and self._sizes.bits(resolution) > bandwidth_bps * limit_s:
            return None
        return resolution

    def _newest_bandwidth(self, now: float, on_the_way: Sequence[tuple[float, int]]) -> float | None:
        """The server's estimate, or less when the oldest frame on its way should have been answered by now."""
        if self._bandwidth_bps is None or not on_the_way:
            return self._bandwidth_bps
        sent_s, size_bytes = on_the_way[0]
        on_link_s = now - sent_s - (self._rest_s.value or 0.0)
        if on_link_s <= 8 * size_bytes / self._bandwidth_bps:
            return self._bandwidth_bps
        return min(self._bandwidth_bps, 8 * size_bytes / on_link_s)
