"""How much longer a batch takes the first time that it runs on a processor, each size of network at each batch size.

    python -m benchmarks.first_times [--max-batch 8]

One thread, each shape three times in a row, in the order in which servers warm up: batches of one first. What the first
time takes beyond the quickest later one, in milliseconds.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.devices.process import tune_process
from jellyfish.devices.profile.measure import noise
from jellyfish.dispatch.warmth import shapes_in_order
from jellyfish.models.model import Description, Engine, EngineOptions, answers
from jellyfish.models.opening import open_model


def seconds(engine: Engine, model: Description, variant: Variant, batch: int) -> float:
    """One batch of noise in 16:9."""
    images = noise(model, variant, batch)
    began_s = time.perf_counter()
    answers(engine, images, [variant] * batch)
    return time.perf_counter() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-batch", type=int, default=8)
    most = parser.parse_args().max_batch
    tune_process()
    model = open_model()
    description, engine = model.description, model.engine(EngineOptions(threads=1))
    more_ms: dict[int, list[float]] = {batch: [] for batch in range(1, most + 1)}
    first_s = 0.0
    for variant, batch in shapes_in_order(description.variants, most):
        first, *later = (seconds(engine, description, variant, batch) for _ in range(3))
        more_ms[batch].append(1000 * (first - min(later)))
        first_s += first
    shown = Table(title=f"First times: {first_s:.1f} s for all")
    for name in ("batch", "more, mean ms", "more, most ms"):
        shown.add_column(name, justify="right")
    for batch, values in more_ms.items():
        shown.add_row(str(batch), f"{np.mean(values):.1f}", f"{max(values):.0f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
