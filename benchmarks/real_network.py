"""Is the emulated link true? The same frames over kernel TCP through shaped namespaces, and over the emulated link.

    sudo python -m benchmarks.real_network [--seconds 30] [--rounds 3] [--trace FILE --slo-ms 150]

`jellyfish serve` runs in a namespace of its own; each camera's sockets are in another one. Each camera runs twice at
once: over a veth that tc's token bucket shapes as the trace says, and over a fast veth with the link of `jellyfish
bench` that follows the same trace. The two capture the same frames, half a frame's interval apart, so that whatever
else goes on on this machine hits both. Neither has a delay beside what its bandwidth makes: many kernels come without
netem.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.namespaces import SERVER_ADDRESS, Network, why_not
from jellyfish.camera.frames import OwnFrames
from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import CameraConfig
from jellyfish.core import Outcome
from jellyfish.link.synthetic import resolve_trace
from jellyfish.link.trace import BandwidthTrace
from jellyfish.link.wanted import Wanted, wanted_trace
from jellyfish.models.slimmable.weights import load_weights
from jellyfish.modes.run import MeasuredRun, Setup
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.environment import machine, versions
from jellyfish.results.records import FrameRecord, RunInfo
from jellyfish.results.writer import ResultWriter

ROOT = Path(__file__).parent.parent
PORT = 8765
URL = f"ws://{SERVER_ADDRESS}:{PORT}/v1/stream"
RESOLUTION = 320
LINKS = (("lte", 4, 80), ("lte", 2, 120), ("wifi", 6, 60), ("outage", 4, 120))
"""Kind, mean Mbit/s, SLO in ms: just too slow for every frame to be in time; where none is late, nothing can differ."""
OUTAGE_S, OUTAGE_EVERY_S = 2.0, 12.0
PERCENTS = (50, 95, 99)


@dataclass(frozen=True)
class Case:
    """Cameras alike, each on a trace of its own."""

    name: str
    traces: Sequence[BandwidthTrace]
    slo_ms: float
    fps: float


@dataclass
class Told:
    """What came of every frame of a case, over the real and over the emulated link; in the same order."""

    real: list[FrameRecord] = field(default_factory=list)
    emulated: list[FrameRecord] = field(default_factory=list)


def cases(arguments: argparse.Namespace, round_: int) -> list[Case]:
    """The links of a round: made from other seeds each time, or the one that was asked for."""
    seeds = range(round_ * arguments.clients, (round_ + 1) * arguments.clients)
    if arguments.trace is not None:
        traces = [_shifted(arguments.trace, seed, seed / (arguments.clients * arguments.rounds)) for seed in seeds]
        return [Case(arguments.trace, traces, arguments.slo_ms, arguments.fps)]
    made = []
    for kind, mbps, slo_ms in LINKS:
        outages = (OUTAGE_S, OUTAGE_EVERY_S) if kind == "outage" else (None, None)
        wanted = Wanted(mbps, None, None, *outages)
        traces = [wanted_trace(kind, seed, arguments.seconds + 5, wanted) for seed in seeds]
        made.append(Case(f"{kind} {mbps} Mbit/s, {slo_ms} ms", traces, slo_ms, arguments.fps))
    return made


def _shifted(name: str, seed: int, share: float) -> BandwidthTrace:
    """The trace of that name, from another point on for each camera and round."""
    trace = resolve_trace(name, seed)
    if trace is None:
        raise SystemExit("a link that is not shaped has nothing to compare")
    return trace.shifted(share * trace.duration_s)


@contextlib.contextmanager
def server_inside(network: Network, *options: str) -> Iterator[None]:
    """`jellyfish serve` in the server's namespace."""
    command = ["ip", "netns", "exec", network.server, sys.executable, str(ROOT / "cli.py"), "serve"]
    process = subprocess.Popen(
        [*command, "--host", SERVER_ADDRESS, "--port", str(PORT), *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        if not any("ready" in line for line in process.stdout):
            raise RuntimeError("the server did not start")
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


async def run_pair(network: Network, case: Case, video: Path, seconds: float) -> Told:
    """One run over both links at once; clients of the network: the real ones, then as many emulated ones."""
    apart_s = 0.5 / case.fps
    with tempfile.TemporaryDirectory() as temporary:
        async with asyncio.TaskGroup() as runs:
            real = runs.create_task(run_cameras(network, case, video, seconds, Path(temporary, "real"), real=True))
            await asyncio.sleep(apart_s)
            emulated = runs.create_task(
                run_cameras(network, case, video, seconds, Path(temporary, "emulated"), real=False)
            )
    return Told(real.result(), emulated.result())


async def run_cameras(
    network: Network, case: Case, video: Path, seconds: float, folder: Path, *, real: bool
) -> list[FrameRecord]:
    """One run over the real or the emulated link. RunError when frames do not add up or the server disagrees."""
    first = 0 if real else len(case.traces)
    names = {f"camera-{number}": first + number for number in range(len(case.traces))}
    configs = [
        CameraConfig(name, video, case.fps, case.slo_ms / 1000, trace.name, 0.0, 0)
        for name, trace in zip(names, case.traces, strict=True)
    ]
    async with contextlib.AsyncExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=os.cpu_count() or 2))
        writer = stack.enter_context(ResultWriter(folder, run_info(case, real=real)))
        https = {name: await stack.enter_async_context(session(network, client)) for name, client in names.items()}
        offload = partial(asyncio.get_running_loop().run_in_executor, pool)
        setups = [
            Setup(config, OwnFrames(stack.enter_context(VideoSource(video)), offload), None if real else trace)
            for config, trace in zip(configs, case.traces, strict=True)
        ]
        run = MeasuredRun(setups, seconds, 0, writer, WindowLog("elsewhere"))
        if real:
            await stack.enter_async_context(shaped(network, case.traces, run.start_s))
        await run.go(lambda name: https[name], URL)
        run.finish(None)
    lines = (folder / "frames.jsonl").read_bytes().splitlines()
    return sorted((msgspec.json.decode(line, type=FrameRecord) for line in lines), key=_which)


def _which(record: FrameRecord) -> tuple[str, int]:
    return record.client, record.frame


def session(network: Network, client: int) -> aiohttp.ClientSession:
    """A session whose sockets are in a client's namespace."""

    def opened(address: tuple[Any, ...]) -> Any:
        return network.client_socket(client, *address[:3])

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, socket_factory=opened))


@contextlib.asynccontextmanager
async def shaped(network: Network, traces: Sequence[BandwidthTrace], start_s: float) -> AsyncIterator[None]:
    """The first clients' uplinks follow the traces; a failure to shape one ends the run."""
    for client, trace in enumerate(traces):
        network.shape(client, trace.rate_at(0.0))
    async with asyncio.TaskGroup() as following:
        tasks = [following.create_task(network.follow(client, trace, start_s)) for client, trace in enumerate(traces)]
        yield
        for task in tasks:
            task.cancel()


def run_info(case: Case, *, real: bool) -> RunInfo:
    config = {"case": case.name, "link": "real" if real else "emulated"}
    return RunInfo(
        command=sys.argv, mode="real-network", started="", seed=0, config=config, versions=versions(),
        machine=machine(), devices=[], profile=URL,
    )  # fmt: skip


def miss_percent(frames: Sequence[FrameRecord]) -> float:
    return 100 * sum(frame.outcome is not Outcome.ON_TIME for frame in frames) / len(frames)


def network_ms(frame: FrameRecord) -> float | None:
    """From the hand-over to the link until the answer, less the time in the server; None without an answer."""
    return None if frame.uplink_ms is None or frame.downlink_ms is None else frame.uplink_ms + frame.downlink_ms


def percentiles_ms(frames: Sequence[FrameRecord]) -> list[float]:
    """Of the network time of answered frames, as in `PERCENTS`."""
    return _percentiles([took for frame in frames if (took := network_ms(frame)) is not None], PERCENTS)


def differences_ms(told: Told) -> list[float]:
    """Emulated less real network time, of each frame that was answered over both."""
    pairs = [(network_ms(one), network_ms(other)) for one, other in zip(told.emulated, told.real, strict=True)]
    return [emulated - real for emulated, real in pairs if emulated is not None and real is not None]


def _percentiles(values: Sequence[float], percents: Sequence[int]) -> list[float]:
    """NaN where there are no values: a link may be too slow for any answer."""
    return np.percentile(values, percents).tolist() if values else [math.nan] * len(percents)


def compare(arguments: argparse.Namespace, console: Console) -> None:
    """All cases and rounds on one server."""
    variant = next(variant for variant in load_weights().variants() if variant.resolution == RESOLUTION)
    video = sorted((ROOT / "videos").glob("*.mp4"))[0]
    divided = ["--profile", arguments.profile] if arguments.profile else ["--threads", "1"]
    options = ["--variant", variant.name, *divided]
    found: dict[str, Told] = {}
    with (
        Network(2 * arguments.clients, 1000 * arguments.queue_kb, arguments.congestion) as network,
        server_inside(network, *options),
    ):
        for round_ in range(arguments.rounds):
            for case in cases(arguments, round_):
                told = uvloop.run(run_pair(network, case, video, arguments.seconds))
                whole = found.setdefault(case.name, Told())
                whole.real += told.real
                whole.emulated += told.emulated
                missed = f"real {miss_percent(told.real):.1f} %, emulated {miss_percent(told.emulated):.1f} %"
                console.print(f"round {round_ + 1}, {case.name}: missed {missed}", highlight=False)
    console.print(table(found, f"all {arguments.rounds} rounds"))


def table(found: dict[str, Told], title: str) -> Table:
    shown = Table(title=title)
    shown.add_column("real / emulated", min_width=34)
    columns = ("frames", "miss %", *(f"network ms p{percent}" for percent in PERCENTS), "difference ms\np5, p50, p95")
    for heading in columns:
        shown.add_column(heading, justify="right")
    for name, told in found.items():
        pairs = [(miss_percent(told.real), miss_percent(told.emulated))]
        pairs += zip(percentiles_ms(told.real), percentiles_ms(told.emulated), strict=True)
        low, middle, high = _percentiles(differences_ms(told), (5, 50, 95))
        cells = (f"{one:.1f} / {other:.1f}" for one, other in pairs)
        shown.add_row(name, str(len(told.real)), *cells, f"{low:+.1f}, {middle:+.1f}, {high:+.1f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--trace", help="instead of the four links: one by name or file")
    parser.add_argument("--slo-ms", type=float, default=150.0, help="with --trace")
    parser.add_argument("--profile", help="a latency profile for the server")
    parser.add_argument("--queue-kb", type=int, default=1000, help="what may wait before an uplink")
    parser.add_argument("--congestion", default="cubic", help="the kernel's congestion control")
    arguments = parser.parse_args()
    if (reason := why_not()) is not None:
        sys.exit(f"cannot compare with a real network: {reason}")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that namespaces are deleted then, too
    compare(arguments, Console(width=140))


if __name__ == "__main__":
    main()
