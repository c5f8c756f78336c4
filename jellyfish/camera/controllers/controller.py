"""What a feedback controller is given and what it returns. Pure: `now` is an argument, nothing is sent or awaited here.

A controller steers one camera: answered frames in, the size of the next frame out. Times are seconds on the camera's
clock, and sizes are those of the server's welcome: it says how accurate each is and how long it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from jellyfish.control.estimator import MARGIN_S
from jellyfish.protocol.wire import Offer


class OfferedSize(NamedTuple):
    """A resolution, and what the most accurate network at it gives and takes."""

    resolution: int
    accuracy: float
    execute_s: float


class OnTheWay(NamedTuple):
    """A frame that is sent and not yet answered."""

    sent_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of a frame. `variant` is empty when it was dropped: it was too late, or would have been."""

    captured_s: float
    sent_s: float
    resolution: int
    """As it was sent."""
    size_bytes: int
    variant: str
    """What it was run with."""
    uplink_s: float
    """From sending to its arrival at the server."""
    server_s: float
    """From then to its answer."""
    execute_s: float
    """The part of it on the device."""


class Ladder:
    """What a server offers: one size per resolution, small ones first, and how long each variant takes."""

    def __init__(self, offers: Iterable[Offer], narrows: bool = False) -> None:
        """`narrows`: whether a frame that is short of time is run with something quicker."""
        self._narrows = narrows
        self._offers = {offer.variant: offer for offer in offers}
        best: dict[int, Offer] = {}
        for offer in self._offers.values():
            if offer.resolution not in best or offer.f1 > best[offer.resolution].f1:
                best[offer.resolution] = offer
        self.sizes = tuple(OfferedSize(r, best[r].f1, best[r].execute_ms / 1000) for r in sorted(best))

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> OfferedSize:
        return self.sizes[index]

    def index(self, resolution: int) -> int:
        """Which size has `resolution`; ValueError when none has."""
        return [size.resolution for size in self.sizes].index(resolution)

    def ways(self, resolution: int) -> tuple[OfferedSize, ...]:
        """All that frames of `resolution` may be run with, each less accurate and quicker than the one before."""
        ways = [self.sizes[self.index(resolution)]]
        for offer in sorted(self._offers.values(), key=lambda offer: -offer.f1):
            if self._narrows and offer.resolution <= resolution and offer.execute_ms / 1000 < ways[-1].execute_s:
                ways.append(OfferedSize(offer.resolution, offer.f1, offer.execute_ms / 1000))
        return tuple(ways)

    def step(self, index: int, output_ms: float, up_ms: float, down_ms: float) -> int:
        """One size up from `index` where `output_ms` is at least `up_ms`, one down where at most -`down_ms`."""
        if output_ms >= up_ms:
            return min(index + 1, len(self) - 1)
        return max(index - 1, 0) if output_ms <= -down_ms else index

    def profiled_s(self, variant: str) -> float:
        """What `variant` was said to take."""
        return self._offers[variant].execute_ms / 1000

    def used(self, feedback: Feedback) -> int:
        """The resolution that a frame was run at; the one it was sent at when it was dropped."""
        return self._offers[feedback.variant].resolution if feedback.variant else feedback.resolution


class Controller(Protocol):
    """A policy that chooses sizes for one camera."""

    def choose(self, now: float, captured_s: float, on_the_way: Sequence[OnTheWay]) -> int | None:
        """Resolution for a frame captured at `captured_s`; None to leave it out. `on_the_way`: oldest first."""
        ...

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """A frame was handed to the link at `now`."""
        ...

    def answered(self, now: float, feedback: Feedback) -> None:
        """An answer is here, or word that a frame was dropped."""
        ...


@dataclass(frozen=True, slots=True)
class Foresight:
    """What only an emulation can know, for the oracle."""

    arrives_s: Callable[[float, int], float]
    """(sent at, bytes) -> when the last byte is at the server."""
    next_bytes: Callable[[int], int] | None
    """Resolution -> bytes of the next frame's message; None where only encoding can tell."""


@dataclass(frozen=True, slots=True)
class ControllerTerms:
    """What a controller is made for."""

    ladder: Ladder
    fps: float
    slo_s: float
    foresight: Foresight | None = None

    @property
    def deadline_s(self) -> float:
        """What a frame may take: a server gives up what it cannot answer some time before the SLO is over."""
        return self.slo_s - MARGIN_S


def latency_s(now: float, feedback: Feedback, ladder: Ladder) -> float:
    """From capture to answer. A dropped frame would have taken its network's time as well."""
    spared_s = 0.0 if feedback.variant else ladder[ladder.index(feedback.resolution)].execute_s
    return now - feedback.captured_s + spared_s
