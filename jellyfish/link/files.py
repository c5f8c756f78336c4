"""Trace files: read in three forms, told apart by their content, and written in the first of them.

CSV with the header `time_s,mbps`; one rate in Mbit/s per line, a second each unless a comment says `# interval_s = 5`;
mahimahi's packet format (Netravali et al., ATC 2015): one line per 1500-byte packet that may leave, the time in whole
milliseconds. Lines that begin with # are comments.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from jellyfish.errors import InputError
from jellyfish.link.trace import MEGABIT, BandwidthTrace
from jellyfish.whole_files import written_whole

Form = Literal["csv", "rates", "packets"]

PACKET_BITS = 8 * 1500
PACKET_STEP_MS = 100
"""Packets are counted in steps of this length: finer than a frame's deadline, coarser than the gaps between packets."""
FIRST_PACKET_TIME = 1000
"""Whole numbers that reach this are packet times (a second of them), not rates in Mbit/s."""
LONGEST_S = 24 * 3600.0
"""What seems to last longer than a day has another unit than seconds, as a rule; and what shows a trace goes through
each second of it."""
SHORTEST_S = 1e-3
"""The same the other way round."""
LEAST_MBPS, MOST_MBPS = 1e-3, 1e5
"""Some rate must reach the first, or nothing would ever arrive; none exceeds the second, which no camera's link has."""
MOST_BYTES = 100_000_000
"""Of a file: packet times of an hour at 50 Mbit/s."""

_POINTS = "(decimals are written with a point, columns are separated by commas)"
_FORMS = "a CSV file with the header time_s,mbps, or one rate in Mbit/s per line, or mahimahi packet times in ms"
_INTERVAL = re.compile(r"#\s*interval_s\s*[:=]\s*(\S+)\s*")

_Line = tuple[int, str]
"""(line number, content) of a line that is neither empty nor a comment."""
_NumberT = TypeVar("_NumberT", int, float)


def load_trace(path: Path) -> BandwidthTrace:
    """The trace in a file of any of the three forms; its first time becomes 0 (packet times count from 0).

    Raises `InputError` that names the file, the line and what to do when it cannot be used.
    """
    return read_trace(path)[1]


def read_trace(path: Path) -> tuple[Form, BandwidthTrace]:
    """`load_trace`, and the form that the file was taken for."""
    text = _text(path)
    numbered = list(enumerate((line.strip() for line in text.splitlines()), start=1))
    lines = [(number, line) for number, line in numbered if line and not line.startswith("#")]
    if not lines:
        raise InputError(f"trace {path}: has no lines; give {_FORMS}")
    if not _is_number(lines[0][1]):
        return "csv", _from_csv(path, lines)
    if _are_packets(lines):
        return "packets", _from_packets(path, lines)
    return "rates", _from_rates(path, lines, _interval_s(path, numbered))


def save_trace(trace: BandwidthTrace, path: Path) -> None:
    """Write `trace` as CSV. Raises `InputError` when that is not possible."""
    try:
        with written_whole(path) as place, place.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("time_s", "mbps"))
            for time_s, rate in zip(trace.times_s, trace.bits_per_s, strict=True):
                writer.writerow((f"{time_s:g}", f"{rate / MEGABIT:.4f}"))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _text(path: Path) -> str:
    """What is in the file: UTF-8, or UTF-16 where it begins by saying so, as some systems write text."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"trace {path}: is no file; save what comes out of it to one")
        if found.st_size > MOST_BYTES:
            raise InputError(f"trace {path}: is larger than {MOST_BYTES // 1_000_000} MB; cut it")
        data = path.read_bytes()
        return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except OSError as error:
        raise InputError(f"trace {path}: cannot be read ({error.strerror or error}); give {_FORMS}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"trace {path}: cannot be read as text (save it as UTF-8); give {_FORMS}") from error


def _from_csv(path: Path, lines: Sequence[_Line]) -> BandwidthTrace:
    (number, header), *rows = lines
    columns = [cell.strip() for cell in header.split(",")]
    if columns[:2] != ["time_s", "mbps"]:
        raise InputError(
            f"trace {path}, line {number}: expected the header time_s,mbps, found {header[:40]!r}; give {_FORMS} "
            f"{_POINTS}"
        )
    if not rows:
        raise InputError(f"trace {path}: has no rows; put at least one line `time_s,mbps` below the header")
    times_s: list[float] = []
    rates: list[float] = []
    for number, line in rows:
        where = f"trace {path}, line {number}"
        time_s, mbps = _cells(where, line, len(columns))
        if times_s and time_s <= times_s[-1]:
            raise InputError(f"{where}: time {time_s:g} does not come after {times_s[-1]:g}; sort the rows by time")
        times_s.append(time_s)
        rates.append(_rate(where, mbps))
        _check_span(where, time_s - times_s[0])
    return _trace(path, (time_s - times_s[0] for time_s in times_s), rates)


def _cells(where: str, line: str, columns: int) -> tuple[float, float]:
    """Time and rate. A decimal comma would move what comes after it into the next column."""
    cells = line.split(",")
    if len(cells) != columns:
        raise InputError(
            f"{where}: expected {columns} values as in the header, found {len(cells)} in {line[:40]!r}; correct or "
            f"remove the line {_POINTS}"
        )
    time_s, mbps = (_number(where, cell, float, "two numbers (time_s,mbps)", line) for cell in cells[:2])
    return time_s, mbps


def _from_rates(path: Path, lines: Sequence[_Line], interval_s: float) -> BandwidthTrace:
    rates = []
    for number, line in lines:
        where = f"trace {path}, line {number}"
        rates.append(_rate(where, _number(where, line, float, "one rate in Mbit/s")))
        _check_span(where, interval_s * (len(rates) - 1))
    return _trace(path, (interval_s * index for index in range(len(rates))), rates)


def _from_packets(path: Path, lines: Sequence[_Line]) -> BandwidthTrace:
    """The packet of millisecond t leaves in the millisecond before t; the trace ends with its last packet's step."""
    times_ms: list[int] = []
    for number, line in lines:
        where = f"trace {path}, line {number}"
        time_ms = _number(where, line, int, "a packet's time in whole milliseconds")
        if time_ms < (times_ms[-1] if times_ms else 0):
            raise InputError(
                f"{where}: packet time {time_ms} ms comes after {times_ms[-1] if times_ms else 0} ms; packet times do "
                "not fall. For rates of 1000 Mbit/s and more use a CSV file with the header time_s,mbps"
            )
        _check_span(where, time_ms / 1000)
        times_ms.append(time_ms)
    packets = np.bincount(np.maximum(np.array(times_ms) - 1, 0) // PACKET_STEP_MS)
    step_s = PACKET_STEP_MS / 1000
    rates = packets * (PACKET_BITS / step_s / MEGABIT)
    return _trace(path, (index * step_s for index in range(len(rates))), rates.tolist())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _are_packets(lines: Sequence[_Line]) -> bool:
    """Whether one number per line means packet times: (almost) all whole, so that a spoilt line is told, and large."""
    whole = [float(line) for _, line in lines if line.isdecimal()]
    return len(whole) >= 0.9 * len(lines) and max(whole) >= FIRST_PACKET_TIME


def _interval_s(path: Path, lines: Iterable[_Line]) -> float:
    """Seconds per line, as a comment says; 1 without one."""
    for number, line in lines:
        if (told := _INTERVAL.fullmatch(line)) is not None:
            where = f"trace {path}, line {number}"
            interval_s = _number(where, told[1], float, "an interval in seconds")
            if not SHORTEST_S <= interval_s <= LONGEST_S:
                raise InputError(
                    f"{where}: an interval of {interval_s:g} s; give one of a millisecond to a day, in seconds"
                )
            return interval_s
    return 1.0


def _rate(where: str, mbps: float) -> float:
    if mbps < 0:
        raise InputError(f"{where}: {mbps:g} Mbit/s is negative; use 0 for an outage")
    if mbps > MOST_MBPS:
        raise InputError(f"{where}: {mbps:g} Mbit/s is more than {MOST_MBPS:,.0f}; rates are in Mbit/s, not in bit/s")
    return mbps


def _check_span(where: str, lasts_s: float) -> None:
    if lasts_s > LONGEST_S:
        raise InputError(
            f"{where}: {lasts_s:g} s after the beginning, which is more than a day; give times in seconds (packets in "
            "milliseconds), and cut a longer trace"
        )


def _number(where: str, text: str, kind: Callable[[str], _NumberT], expected: str, line: str | None = None) -> _NumberT:
    """`text` as a finite number of a kind; `line` is what it was found in."""
    found = (line or text)[:40]
    try:
        number = kind(text)
        finite = math.isfinite(number)
    except ValueError:
        hint = f" {_POINTS}" if "," in found else ""
        raise InputError(f"{where}: expected {expected}, found {found!r}; correct or remove the line{hint}") from None
    except OverflowError:
        finite = False
    if not finite:
        raise InputError(f"{where}: {found!r} is not finite; correct or remove the line")
    return number


def _trace(path: Path, times_s: Iterable[float], mbps: Sequence[float]) -> BandwidthTrace:
    if max(mbps) < LEAST_MBPS:
        raise InputError(f"trace {path}: no rate reaches {LEAST_MBPS:g} Mbit/s, so nothing would ever arrive")
    trace = BandwidthTrace(tuple(times_s), tuple(rate * MEGABIT for rate in mbps), path.stem)
    if trace.duration_s < SHORTEST_S:
        raise InputError(f"trace {path}: lasts {trace.duration_s:g} s; give times in seconds")
    return trace
