"""Bandwidth over time: a piecewise-constant trace that repeats, integrated exactly. Pure.

Knows nothing of sockets, queues or clocks. Rates are bits per second, times are seconds.
"""

from __future__ import annotations

import itertools
import math
import statistics
from bisect import bisect_left, bisect_right
from copy import copy
from dataclasses import dataclass, field

from jellyfish.errors import InputError

MEGABIT = 1e6


@dataclass(frozen=True)
class BandwidthTrace:
    """`bits_per_s[i]` holds from `times_s[i]` until the next time; the last one holds for a median interval.

    After its end the trace begins again. Raises `InputError` unless times start at 0 and rise, rates are
    finite and not negative, and at least one of them lets bits through.
    """

    times_s: tuple[float, ...]
    bits_per_s: tuple[float, ...]
    name: str
    offset_s: float = 0.0
    """Where in the trace time 0 falls."""
    duration_s: float = field(init=False, repr=False)
    _bits: tuple[float, ...] = field(init=False, repr=False, compare=False)
    """Bits carried from the trace's start to each of its times, and to its end."""

    def __post_init__(self) -> None:
        self._check()
        steps = [after - before for before, after in itertools.pairwise(self.times_s)]
        steps.append(statistics.median(steps) if steps else 1.0)
        volumes = (step * rate for step, rate in zip(steps, self.bits_per_s, strict=True))
        object.__setattr__(self, "duration_s", self.times_s[-1] + steps[-1])
        object.__setattr__(self, "_bits", tuple(itertools.accumulate(volumes, initial=0.0)))

    def rate_at(self, time_s: float) -> float:
        """Bits per second at `time_s`."""
        return self.bits_per_s[self._index(self._local(time_s))]

    def finish(self, start_s: float, bits: float) -> float:
        """When a transfer of `bits` that begins at `start_s` and has the link to itself is through."""
        if bits <= 0:
            return start_s
        local_s = self._local(start_s)
        index = self._index(local_s)
        carried = self._bits[index] + self.bits_per_s[index] * (local_s - self.times_s[index])
        rounds, rest = divmod(carried + bits, self._bits[-1])
        if rest == 0:  # the last bit leaves at the end of a round, not after the idle start of the next one
            rounds, rest = rounds - 1, self._bits[-1]
        return max(start_s, start_s + (rounds * self.duration_s + self._time_of(rest) - local_s))

    def shifted(self, offset_s: float) -> BandwidthTrace:
        """The same trace read `offset_s` further on: `shifted(d).rate_at(t) == rate_at(t + d)`.

        `shifted(-started_s)` starts the trace at a clock's `started_s`.
        """
        shifted = copy(self)  # its numbers are right, and what follows from them is known
        object.__setattr__(shifted, "offset_s", self.offset_s + offset_s)
        return shifted

    def _local(self, time_s: float) -> float:
        return (time_s + self.offset_s) % self.duration_s

    def _index(self, local_s: float) -> int:
        return bisect_right(self.times_s, local_s) - 1

    def _time_of(self, bits: float) -> float:
        """The earliest time of a round by which `bits` (> 0, at most a round's) have been carried."""
        index = bisect_left(self._bits, bits) - 1
        return self.times_s[index] + (bits - self._bits[index]) / self.bits_per_s[index]

    def _check(self) -> None:
        times, rates = self.times_s, self.bits_per_s
        if len(times) != len(rates) or not times:
            raise InputError(f"trace {self.name}: needs as many times as rates, and at least one of each")
        if times[0] != 0 or any(not before < after < math.inf for before, after in itertools.pairwise(times)):
            raise InputError(f"trace {self.name}: times must start at 0 and rise from row to row")
        if any(not 0 <= rate < math.inf for rate in rates):
            raise InputError(f"trace {self.name}: rates must be finite and not negative")
        if not any(rates):
            raise InputError(f"trace {self.name}: every rate is 0, so nothing would ever arrive")
