"""What it costs that one set of weights holds every size: forward time, switching, memory.

    python benchmarks/slimmable.py [--device cpu] [--resolution 320] [--rounds 40]

One run, one thread. Ratios are medians over interleaved rounds, so that a busy moment falls on both sides.

* forward: each size as the engine runs it, beside a plain network of that size: ordinary modules with as many channels
  as this size uses, that know nothing of widths and exits.
* switch: two sizes in turns, beside each of them again and again; and what it takes to bring a static detector of the
  largest size from disk to the device instead.
* memory: parameters on the device of all sizes in the engine, beside one static network per size.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from jellyfish.models.precision import inference_dtype
from jellyfish.models.slimmable.detector import Neck, SlimmableDetector
from jellyfish.models.slimmable.folding import fold_stem, fold_tail
from jellyfish.models.slimmable.layers import FixedBlock, FoldedConv, SlimmableBlock
from jellyfish.models.slimmable.sizes import EXITS, LARGEST, SIZES, NetworkSize
from jellyfish.models.slimmable.street import input_size
from jellyfish.models.slimmable.weights import load_weights

BATCHES = (1, 4)
SMALLEST = SIZES[0]
Action = Callable[[], object]


def convolution(folded: nn.Module | Tensor) -> nn.Sequential:
    """An ordinary convolution with the weights of a folded one."""
    assert isinstance(folded, FoldedConv)
    outputs, inputs, kernel, _ = folded.weight.shape
    made = nn.Conv2d(inputs * folded.groups, outputs, kernel, folded.stride, folded.padding, groups=folded.groups)
    made.weight.data, made.bias = folded.weight, nn.Parameter(folded.bias)
    return nn.Sequential(made, nn.ReLU6(inplace=True)) if folded.activated else nn.Sequential(made)


class PlainBlock(nn.Module):
    """An inverted residual block."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        assert isinstance(block, FixedBlock | SlimmableBlock)
        layers = [layer for layer in (block.expand, block.depthwise, block.project) if layer is not None]
        self.layers = nn.Sequential(*(convolution(layer) for layer in layers))
        self.shortcut = block.shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Shape as the block it was made of."""
        y = self.layers(x)
        return y.add_(x) if self.shortcut else y


class PlainDetector(nn.Module):
    """The detector of one size, built of that size's layers alone."""

    def __init__(self, detector: SlimmableDetector, size: NetworkSize) -> None:
        super().__init__()
        stem, tail = fold_stem(detector), fold_tail(detector, size)
        self.stem = nn.Sequential(convolution(stem.entry), *map(PlainBlock, stem.blocks))
        self.second, self.third, self.fourth = (
            nn.Sequential(*map(PlainBlock, stage)) for stage in (tail.second, tail.third, tail.fourth)
        )
        assert isinstance(tail.neck, Neck)
        neck = tail.neck
        self.laterals = nn.ModuleList(
            convolution(lateral) for lateral in (neck.lateral8, neck.lateral16, neck.lateral32)
        )
        self.heads = nn.ModuleList(
            nn.Sequential(convolution(head.smooth), convolution(head.hidden), convolution(head.predict))
            for head in tail.heads
        )
        self.deep = size.exit == EXITS[1]

    def forward(self, images: Tensor) -> Tensor:
        """[n, 3, h, w] -> predictions [n, points, PREDICTIONS]."""
        eight = self.stem(images)
        second = sixteen = thirty_two = self.second(eight)
        if self.deep:
            sixteen = self.third(second)
            thirty_two = self.fourth(sixteen)
        level32 = self.laterals[2](thirty_two)
        level16 = self.laterals[1](sixteen) + nn.functional.interpolate(level32, scale_factor=2.0)
        level8 = self.laterals[0](eight) + nn.functional.interpolate(level16, scale_factor=2.0)
        found = [head(level) for head, level in zip(self.heads, (level8, level16, level32), strict=True)]
        return torch.cat([level.permute(0, 2, 3, 1).flatten(1, 2) for level in found], dim=1)


class Bench:
    """Both forms of every size on a device, and the pictures they are run on."""

    def __init__(self, device: torch.device, resolution: int) -> None:
        self.device, self.dtype = device, inference_dtype(device)
        self.detector = load_weights().detector()
        self.stem = fold_stem(self.detector).to(device, self.dtype)
        self.tails = {size: fold_tail(self.detector, size).to(device, self.dtype) for size in SIZES}
        self.plain = {size: self.on_device(PlainDetector(self.detector, size)) for size in SIZES}
        size = input_size(resolution)
        images = torch.rand(max(BATCHES), 3, size.height, size.width) * 2 - 1
        self.images = images.to(device, self.dtype).contiguous(memory_format=torch.channels_last)

    def on_device(self, module: nn.Module) -> nn.Module:
        """The module as it would be served."""
        return module.eval().requires_grad_(False).to(self.device, self.dtype).to(memory_format=torch.channels_last)

    def slimmable(self, size: NetworkSize, batch: int) -> Action:
        """One forward pass as the engine makes it."""
        return lambda: self.tails[size](self.stem(self.images[:batch]))

    def static(self, size: NetworkSize, batch: int) -> Action:
        """One forward pass of the plain network."""
        return lambda: self.plain[size](self.images[:batch])

    def seconds(self, action: Action) -> float:
        """One run, until the device is done."""
        start = time.perf_counter()
        with torch.inference_mode():
            action()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - start

    def interleaved(self, actions: Sequence[Action], rounds: int) -> list[list[float]]:
        """Seconds of each action, round by round, after two rounds to warm up; each run right after one of itself."""
        times: list[list[float]] = [[] for _ in actions]
        for number in range(rounds + 2):
            for action, own in zip(actions, times, strict=True):
                self.seconds(action)
                spent = self.seconds(action)
                if number >= 2:
                    own.append(spent)
        return times


def forward(bench: Bench, rounds: int) -> Table:
    """Each size and batch beside its plain network."""
    table = Table(title="forward: slimmable beside a plain network of that size")
    for column in ("size", *(f"{name}, batch {batch}" for batch in BATCHES for name in ("ms", "plain ms", "ratio"))):
        table.add_column(column, justify="right")
    for size in SIZES:
        cells = []
        for batch in BATCHES:
            ours, plain = bench.interleaved([bench.slimmable(size, batch), bench.static(size, batch)], rounds)
            ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
            cells += [f"{1e3 * statistics.median(ours):.2f}", f"{1e3 * statistics.median(plain):.2f}", f"{ratio:.3f}"]
        table.add_row(size.name, *cells)
    return table


def switching(bench: Bench, rounds: int) -> Table:
    """Two sizes in turns, beside each again and again; and loading one from disk."""
    first, second = bench.slimmable(SMALLEST, 1), bench.slimmable(LARGEST, 1)
    changes, stays = [], []
    for _ in range(rounds + 2):
        stays.append(bench.interleaved([first, second], 1))
        changes.append([bench.seconds(action) for action in (first, second, first, second)][2:])
    pairs = list(zip(changes, stays, strict=True))[2:]
    extra = statistics.median(sum(change) - (stay[0][0] + stay[1][0]) for change, stay in pairs) / 2
    table = Table(title=f"switching between {SMALLEST.name} and {LARGEST.name}, batch 1")
    table.add_column("what")
    table.add_column("ms", justify="right")
    table.add_row("a batch of another size than the one before, over one of the same", f"{1e3 * extra:+.3f}")
    table.add_row(f"a static {LARGEST.name}: from disk to the device", f"{1e3 * loading(bench):.1f}")
    return table


def loading(bench: Bench) -> float:
    """Seconds to build a static detector and bring its weights from disk (cached) to the device; median of 5."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "static.safetensors"
        state = {name: tensor.contiguous() for name, tensor in bench.plain[LARGEST].state_dict().items()}
        save_file(state, file)
        empty = PlainDetector(bench.detector, LARGEST)

        def load() -> None:
            empty.load_state_dict(load_file(file, device=str(bench.device)))
            bench.on_device(empty)

        return statistics.median(bench.seconds(load) for _ in range(5))


def memory(bench: Bench) -> Table:
    """Parameters of all sizes, both ways."""
    ours = [bench.stem, *bench.tails.values()]
    table = Table(title=f"parameters of all {len(SIZES)} sizes on the device")
    table.add_column("what")
    table.add_column("MB", justify="right")
    table.add_row("one stem and a folded tail per size, as served", f"{_megabytes(ours):.1f}")
    table.add_row("one static network per size", f"{_megabytes(list(bench.plain.values())):.1f}")
    table.add_row("one set of weights that holds them all, unfolded", f"{_megabytes([bench.detector]) / 2:.1f}")
    return table


def _megabytes(modules: Sequence[nn.Module]) -> float:
    tensors = {id(tensor): tensor for module in modules for tensor in module.state_dict().values()}
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) / 1e6


def main() -> None:
    """Run and print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resolution", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    bench, console = Bench(torch.device(options.device), options.resolution), Console(width=120)
    for table in (forward(bench, options.rounds), switching(bench, options.rounds), memory(bench)):
        console.print(table)


if __name__ == "__main__":
    main()
