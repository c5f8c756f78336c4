"""The shipped detector on a processor under onnxruntime, as it is served by default, beside itself under torch: time,
memory, and whether both find the same.

    python -m benchmarks.engines [--rounds 15] [--variants w025e1-128,w100e2-448] [--memory onnxruntime|torch]

One thread. Times are of all three steps of an engine: frames of a clip in, answers out; a ratio is the median over
rounds in which the two take turns, each batch right after one of its own. `--memory` runs one of the two alone, all 48
variants in batches of 1 to 8, and prints what the process has come to.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.pictures import pictures, seconds
from jellyfish.core import Answer, Variant
from jellyfish.devices.process import tune_process
from jellyfish.models.model import Engine, EngineOptions, answers
from jellyfish.models.opening import open_model
from jellyfish.models.slimmable.runtimes import Runtime

BATCHES = (1, 2, 4, 8)
DEFAULT = (
    "w025e1-128,w075e1-128,w100e2-128,w050e2-192,w100e1-256,w100e2-256,w050e1-320,w075e2-320,w100e2-384,w100e2-448"
)


def engine(runtime: Runtime) -> Engine:
    """The detector under it."""
    return open_model(f"slimmable:{runtime}").engine(EngineOptions())


def times(variants: Sequence[Variant], rounds: int) -> Table:
    """Milliseconds of a batch, and how they compare."""
    model, engines = open_model().description, [engine(runtime) for runtime in Runtime]
    table = Table(title=f"ms for a batch: {' / '.join(Runtime)} / ratio")
    for column in ("variant", *(f"batch {batch}" for batch in BATCHES), "largest difference"):
        table.add_column(column, no_wrap=True)
    for variant in variants:
        cells, worst = [], 0.0
        for batch in BATCHES:
            images = pictures(batch, model.size(variant).input)
            measure = partial(seconds, images=images, variant=variant)
            pairs = [[measure(each) for each in engines] for _ in range(rounds + 1)][1:]
            one, other = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
            cells.append(f"{one:.1f} / {other:.1f} / {statistics.median(a / b for a, b in pairs):.2f}")
            found = [answers(each, images, [variant] * batch) for each in engines]
            worst = max(worst, *(difference(a, b) for a, b in zip(*found, strict=True)))
        table.add_row(variant.name, *cells, f"{worst:.1e}")
    return table


def difference(one: Answer, other: Answer) -> float:
    """The largest of any score or side; 1 where they do not find the same."""
    if [each.label for each in one.detections] != [each.label for each in other.detections]:
        return 1.0
    pairs = zip(one.detections, other.detections, strict=True)
    numbers = [
        (getattr(a, name), getattr(b, name)) for a, b in pairs for name in ("score", "left", "top", "right", "bottom")
    ]
    return max((abs(a - b) for a, b in numbers), default=0.0)


def memory(runtime: Runtime) -> str:
    """What a process takes that has run all shapes, once and then again."""
    tune_process()
    began_s = time.perf_counter()
    model, tried = open_model().description, engine(runtime)
    seen = [f"{runtime}: {resident_mb()} MB when loaded, after {time.perf_counter() - began_s:.1f} s"]
    for turn in ("once", "twice"):
        for variant in model.variants:
            for batch in (1, 2, 3, 4, 5, 6, 7, 8):
                answers(tried, pictures(batch, model.size(variant).input), [variant] * batch)
        seen.append(f"{resident_mb()} MB after all shapes {turn}")
    return ", ".join(seen)


def resident_mb() -> int:
    """Of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--variants", default=DEFAULT)
    parser.add_argument("--memory", type=Runtime, choices=list(Runtime))
    arguments = parser.parse_args()
    console = Console(width=140)
    if arguments.memory is not None:
        console.print(memory(arguments.memory))
        return
    known = {variant.name: variant for variant in open_model().description.variants}
    console.print(times([known[name] for name in arguments.variants.split(",")], arguments.rounds))


if __name__ == "__main__":
    main()
