"""How well is it known what a batch will take? Two estimates from the batches before it, over runs that were recorded.

    python -m benchmarks.expected_times PROFILE RESULTS [RESULTS ...]

PROFILE is the latency profile that the runs were served with, RESULTS are their folders. One estimate is a factor for
all batches, the other tells what comes on top of each apart from what all take longer by (`jellyfish.devices.fit`).
The error is |log(expected / measured)|: .1 is about a tenth. The second pair is over batches that are profiled at a
third more or less, at least, than each of the six before them. Frames do not say which worker ran them: what is seen is
a device of one.
"""

from __future__ import annotations

import argparse
import math
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import msgspec

from jellyfish.devices.profile.store import load_profile
from jellyfish.devices.slowdown import Pace

UNTRIED, LOOKED_BACK, CHANGED = 8, 6, 0.3

Errors = list[tuple[float, float]]
"""(of the one factor, of the two parts)."""


class Ran(msgspec.Struct):
    """What is read of a frame."""

    captured_s: float
    variant: str | None = None
    batch: int | None = None
    execute_ms: float | None = None


def batches(folder: Path) -> list[tuple[float, str, int]]:
    """(seconds, variant, size) in the order of their first frames' capture. Frames of one batch took the same."""
    frames = msgspec.json.Decoder(Ran).decode_lines((folder / "frames.jsonl").read_bytes())
    frames.sort(key=lambda frame: frame.captured_s)
    ran = dict.fromkeys((frame.execute_ms, frame.variant, frame.batch) for frame in frames)
    return [(ms / 1000, variant, size) for ms, variant, size in ran if ms and variant and size]


def errors(ran: Sequence[tuple[float, str, int]], profiled: Mapping[tuple[str, int], float]) -> tuple[Errors, Errors]:
    """Of all batches, and of those after a change of size."""
    pace = Pace(1, least_s=min(profiled.values()))
    every: Errors = []
    changed: Errors = []
    before: deque[float] = deque(maxlen=LOOKED_BACK)
    for number, (measured_s, variant, size) in enumerate(ran):
        profiled_s = profiled[variant, size]
        expected = pace.lasting * profiled_s, pace.beyond(0.0) * pace.fitted_s(profiled_s)
        one, two = (abs(math.log(seconds / measured_s)) for seconds in expected)
        if number >= UNTRIED:
            every.append((one, two))
            if all(abs(math.log(profiled_s / each)) > CHANGED for each in before):
                changed.append((one, two))
        before.append(profiled_s)
        pace.observe(0, measured_s, profiled_s)
    return every, changed


def told(found: Errors) -> str:
    if not found:
        return "none"
    one, two = (fmean(each) for each in zip(*found, strict=True))
    return f"{one:.3f} -> {two:.3f} ({len(found)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    arguments = parser.parse_args()
    profile = load_profile(arguments.profile)
    profiled = {
        (entry.variant.name, size): seconds
        for entry in profile.latencies
        for size, seconds in enumerate(entry.p50_s, start=1)
    }
    all_every: Errors = []
    all_changed: Errors = []
    print("error with one factor -> with two parts (batches); after a change of size")
    for folder in arguments.results:
        every, changed = errors(batches(folder), profiled)
        all_every += every
        all_changed += changed
        print(f"{folder}: {told(every)}; {told(changed)}")
    print(f"all: {told(all_every)}; {told(all_changed)}")


if __name__ == "__main__":
    main()
