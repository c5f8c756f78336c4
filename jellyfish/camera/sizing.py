"""The size of the next frame: the planned one, or a smaller one when the newest bandwidth asks for it. Pure.

The plan comes every half second; the link changes faster. Between plans the client knows the server's newest
bandwidth estimate (in every answer) and, before any answer can tell it, that a frame on its way is overdue.
`Sizer`, the cameras' default, uses both; the sizers before it here know less and are there to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jellyfish.control.backoff import sustainable
from jellyfish.control.frame_size import FrameSizeModel
from jellyfish.control.smoothing import Ewma

FRAME_CARE = 1.4
"""A frame is chosen so that it would be in time if the network took so many times as long as expected. Between plans
it is chosen at the edge of what can be in time, and half of what is expected to be just in time is late."""
FALLEN = 1.3
"""A frame that is overdue by so much did not meet a slow moment: the link has fallen."""
FURTHER = 0.6
"""Of the bandwidth that a frame has shown by being overdue, what the link is taken to have: it is not there yet."""


class FrameSizer(Protocol):
    """Chooses resolutions for one camera. Rates in bits per second, times on the client's clock."""

    ladder: Sequence[int]
    """The resolutions that the server takes, ascending, of which there may be one only; its welcome tells them, and
    none is chosen before that."""

    def paced(self, fps: float) -> None:
        """So many frames per second are sent from now on."""
        ...

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """A frame was handed to the link at `now`."""
        ...

    hears_arrivals: bool
    """Whether the server should tell when a frame has arrived."""

    def arrived(self, bandwidth_bps: float, back_s: float) -> None:
        """A frame is with the server: its newest estimate, and how long that message took."""
        ...

    def answered(self, bandwidth_bps: float, rest_s: float) -> None:
        """An answer came: the server's newest estimate (0: it gives none), and the frame's time beyond its uplink."""
        ...

    def choose(
        self, now: float, planned: int, captured_s: float, on_the_way: Sequence[tuple[float, int]]
    ) -> int | None:
        """Resolution, not above `planned`, for a frame captured at `captured_s`; None to leave it out.

        `on_the_way`: when each frame that may still be on the link was sent, and its bytes, oldest first: those that
        are unanswered and not known to have arrived.
        """
        ...


class PlannedSizer:
    """No back-off: each frame as it was planned."""

    hears_arrivals = False

    def __init__(self) -> None:
        self.ladder: Sequence[int] = ()

    def paced(self, fps: float) -> None:
        """Of no concern."""

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """Of no concern."""

    def arrived(self, bandwidth_bps: float, back_s: float) -> None:
        """Of no concern."""

    def answered(self, bandwidth_bps: float, rest_s: float) -> None:
        """Of no concern."""

    def choose(
        self, now: float, planned: int, captured_s: float, on_the_way: Sequence[tuple[float, int]]
    ) -> int | None:
        """What was planned; never None."""
        return planned


class PublishedSizer(PlannedSizer):
    """The largest planned size that the newest estimate sustains at the frame rate (Jellyfish, RTSS 2022).

    How long a single frame takes is not asked, and every frame is sent. Before the first estimate: the smallest.
    """

    def __init__(self, fps: float, slo_s: float) -> None:
        super().__init__()
        self._fps = fps
        self._sizes = FrameSizeModel()
        self._bandwidth_bps: float | None = None

    def paced(self, fps: float) -> None:
        """The frame rate that a size must be sustained at."""
        self._fps = fps

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """A frame's size: how well the scene compresses."""
        self._sizes.add(resolution, size_bytes)

    def answered(self, bandwidth_bps: float, rest_s: float) -> None:
        """The newest estimate, from now on."""
        self._bandwidth_bps = bandwidth_bps or None

    def choose(
        self, now: float, planned: int, captured_s: float, on_the_way: Sequence[tuple[float, int]]
    ) -> int | None:
        """Resolution by the frame rate alone; never None."""
        if self._bandwidth_bps is None:
            return min(planned, self.ladder[0])
        return sustainable(self.ladder, planned, self._bandwidth_bps, self._fps, self._sizes.bits)


class Sizer(PublishedSizer):
    """Asks besides whether the very next frame can arrive in time, behind what is still on its way."""

    hears_arrivals = True

    def __init__(self, fps: float, slo_s: float) -> None:
        super().__init__(fps, slo_s)
        self._slo_s = slo_s
        self._rest_s, self._back_s = Ewma(keep=0.7), Ewma(keep=0.7)

    def arrived(self, bandwidth_bps: float, back_s: float) -> None:
        """The newest estimate, and how long it takes until a frame that has left the link is known to have."""
        self._bandwidth_bps = bandwidth_bps or None
        self._back_s.add(back_s)

    def answered(self, bandwidth_bps: float, rest_s: float) -> None:
        """The newest estimate, and what to allow for beyond the uplink."""
        super().answered(bandwidth_bps, rest_s)
        self._rest_s.add(rest_s)

    def choose(
        self, now: float, planned: int, captured_s: float, on_the_way: Sequence[tuple[float, int]]
    ) -> int | None:
        """Resolution for a frame; None when no size of it can arrive in time.

        With none on the way a frame is always sent, however hopeless: nothing else would tell that the link is back.
        """
        bandwidth_bps = self._newest_bandwidth(now, on_the_way)
        if bandwidth_bps is None:
            return min(planned, self.ladder[0])
        rest_s = (self._rest_s.value or 0.0) + self._backlog_s(now, bandwidth_bps, on_the_way)
        limit_s = (self._slo_s - (now - captured_s) - rest_s) / FRAME_CARE
        resolution = sustainable(self.ladder, planned, bandwidth_bps, self._fps, self._sizes.bits, limit_s)
        if on_the_way and self._sizes.bits(resolution) > bandwidth_bps * limit_s:
            return None
        return resolution

    @staticmethod
    def _backlog_s(now: float, bandwidth_bps: float, on_the_way: Sequence[tuple[float, int]]) -> float:
        """How long frames on their way still keep the link busy, at the newest bandwidth, not that of their sending."""
        free_s = float("-inf")
        for sent_s, size_bytes in on_the_way:
            free_s = max(free_s, sent_s) + 8 * size_bytes / bandwidth_bps
        return max(0.0, free_s - now)

    def _newest_bandwidth(self, now: float, on_the_way: Sequence[tuple[float, int]]) -> float | None:
        """The server's estimate, or less when the oldest frame on its way should have been heard of by now."""
        if self._bandwidth_bps is None or not on_the_way:
            return self._bandwidth_bps
        sent_s, size_bytes = on_the_way[0]
        heard_s = self._back_s.value if self._back_s.value is not None else self._rest_s.value or 0.0
        on_link_s = now - sent_s - heard_s
        expected_s = 8 * size_bytes / self._bandwidth_bps
        if on_link_s <= expected_s:
            return self._bandwidth_bps
        return (FURTHER if on_link_s > FALLEN * expected_s else 1.0) * 8 * size_bytes / on_link_s
