"""The torch engine of another checkout and of this one in turns: does it find the same, and is it no slower?

    python -m benchmarks.engine_turns OTHER_CHECKOUT FOLDER_OF_JPEGS [--times | --answers] [--resolutions 128 ...]

Each is a process of its own with one thread; whichever is not asked waits. Of every size and batch the middle of 5
ratios (processor time there over that here: above 1 this one is quicker), and the geometric mean of all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from jellyfish.models.slimmable.sizes import VARIANTS
from jellyfish.models.slimmable.street import RESOLUTIONS, input_size

BATCHES, TURNS = (1, 4, 8), 5
LEAST_S, MOST_RUNS = 0.02, 12
"""Runs of a turn: as many as this time holds."""
NEAR = 1e-3
"""Shares of the picture that sides may differ by."""


class Checkout:
    """Its engine, in a process."""

    def __init__(self, folder: Path) -> None:
        worker = Path(__file__).with_name("engine_turns_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, worker], cwd=folder, env=os.environ | {"PYTHONPATH": str(folder.resolve())}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, variant: Any, pictures: list[str], runs: int = 0) -> Any:
        """Seconds of a batch of these pictures where `runs` are asked for; else what is found."""
        size = input_size(variant.resolution)
        asked = {"resolution": variant.resolution, "network": variant.network, "pictures": pictures, "runs": runs}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked | {"input": (size.width, size.height)}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def ratios(other: Checkout, own: Checkout, pictures: list[str], resolutions: list[int]) -> dict[str, float]:
    """The middle ratio of each size and batch."""
    found = {}
    for variant in (each for each in VARIANTS if each.resolution in resolutions):
        for batch in BATCHES:
            batch_s = own.ask(variant, pictures[:batch], 1)
            runs = max(1, min(MOST_RUNS, int(LEAST_S / batch_s)))
            turns = []
            for turn in range(TURNS):
                pair = (other, own) if turn % 2 else (own, other)
                times = {each: each.ask(variant, pictures[:batch], runs) for each in pair}
                turns.append(times[other] / times[own])
            found[f"{variant.name} x {batch}"] = median(turns)
    return found


def difference(one: list[list[float]], other: list[list[float]]) -> str:
    """How what is found in one picture differs, or nothing."""
    if [row[0] for row in one] != [row[0] for row in other]:
        return "other labels"
    sides = [abs(a - b) for ours, theirs in zip(one, other, strict=True) for a, b in zip(ours, theirs, strict=True)]
    return f"off by {max(sides):.5f}" if max(sides, default=0.0) > NEAR else ""


def unlike(other: Checkout, own: Checkout, pictures: list[str]) -> list[str]:
    """Pictures in which something else is found, at the smallest, a middle and the largest size."""
    told = []
    for variant in (VARIANTS[0], VARIANTS[len(VARIANTS) // 2 + 2], VARIANTS[-1]):
        for first in range(0, len(pictures), 4):
            part = pictures[first : first + 4]
            both = zip(other.ask(variant, part), own.ask(variant, part), part, strict=True)
            told += [f"{variant.name} {path}: {said}" for one, two, path in both if (said := difference(one, two))]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=350)
    parser.add_argument("--resolutions", type=int, nargs="*", default=RESOLUTIONS)
    parser.add_argument("--times", action="store_true", help="times alone")
    parser.add_argument("--answers", action="store_true", help="answers alone")
    options = parser.parse_args()
    pictures = [str(path.resolve()) for path in sorted(options.folder.glob("*.jpg"))[: options.pictures]]
    other, own = Checkout(options.other), Checkout(Path(__file__).parents[1])
    if not options.times:
        told = unlike(other, own, pictures)
        print(f"{len(pictures)} pictures at 3 sizes, {len(told)} answered otherwise", *told[:20], sep="\n")
    if not options.answers:
        found = ratios(other, own, pictures, options.resolutions)
        slowest = sorted(found.items(), key=lambda each: each[1])[:8]
        print(f"{len(found)} sizes and batches: geometric mean {geometric_mean(found.values()):.3f}, the least:")
        print(*(f"  {name}: {ratio:.3f}" for name, ratio in slowest), sep="\n")
        by_batch = {batch: [ratio for name, ratio in found.items() if name.endswith(f"x {batch}")] for batch in BATCHES}
        print(*(f"batches of {batch}: {geometric_mean(own):.3f}" for batch, own in by_batch.items()), sep=", ")
    other.close()
    own.close()


if __name__ == "__main__":
    main()
