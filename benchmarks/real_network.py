"""Is the emulated link true? The same traces over kernel TCP through shaped namespaces, and over the emulated link.

    sudo python -m benchmarks.real_network [--seconds 30] [--rounds 3] [--trace FILE --slo-ms 150]

`jellyfish serve` runs in a namespace of its own; each camera's sockets are in another one. In the real run the uplink
is a veth that tc's token bucket shapes as the trace says, in the emulated one the veth is fast and the link of
`jellyfish bench` follows the trace. Nothing else differs, and runs of both kinds take turns. Neither has a delay beside
what its bandwidth makes: many kernels come without netem.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.namespaces import SERVER_ADDRESS, Network, why_not
from jellyfish.config import CameraConfig
from jellyfish.link.synthetic import Wanted, make_trace, resolve_trace
from jellyfish.link.trace import BandwidthTrace
from jellyfish.media.source import VideoSource
from jellyfish.modes.run import MeasuredRun, Setup
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.environment import machine, versions
from jellyfish.results.records import RunInfo
from jellyfish.results.summary import Summary
from jellyfish.results.writer import ResultWriter

ROOT = Path(__file__).parent.parent
PORT = 8765
URL = f"ws://{SERVER_ADDRESS}:{PORT}/v1/stream"
UNSHAPED_BPS = 1e9
FIGURES = ("miss %", "network ms p50", "p95", "p99", "on time fps")


@dataclass(frozen=True)
class Case:
    """Cameras alike, each on a trace of its own."""

    name: str
    traces: Sequence[BandwidthTrace]
    slo_ms: float
    fps: float


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Links that are just too slow for every frame to be in time: where there is no miss, nothing can differ."""
    if arguments.trace is not None:
        trace = resolve_trace(arguments.trace, 0)
        assert trace is not None
        shifted = [trace.shifted(trace.duration_s * number / arguments.clients) for number in range(arguments.clients)]
        return [Case(arguments.trace, shifted, arguments.slo_ms, arguments.fps)]
    return [
        Case(
            f"{kind}, {mbps:g} Mbit/s, {slo_ms:g} ms",
            [make_trace(kind, seed, arguments.seconds + 5, Wanted(mbps)) for seed in range(arguments.clients)],
            slo_ms,
            arguments.fps,
        )
        for kind, mbps, slo_ms in (("lte", 4, 100), ("lte", 2, 150), ("wifi", 6, 75), ("outage", 4, 150))
    ]


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


async def run_cameras(
    network: Network, case: Case, video: Path, seconds: float, folder: Path, *, real: bool
) -> Summary:
    """One run over the real or the emulated link. RunError when frames do not add up or the server disagrees."""
    configs = [
        CameraConfig(f"camera-{number}", video, case.fps, case.slo_ms / 1000, trace.name, 0.0, number)
        for number, trace in enumerate(case.traces)
    ]
    async with contextlib.AsyncExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=os.cpu_count() or 2))
        writer = stack.enter_context(ResultWriter(folder, run_info(case, real=real)))
        https = {config.name: await stack.enter_async_context(session(network, config.seed)) for config in configs}
        setups = [
            Setup(config, stack.enter_context(VideoSource(video)), None if real else trace)
            for config, trace in zip(configs, case.traces, strict=True)
        ]
        offload = partial(asyncio.get_running_loop().run_in_executor, pool)
        run = MeasuredRun(setups, seconds, 0, writer, WindowLog("elsewhere"), offload)
        await stack.enter_async_context(shaped(network, case.traces, run.start_s, real=real))
        await run.go(lambda name: https[name], URL)
        return run.finish(None)


def session(network: Network, client: int) -> aiohttp.ClientSession:
    """A session whose sockets are in a client's namespace."""

    def opened(address: tuple[Any, ...]) -> Any:
        return network.open_socket(client, *address[:3])

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, socket_factory=opened))


@contextlib.asynccontextmanager
async def shaped(
    network: Network, traces: Sequence[BandwidthTrace], start_s: float, *, real: bool
) -> AsyncIterator[None]:
    """Uplinks that follow the traces in the real run, and are no matter in the emulated one."""
    following: list[asyncio.Task[None]] = []
    for client, trace in enumerate(traces):
        network.shape(client, trace.rate_at(0.0) if real else UNSHAPED_BPS)
        if real:
            following.append(asyncio.create_task(network.follow(client, trace, start_s)))
    try:
        yield
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


def run_info(case: Case, *, real: bool) -> RunInfo:
    config = {"case": case.name, "link": "real" if real else "emulated"}
    return RunInfo(
        command=sys.argv, mode="real-network", started="", seed=0, config=config, versions=versions(),
        machine=machine(), devices=[], profile=URL,
    )  # fmt: skip


def figures(folder: Path, summary: Summary) -> tuple[float, ...]:
    """As in `FIGURES`. Network time is of answered frames: from the hand-over to the link until the answer, less the
    time in the server."""
    frames = [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]
    network_ms = [frame["uplink_ms"] + frame["downlink_ms"] for frame in frames if "uplink_ms" in frame]
    return (100 * summary.miss_rate, *np.percentile(network_ms, (50, 95, 99)), summary.goodput_fps)


def compare(arguments: argparse.Namespace, console: Console) -> None:
    """All cases, real and emulated in turns, on one server; medians over the rounds."""
    found: dict[str, dict[bool, list[tuple[float, ...]]]] = {}
    video = sorted((ROOT / "videos").glob("*.mp4"))[0]
    options = ["--variant", arguments.variant, "--threads", "1", *(["--profile", p] if (p := arguments.profile) else [])]
    with (
        tempfile.TemporaryDirectory() as temporary,
        Network(arguments.clients, 1000 * arguments.queue_kb, arguments.congestion) as network,
        server_inside(network, *options),
    ):
        for number in range(arguments.rounds):
            for case in cases(arguments):
                for real in (number % 2 == 0, number % 2 == 1):
                    folder = Path(temporary) / f"{len(found)}-{case.name.replace('/', '-')}-{number}-{real}"
                    summary = uvloop.run(run_cameras(network, case, video, arguments.seconds, folder, real=real))
                    told = figures(folder, summary)
                    found.setdefault(case.name, {True: [], False: []})[real].append(told)
                    console.print(case.name, "real" if real else "emulated", [round(float(f), 2) for f in told])
    console.print(table(found))


def table(found: dict[str, dict[bool, list[tuple[float, ...]]]]) -> Table:
    shown = Table(title="real / emulated; medians over the rounds")
    shown.add_column("case")
    for heading in (*FIGURES, "miss, difference"):
        shown.add_column(heading, justify="right")
    for name, rounds in found.items():
        real, emulated = ([statistics.median(column) for column in zip(*rounds[kind])] for kind in (True, False))
        cells = (f"{one:.1f} / {other:.1f}" for one, other in zip(real, emulated, strict=True))
        shown.add_row(name, *cells, f"{emulated[0] - real[0]:+.1f}")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--trace", help="instead of the four links: one by name or file")
    parser.add_argument("--slo-ms", type=float, default=150.0, help="with --trace")
    parser.add_argument("--variant", default="w025-320")
    parser.add_argument("--profile", help="a latency profile for the server")
    parser.add_argument("--queue-kb", type=int, default=1000, help="what may wait before an uplink")
    parser.add_argument("--congestion", default="cubic", help="the kernel's congestion control")
    arguments = parser.parse_args()
    if (reason := why_not()) is not None:
        sys.exit(f"cannot compare with a real network: {reason}")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that namespaces are deleted then, too
    compare(arguments, Console(width=120))


if __name__ == "__main__":
    main()
