"""Frames that want different sizes: one batch through the shared stem, beside one batch for each size.

    python benchmarks/mixed_batches.py [--device cpu] [--resolutions 128 256 448] [--rounds 30]

One run, one thread, images in to detections out. The ratio is the median over interleaved rounds of (mixed / apart):
below 1, mixing wins.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.devices.profile.measure import noise
from jellyfish.models.model import Description, Engine, EngineOptions, answers
from jellyfish.models.opening import open_model
from jellyfish.models.slimmable.sizes import SIZES

MIXES: dict[str, tuple[str, ...]] = {
    "2 sizes, 1 + 1": ("w025e1", "w100e2"),
    "2 sizes, 2 + 2": ("w050e1",) * 2 + ("w100e2",) * 2,
    "2 sizes, 6 + 2": ("w025e1",) * 6 + ("w100e2",) * 2,
    "4 sizes, 1 each": ("w025e1", "w050e1", "w075e2", "w100e2"),
    "8 sizes, 1 each": tuple(size.name for size in SIZES),
}


def seconds(action: Callable[[], object]) -> float:
    """Time of one run; detections on the host, so the device is done."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def compare(
    engine: Engine, model: Description, resolution: int, networks: tuple[str, ...], rounds: int
) -> tuple[float, float, float]:
    """(median seconds mixed, apart, median of their ratio)."""
    variants = [Variant(resolution, network) for network in networks]
    images = noise(model, variants[0], len(networks))
    groups = Counter(variants)

    def mixed() -> None:
        answers(engine, images, variants)

    def apart() -> None:
        for variant, count in groups.items():
            answers(engine, images[:count], [variant] * count)

    for action in (mixed, apart):
        action()
    pairs = [(seconds(mixed), seconds(apart)) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[128, 256, 448])
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    model = open_model()
    engine = model.engine(EngineOptions(options.device))
    table = Table(title=f"mixed batches on {options.device}: mixed ms / apart ms = ratio")
    table.add_column("frames")
    for resolution in options.resolutions:
        table.add_column(f"{resolution} px", justify="right")
    for name, networks in MIXES.items():
        cells = []
        for resolution in options.resolutions:
            mixed, apart, ratio = compare(engine, model.description, resolution, networks, options.rounds)
            cells.append(f"{1e3 * mixed:.1f} / {1e3 * apart:.1f} = {ratio:.2f}")
        table.add_row(name, *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
