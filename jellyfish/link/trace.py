"""Bandwidth over time: a piecewise-constant trace that repeats, integrated exactly. Pure.

Knows nothing of sockets, queues or clocks. Rates are bits per second, times are seconds.
"""

from __future__ import annotations

import csv
import itertools
import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

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
        return replace(self, offset_s=self.offset_s + offset_s)

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


def load_trace(path: Path) -> BandwidthTrace:
    """Read a CSV file with the header `time_s,mbps`; its first time becomes 0.

    Raises `InputError` that names the file, the line and what to do when it cannot be used.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(_rows(path, file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"trace {path}: cannot be read ({error}); give a CSV file with the header time_s,mbps"
        ) from error
    if not rows:
        raise InputError(f"trace {path}: has no rows; put at least one line `time_s,mbps` below the header")
    if not any(mbps for _, mbps in rows):
        raise InputError(f"trace {path}: every rate is 0, so nothing would ever arrive; give at least one above 0")
    start_s = rows[0][0]
    return BandwidthTrace(
        tuple(time_s - start_s for time_s, _ in rows), tuple(mbps * MEGABIT for _, mbps in rows), path.stem
    )


def _rows(path: Path, lines: Iterable[str]) -> Iterator[tuple[float, float]]:
    """(time in seconds, Mbit/s) of each line, checked."""
    reader = csv.reader(lines)
    header = [cell.strip() for cell in next(reader, [])]
    if header[:2] != ["time_s", "mbps"]:
        raise InputError(
            f"trace {path}, line 1: expected the header time_s,mbps, found {','.join(header) or 'nothing'}"
        )
    previous_s = -math.inf
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"trace {path}, line {reader.line_num}"
        time_s, mbps = _numbers(where, cells)
        if time_s <= previous_s:
            raise InputError(f"{where}: time {time_s:g} does not come after {previous_s:g}; sort the rows by time")
        if mbps < 0:
            raise InputError(f"{where}: {mbps:g} Mbit/s is negative; use 0 for an outage")
        previous_s = time_s
        yield time_s, mbps


def _numbers(where: str, cells: list[str]) -> tuple[float, float]:
    try:
        time_s, mbps = (float(cell) for cell in cells[:2])
    except ValueError:
        raise InputError(
            f"{where}: expected two numbers (time_s,mbps), found {','.join(cells)!r}; correct or remove the line"
        ) from None
    if not (math.isfinite(time_s) and math.isfinite(mbps)):
        raise InputError(f"{where}: {','.join(cells)!r} is not finite; correct or remove the line")
    return time_s, mbps
