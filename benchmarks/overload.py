"""Goodput of a real server in overload, beside what the device could do at best; with --adapt, what planning saves.

    python -m benchmarks.overload [--variant w100e2-448] [--loads 0.8 1.2 2] [--rounds 2]
    python -m benchmarks.overload --adapt

Server, network and decoding in this process, the clients in another one, both on this machine. The ideal is the best
b / l(b) of all batches that take no longer than the SLO: the same device code back to back on images decoded
beforehand, with nothing else to do. It is measured before and after every load, and a load is compared with these two:
other work on the machine falls on both alike.

Goodput counts answers that were received before their deadline, on the client's clock, per second. With --adapt no
variant is fixed, the planner chooses, and the offered load is the last of --loads times the ideal of --variant.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import uvloop
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.fleet import Clip, Fleet, Load, Tally
from jellyfish.config import ServerConfig
from jellyfish.devices.executor import EngineExecutor
from jellyfish.devices.naming import parse_variant
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.models.model import EngineOptions, Model
from jellyfish.models.opening import open_model
from jellyfish.modes.running_server import RunningServer
from jellyfish.modes.serving import serving

VIDEOS = Path(__file__).parent.parent / "videos"
LARGEST_IMAGE = 4096


@dataclass(frozen=True)
class Ideal:
    """Seconds and runs of each batch size, back to back."""

    seconds: NDArray[np.float64]
    runs: int

    def __add__(self, other: Ideal) -> Ideal:
        return Ideal(self.seconds + other.seconds, self.runs + other.runs)

    def best(self, slo_s: float) -> tuple[int, float]:
        """(batch, frames per second) of the best batch that takes no longer than the SLO."""
        mean_s = self.seconds / self.runs
        rates = [(batch / latency, batch) for batch, latency in enumerate(mean_s, start=1) if latency <= slo_s]
        rate, batch = max(rates)
        return batch, float(rate)


@dataclass(frozen=True)
class Phase:
    """One load, the ideal around it, and what the server's device did."""

    load: Load
    tally: Tally
    ideal: Ideal
    batches: int
    frames: int

    def __add__(self, other: Phase) -> Phase:
        return Phase(
            self.load,
            self.tally + other.tally,
            self.ideal + other.ideal,
            self.batches + other.batches,
            self.frames + other.frames,
        )


class Bench:
    """A server and a fleet, and the measurements on them."""

    def __init__(
        self, server: RunningServer, fleet: Fleet, model: Model, arguments: argparse.Namespace, video: Path
    ) -> None:
        self._server, self._fleet, self._arguments = server, fleet, arguments
        self._variant = parse_variant(arguments.variant, model.description.variants)
        resolution, ladder = self._variant.resolution, model.description.ladder
        jpegs = Clip(video).frames({resolution: ladder[resolution]})[resolution][: arguments.max_batch]
        self._images = [decode_jpeg(jpeg, LARGEST_IMAGE, LARGEST_IMAGE) for jpeg in jpegs]
        self._executor = EngineExecutor([partial(model.engine, EngineOptions())], "ideal", model.description)

    async def ideal(self) -> Ideal:
        """Every batch size in turns, so that a disturbed moment falls on all of them alike."""
        loop = asyncio.get_running_loop()
        seconds, runs = np.zeros(len(self._images)), 0
        end_s = loop.time() + self._arguments.ideal_seconds
        while loop.time() < end_s:
            for batch in range(1, len(self._images) + 1):
                begin_s = loop.time()
                await self._executor.run([self._variant] * batch, self._images[:batch])
                seconds[batch - 1] += loop.time() - begin_s
            runs += 1
        return Ideal(seconds, runs)

    def load(self, offered_fps: float) -> Load:
        """`offered_fps` from clients of about the asked rate."""
        arguments = self._arguments
        clients = max(1, round(offered_fps / arguments.fps))
        return Load(self._server.url, clients, offered_fps / clients, arguments.slo_ms / 1000, arguments.seconds)

    async def phase(self, share: float, before: Ideal) -> tuple[Phase, Ideal]:
        """Offer `share` of the ideal, then measure the ideal again."""
        load = self.load(share * before.best(self._arguments.slo_ms / 1000)[1])
        (dispatcher,) = self._server.service.dispatchers.values()
        first = dispatcher.statistics()
        tally = await self._fleet.offer(load)
        last = dispatcher.statistics()
        after = await self.ideal()
        return Phase(load, tally, before + after, last.batches - first.batches, last.frames - first.frames), after


async def measure(arguments: argparse.Namespace, console: Console) -> None:
    video = VIDEOS / f"{arguments.clip}.mp4"
    config = ServerConfig(port=0, variant=None if arguments.adapt else arguments.variant, max_batch=arguments.max_batch)
    progress = partial(console.log, style="dim")
    shares = arguments.loads[-1:] if arguments.adapt else arguments.loads
    with Fleet(video) as fleet:
        async with serving(config, lambda record, service: None, lambda words, done, total: None) as server:
            bench = Bench(server, fleet, open_model(), arguments, video)
            await bench.ideal()  # warms up
            before = await bench.ideal()
            phases: dict[float, Phase] = {}
            for share in list(shares) * arguments.rounds:
                phase, before = await bench.phase(share, before)
                phases[share] = phases[share] + phase if share in phases else phase
                progress(describe(phase, arguments))
    console.print(adapted(phases[shares[-1]], arguments) if arguments.adapt else table(phases, arguments))


def describe(phase: Phase, arguments: argparse.Namespace) -> str:
    """One phase in one line, as it goes."""
    tally = phase.tally
    goodput_fps = tally.on_time / phase.load.seconds
    return (
        f"offered {phase.load.offered_fps:.1f} fps, goodput {goodput_fps:.1f}, ideal "
        f"{phase.ideal.best(arguments.slo_ms / 1000)[1]:.1f}, missed {tally.miss_rate:.1%}"
    )


def drops(tally: Tally) -> str:
    """Frames without an answer, by reason, as shares of the captured ones."""
    counts = Counter(tally.dropped) + Counter(late=tally.late)
    return ", ".join(f"{reason} {count / tally.captured:.1%}" for reason, count in counts.most_common()) or "none"


def table(phases: dict[float, Phase], arguments: argparse.Namespace) -> Table:
    """One row per load."""
    shown = Table(
        title=f"{arguments.variant}, SLO {arguments.slo_ms:g} ms, {arguments.rounds} x {arguments.seconds:g} s"
    )
    for name in (
        "load",
        "clients",
        "offered fps",
        "ideal fps (batch)",
        "goodput fps",
        "of ideal",
        "mean batch",
        "p99 ms",
    ):
        shown.add_column(name, justify="right")
    shown.add_column("not on time")
    for share, phase in phases.items():
        batch, ideal_fps = phase.ideal.best(arguments.slo_ms / 1000)
        seconds = arguments.rounds * phase.load.seconds
        goodput_fps, offered_fps = phase.tally.on_time / seconds, phase.tally.captured / seconds
        shown.add_row(
            f"{share:g}",
            str(phase.load.clients),
            f"{offered_fps:.1f}",
            f"{ideal_fps:.1f} ({batch})",
            f"{goodput_fps:.1f}",
            f"{goodput_fps / ideal_fps:.1%}",
            f"{phase.frames / max(1, phase.batches):.2f}",
            f"{phase.tally.latency_ms(99):.0f}",
            drops(phase.tally),
        )
    return shown


def adapted(phase: Phase, arguments: argparse.Namespace) -> Table:
    """Miss rate and the variants that answered."""
    tally = phase.tally
    _, ideal_fps = phase.ideal.best(arguments.slo_ms / 1000)
    offered_fps = tally.captured / (arguments.rounds * phase.load.seconds)
    shown = Table(
        title=f"adapting: {phase.load.clients} clients, {offered_fps:.1f} fps = {offered_fps / ideal_fps:.2f} x the "
        f"ideal of {arguments.variant} ({ideal_fps:.1f} fps), SLO {arguments.slo_ms:g} ms",
        show_header=False,
    )
    shown.add_row("missed, of all captured", f"{tally.miss_rate:.2%}")
    shown.add_row("not on time", drops(tally))
    shown.add_row("p50, p99 of answered", f"{tally.latency_ms(50):.0f} ms, {tally.latency_ms(99):.0f} ms")
    shown.add_row("mean batch", f"{phase.frames / max(1, phase.batches):.2f}")
    mix = (f"{name} {count / tally.on_time:.0%}" for name, count in tally.variants.most_common())
    shown.add_row("variants of answers", ", ".join(mix))
    return shown


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapt", action="store_true", help="let the planner choose the variant")
    parser.add_argument("--variant", default="w100e2-448", help="fixed variant, or the one whose ideal is the measure")
    parser.add_argument("--slo-ms", type=float, default=250)
    parser.add_argument("--fps", type=float, default=15, help="about how much one client sends")
    parser.add_argument("--loads", type=float, nargs="+", default=[0.8, 1.2, 2.0], help="offered / ideal")
    parser.add_argument("--seconds", type=float, default=10, help="of each load in each round")
    parser.add_argument("--ideal-seconds", type=float, default=4, help="of each measurement of the ideal")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--max-batch", type=int, default=8)
    parser.add_argument("--clip", default="street-junction", help="a clip that ships")
    uvloop.run(measure(parser.parse_args(words), Console(width=150)))


if __name__ == "__main__":
    main()
