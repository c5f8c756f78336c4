"""How much longer a batch takes the first time that it runs on a processor, each size of network at each batch size.

    python -m benchmarks.first_times [--max-batch 8]

One thread, each shape three times in a row, in the order in which servers warm up: batches of one first. What the first
time takes beyond the quickest later one, in milliseconds.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.devices.executor import detect_images
from jellyfish.devices.process import tune_process
from jellyfish.dispatch.warmth import shapes_in_order
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.street import input_size
from jellyfish.models.slimmable.weights import load_weights


def seconds(engine: DetectorEngine, variant: Variant, batch: int) -> float:
    """One batch of noise in 16:9."""
    width, height = input_size(variant.resolution).fitted(1920, 1080)
    images = list(np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), dtype=np.uint8))
    began_s = time.perf_counter()
    detect_images(engine, variant, images)
    return time.perf_counter() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-batch", type=int, default=8)
    most = parser.parse_args().max_batch
    tune_process()
    torch.set_num_threads(1)
    weights = load_weights(None)
    engine = DetectorEngine(weights, torch.device("cpu"))
    more_ms: dict[int, list[float]] = {batch: [] for batch in range(1, most + 1)}
    first_s = 0.0
    for variant, batch in shapes_in_order(weights.variants(), most):
        first, *later = (seconds(engine, variant, batch) for _ in range(3))
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
