"""What a switch costs: between static networks, and between sizes of the slimmable detector.

    python benchmarks/model_cache.py [--device cpu] [--networks ssdlite,fasterrcnn_mobile,fcos] [--rounds 10]

One run, batches of one, medians. State files are read from the system's file cache (the best case for loading); without
--weights they are random numbers in a temporary folder, as large as the published ones.

* loading: a network's state from the file to the device, alone. How the network is built is known from the first time.
* a batch after a switch: over the same batch when the same network ran just before. Hit: the network was loaded. Miss:
  it was not, and the batch waits for it.
* beside: the network is loaded while a neighbour answers: how long until it takes over, and how the neighbour's batches
  slow down meanwhile. With one processor core for all, as on a busy machine, they do.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from jellyfish.core import Variant
from jellyfish.models.model import Engine, EngineOptions, Model, answers
from jellyfish.models.opening import open_model
from jellyfish.models.torchvision.engine import ZooEngine
from jellyfish.models.torchvision.networks import NETWORKS, Zoo, open_zoo

RESOLUTION = 320


def random_states(folder: Path, part: str) -> None:
    """State files of untrained networks."""
    for network in NETWORKS:
        if not part or network.name in part.split(","):
            state = network.build(weights=None, weights_backbone=None).state_dict()
            torch.save(state, folder / network.file_name)


def seconds(action: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    action()
    return time.perf_counter() - began_s


def batch(engine: Engine, variant: Variant) -> float:
    """Seconds of a batch of one: bytes in, detections out."""
    image = np.zeros((RESOLUTION * 9 // 16, RESOLUTION, 3), np.uint8)
    return seconds(lambda: answers(engine, [image], [variant]))


def hit(engine: Engine, first: Variant, second: Variant, rounds: int) -> float:
    """Median seconds of the first batch after a switch, over a batch after one of its own."""
    extra_s = []
    for _ in range(rounds + 1):
        for before, after in ((first, second), (second, first)):
            batch(engine, before)
            changed_s = batch(engine, after)
            extra_s.append(changed_s - batch(engine, after))
    return statistics.median(extra_s[2:])


def miss(zoo: Zoo, device: torch.device, first: Variant, second: Variant, rounds: int) -> float:
    """The same, where the second network has yet to be loaded and the batch waits for it."""
    extra_s = []
    for _ in range(rounds):
        engine = ZooEngine(zoo, device)
        batch(engine, first)
        changed_s = batch(engine, second)
        extra_s.append(changed_s - batch(engine, second))
    return statistics.median(extra_s)


def beside(zoo: Zoo, device: torch.device, first: Variant, second: Variant) -> tuple[float, int, float]:
    """(Seconds until `second` runs, batches of `first` meanwhile, their time over the usual) of one switch."""
    engine = ZooEngine(zoo, device)
    usual_s = statistics.median([batch(engine, first) for _ in range(8)][3:])
    began_s, meanwhile_s = time.perf_counter(), []
    while (running := engine.ready(second)) != second:
        meanwhile_s.append(batch(engine, running))
    took_s = time.perf_counter() - began_s
    engine.settle()
    return took_s, len(meanwhile_s), statistics.median(meanwhile_s) / usual_s


def loading_table(zoo: Zoo, device: torch.device, rounds: int) -> Table:
    table = Table(title=f"loading from the file to {device}, nothing else running")
    for column in ("network", "MB", "ms"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for name in zoo.order:
        state = zoo.load(name, device).state_dict()
        size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
        spent_s = statistics.median(seconds(partial(zoo.load, name, device)) for _ in range(rounds))
        table.add_row(name, f"{size / 1e6:.1f}", f"{1e3 * spent_s:.0f}")
    return table


def switch_table(zoo: Zoo, slimmable: Model, options: EngineOptions, device: torch.device, rounds: int) -> Table:
    table = Table(title="the first batch after a switch, over one without")
    for column in ("detector", "between", "and", "ms"):
        table.add_column(column, justify="right" if column == "ms" else "left")
    sizes = [variant for variant in slimmable.description.variants if variant.resolution == RESOLUTION]
    found = [("slimmable", (sizes[0], sizes[-1]), hit(slimmable.engine(options), sizes[0], sizes[-1], 10 * rounds))]
    found += [("static, hit", pair, hit(ZooEngine(zoo, device), *pair, rounds)) for pair in pairs(zoo)]
    found += [("static, miss", pair, miss(zoo, device, *pair, rounds)) for pair in pairs(zoo)]
    for detector, (first, second), extra_s in found:
        table.add_row(detector, first.name, second.name, f"{1e3 * extra_s:+.2f}")
    return table


def beside_table(zoo: Zoo, device: torch.device) -> Table:
    table = Table(title="a miss, with the neighbour answering meanwhile")
    for column in ("neighbour", "wanted", "ms until it runs", "batches meanwhile", "their time / usual"):
        table.add_column(column, justify="left" if column in ("neighbour", "wanted") else "right")
    for first, second in pairs(zoo):
        rounds = [beside(zoo, device, first, second) for _ in range(5)]
        took_s, batches, slower = (statistics.median(values) for values in zip(*rounds, strict=True))
        table.add_row(first.name, second.name, f"{1e3 * took_s:.0f}", f"{batches:.0f}", f"{slower:.2f}")
    return table


def pairs(zoo: Zoo) -> list[tuple[Variant, Variant]]:
    """Neighbours in size, at one resolution."""
    return [(Variant(RESOLUTION, a), Variant(RESOLUTION, b)) for a, b in itertools.pairwise(zoo.order)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--networks", default="ssdlite,fasterrcnn_mobile,fcos")
    parser.add_argument("--weights", type=Path, help="The folder of their state files.")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    device, console = torch.device(options.device), Console(width=120)
    with tempfile.TemporaryDirectory() as folder:
        if options.weights is None:
            random_states(Path(folder), options.networks)
        zoo = open_zoo(options.networks, options.weights or Path(folder))
        console.print(loading_table(zoo, device, options.rounds))
        console.print(switch_table(zoo, open_model(), EngineOptions(options.device), device, options.rounds))
        console.print(beside_table(zoo, device))


if __name__ == "__main__":
    main()
