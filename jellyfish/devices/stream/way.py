"""What a batch takes beside running, on a device behind a stream: the way there and back, and decoding. Pure.

A device that is far away is a slower one: its profile, as it is seen from here, has the way in it (`seen_from`). What
the way takes is measured with each batch, as what it took beside what the worker says that decoding and running took,
and with each sign of life.
"""

from __future__ import annotations

from collections import deque
from statistics import median, quantiles

import msgspec

from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency

KEPT = 64
"""Newest exchanges that are looked at."""
FORGOTTEN_S = 10.0
"""What a batch took so long ago is not known any more: a device that gets none for being too far is tried again."""
FIRST_BYTES_PER_PIXEL = 0.15
"""Of a JPEG, before any was sent."""
OLD = 0.9
"""Share of what was known of a frame's bytes that is kept with each new one."""
STEP = 1.15
"""A way that has become longer or shorter by no more than this is the same: plans are not to change for less."""
LEAST_STEP_S = 0.0005


class Way(msgspec.Struct, frozen=True):
    """As it is taken to be."""

    exchange_s: float = 0.0
    """Of a message without images, there and back."""
    per_byte_s: float = 0.0
    """What each byte of an image takes on the way,"""
    decode_per_byte_s: float = 0.0
    """and to be decoded."""
    beyond_s: float = 0.0
    """What most batches do not take more than that by."""
    bytes_per_pixel: float = FIRST_BYTES_PER_PIXEL

    def carries_s(self, pixels: float) -> float:
        """For how long so many pixels keep the stream busy."""
        return self.per_byte_s * self.bytes_per_pixel * pixels

    def usual_s(self, pixels: float) -> float:
        """What a batch of so many pixels takes beside running."""
        return self.exchange_s + self.carries_s(pixels) + self.decode_per_byte_s * self.bytes_per_pixel * pixels

    def like(self, other: Way, pixels: float) -> bool:
        """Whether it makes no difference for plans."""
        mine, others = self.usual_s(pixels) + self.beyond_s, other.usual_s(pixels) + other.beyond_s
        return max(mine, others) <= max(STEP * min(mine, others), min(mine, others) + LEAST_STEP_S)


class WayMeter:
    """Told of each exchange."""

    def __init__(self) -> None:
        self._exchanges: deque[float] = deque(maxlen=KEPT)
        self._batches: deque[tuple[int, float, float]] = deque(maxlen=KEPT)
        """(bytes, seconds on the way, seconds of decoding)."""
        self._newest_s = 0.0
        """When the last of them was answered."""
        self._bytes_per_pixel = FIRST_BYTES_PER_PIXEL

    def exchanged(self, seconds: float) -> None:
        """A message without images came and was answered."""
        self._exchanges.append(max(0.0, seconds))

    def carried(self, size_bytes: int, pixels: int, way_s: float, decode_s: float, now: float = 0.0) -> None:
        """A batch of compressed images was answered."""
        if size_bytes <= 0 or pixels <= 0:
            return
        self._newest_s = now
        self._batches.append((size_bytes, max(0.0, way_s), max(0.0, decode_s)))
        self._bytes_per_pixel = OLD * self._bytes_per_pixel + (1 - OLD) * size_bytes / pixels

    def forget(self, now: float) -> None:
        """Nothing is known of batches where the last one was long ago."""
        if now - self._newest_s > FORGOTTEN_S:
            self._batches.clear()

    @property
    def way(self) -> Way:
        """As far as it is known."""
        exchange_s = median(self._exchanges) if self._exchanges else 0.0
        if not self._batches:
            return Way(exchange_s, beyond_s=_beyond(list(self._exchanges), exchange_s))
        per_byte_s = median(max(0.0, way_s - exchange_s) / size for size, way_s, _ in self._batches)
        decode_s = median(seconds / size for size, _, seconds in self._batches)
        over = [way_s + seconds - exchange_s - (per_byte_s + decode_s) * size for size, way_s, seconds in self._batches]
        return Way(exchange_s, per_byte_s, decode_s, _beyond(over, 0.0), self._bytes_per_pixel)


def _beyond(seconds: list[float], usual_s: float) -> float:
    """What nine in ten are over the usual by at most."""
    return max(0.0, quantiles(seconds, n=10)[-1] - usual_s) if len(seconds) > 1 else 0.0


def seen_from(own: LatencyProfile, way: Way, in_flight: int) -> LatencyProfile:
    """A worker's own profile as it is for a front to which it is that far.

    With `in_flight` batches on the way at a time the next one is there when one is done, unless the way takes longer.
    """

    def of(entry: VariantLatency) -> VariantLatency:
        ways_s = [way.usual_s(_pixels(entry.variant, batch)) for batch in range(1, own.max_batch + 1)]
        carries_s = [way.carries_s(_pixels(entry.variant, batch)) for batch in range(1, own.max_batch + 1)]
        p50_s = tuple(own_s + way_s for own_s, way_s in zip(entry.p50_s, ways_s, strict=True))
        p99_s = tuple(own_s + way_s + way.beyond_s for own_s, way_s in zip(entry.p99_s, ways_s, strict=True))
        keeps_s = tuple(
            max(own_s, carry_s * own.workers, whole_s / in_flight)
            for own_s, carry_s, whole_s in zip(entry.keeps_s, carries_s, p50_s, strict=True)
        )
        return msgspec.structs.replace(entry, p50_s=p50_s, p99_s=p99_s, occupancy_s=keeps_s)

    return msgspec.structs.replace(own, latencies=tuple(map(of, own.latencies)))


def _pixels(variant: Variant, batch: int) -> int:
    """Of frames that a variant is sent, about: they are wider than high."""
    return batch * variant.resolution * variant.resolution * 9 // 16
