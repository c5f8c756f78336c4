"""Starts and stops everything that an emulated camera is made of, under load: does any of it outlive its owner?

    python -m benchmarks.starts_and_stops [--rounds 1000] [--seed 0]

Each round opens sources, a pool, and emulated cameras or devices on a small server with a timed device, and stops them
at a random moment while threads decode: by cancelling the run, or source by source from under its readers. Rounds run
in child processes, many in each, so that a crash of the interpreter is seen: it is counted, and another child goes on.
Exit code 1 if there was a crash, an error or a round that did not end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import faulthandler
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import aiohttp
import numpy as np
from aiohttp import web
from numpy.typing import NDArray

from jellyfish.camera.frames import Offload
from jellyfish.camera.sources.file import VideoSource
from jellyfish.clock import seconds_now
from jellyfish.config import BenchConfig, CameraConfig, Encoding, Limits
from jellyfish.control.adaptation import EachAnew
from jellyfish.control.planners.fixed import FixedPlanner, accept
from jellyfish.control.solving import in_place
from jellyfish.core import Answer, Task, Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.edge.edge_device import EdgeDevice, EdgeParts, EdgeTerms
from jellyfish.edge.fusion.by_task import FusedDetections
from jellyfish.edge.fusion.detections import DetectionFusion
from jellyfish.edge.fusion.filters import Periodic
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.link.shaper import Shaper
from jellyfish.media.jpeg import decode_jpeg
from jellyfish.models.model import Description, Size
from jellyfish.models.slimmable.street import CLASSES, input_size
from jellyfish.modes.assembly import PlanningPolicy, ServerParts, assembled
from jellyfish.modes.fleet import Fleet
from jellyfish.modes.run import MeasuredRun, run_info, running_beside
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.records import Timeline
from jellyfish.results.writer import ResultWriter
from jellyfish.server.app import create_app

VIDEO = Path(__file__).parents[1] / "videos" / "street-town.mp4"
VARIANT = Variant(128, "w025")
PROFILE = LatencyProfile("cpu", "timed", "stress", (VariantLatency(VARIANT, (0.004, 0.006), (0.004, 0.006)),))
MODEL = Description("timed", "", Task.DETECTION, CLASSES, (Size(VARIANT, input_size(128), 0.5),), "stress")
CAMERAS, FPS, SLO_S = 4, 30.0, 0.15
LONGEST_S = 0.25
"""A round is stopped after at most this."""
ROUNDS_PER_CHILD = 25
PATIENCE_S = 120.0
"""A child that takes longer hangs."""
Round = Callable[[random.Random, str, Path], Awaitable[None]]
"""(chance, URL of the server, folder for result files)"""


class QuickNetwork:
    """A device's small network that finds nothing, at once."""

    name, device, task = "none", "none", Task.DETECTION
    classes: tuple[str, ...] = ("thing",)

    async def run(self, image: NDArray[np.uint8]) -> Answer:
        return Answer()

    def worth_telling(self, answer: Answer) -> Answer:
        return answer


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[str]:
    """A small server on this machine; its URL."""
    pool = ThreadPoolExecutor(2, thread_name_prefix="decode")
    loop = asyncio.get_running_loop()
    parts = ServerParts(
        devices=[(TimedExecutor(PROFILE), PROFILE)],
        model=MODEL,
        max_batch=2,
        decode=lambda jpeg, size: loop.run_in_executor(pool, decode_jpeg, jpeg, 4096, 4096),
        policy=PlanningPolicy(in_place(FixedPlanner(VARIANT, 2)), EachAnew(), accept, 0.5),
        limits=Limits(),
    )
    with pool:
        async with assembled(parts, lambda record, service: None) as service:
            runner = web.AppRunner(create_app(service), access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/stream"
            await service.drain()
            await runner.cleanup()


async def readers_lose_their_source(chance: random.Random, url: str, folder: Path) -> None:
    """Threads read sources that are closed from under them, as when the run that reads them ends of an error."""
    with ThreadPoolExecutor(CAMERAS) as pool:
        sources = [VideoSource(VIDEO) for _ in range(CAMERAS)]
        reading = [pool.submit(read_until_closed, source) for source in sources]
        await asyncio.sleep(chance.uniform(0, LONGEST_S / 4))
        for source in sources:
            source.close()
        await asyncio.gather(*map(asyncio.wrap_future, reading))


def read_until_closed(source: VideoSource) -> None:
    with contextlib.suppress(ValueError):
        for number in range(1_000_000):
            source.frame(7 * number % source.frames)


async def bench_is_cancelled(encoding: Encoding, chance: random.Random, url: str, folder: Path) -> None:
    """Emulated cameras, opened and closed as by `bench`, cancelled at a random moment of their run."""
    cameras = tuple(CameraConfig(f"camera-{n}", VIDEO, FPS, SLO_S, "none", 0.001, n) for n in range(CAMERAS))
    config = BenchConfig(cameras, 60.0, None, 0, encode=encoding)
    async with contextlib.AsyncExitStack() as stack:
        files = stack.enter_context(contextlib.ExitStack())
        offload = pool_of(stack, wait=True)
        fleet = Fleet(config, None, offload, files)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        info = run_info("stress", datetime.now().astimezone(), 0, config, [], "")
        writer = stack.enter_context(ResultWriter(folder, info))
        run = MeasuredRun(fleet.setups, 60.0, 0, writer, WindowLog("fixed"), pause_s=0.02)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(0, LONGEST_S)), running_beside(*fleet.working()):
                await run.go(lambda name: http, url)


async def devices_are_cancelled(chance: random.Random, url: str, folder: Path) -> None:
    """Devices that answer their frames themselves, cancelled at a random moment of their run."""
    async with contextlib.AsyncExitStack() as stack:
        sources = [stack.enter_context(VideoSource(VIDEO)) for _ in range(CAMERAS)]
        offload = pool_of(stack, wait=chance.random() < 0.5)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        start_s = seconds_now() + 0.02
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(0, LONGEST_S)), asyncio.TaskGroup() as tasks:
                for number, source in enumerate(sources):
                    device = edge_device(f"device-{number}", source, offload, start_s)
                    tasks.create_task(device.run(http, url, start_s, start_s + 60))


def edge_device(name: str, source: VideoSource, offload: Offload, start_s: float) -> EdgeDevice:
    fusion, link = FusedDetections(DetectionFusion(0.5, 0.5, 1)), Shaper(None, 0.0)
    parts = EdgeParts(source, QuickNetwork(), fusion, Periodic(2), link, Shaper(None, 0.0), offload)
    return EdgeDevice(EdgeTerms(name, FPS, SLO_S, FPS / 2, 1.0), parts, Timeline(start_s), lambda record: None)


def pool_of(stack: contextlib.AsyncExitStack, wait: bool) -> Offload:
    """A pool that ends with `stack`; without `wait` its threads may outlive what they read."""
    pool = ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="camera")
    stack.callback(pool.shutdown, wait=wait, cancel_futures=True)
    return partial(asyncio.get_running_loop().run_in_executor, pool)


KINDS: dict[str, Round] = {
    "sources closed under readers": readers_lose_their_source,
    "cameras cancelled": partial(bench_is_cancelled, Encoding.EACH),
    "cameras of shared clips cancelled": partial(bench_is_cancelled, Encoding.SHARED),
    "devices cancelled": devices_are_cancelled,
}


async def rounds(kind: str, seed: int, count: int) -> None:
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        async with server() as url:
            for number in range(count):
                await KINDS[kind](chance, url, Path(folder) / str(number))
                print("ended", flush=True)


def child(kind: str, seed: int, count: int) -> tuple[int, str]:
    """(rounds that ended, how the child did)."""
    command = [sys.executable, "-m", "benchmarks.starts_and_stops", "--child", kind, str(seed), str(count)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired as expired:
        return (expired.stdout or b"").count(b"ended"), "hangs"
    ended = done.stdout.count("ended")
    if done.returncode == 0:
        return ended, "well" if not done.stderr else "with complaints: " + done.stderr.strip().splitlines()[-1]
    how = f"signal {-done.returncode}" if done.returncode < 0 else done.stderr.strip().splitlines()[-1]
    return ended, f"crashed ({how})"


def stress(total: int, seed: int, at_once: int) -> bool:
    """Run the rounds, say what came of them; whether all went well."""
    share, began_s = -(-total // len(KINDS)), time.monotonic()
    well = True
    with ThreadPoolExecutor(at_once) as children:
        for kind in KINDS:
            counts = [min(ROUNDS_PER_CHILD, share - first) for first in range(0, share, ROUNDS_PER_CHILD)]
            futures: list[Future[tuple[int, str]]] = [
                children.submit(child, kind, seed + number, count) for number, count in enumerate(counts)
            ]
            outcomes = [future.result() for future in futures]
            how = Counter(outcome for _, outcome in outcomes)
            ended = sum(count for count, _ in outcomes)
            well &= set(how) == {"well"}
            words = "; ".join(f"{count} x {outcome}" for outcome, count in how.most_common())
            print(f"{kind}: {ended} of {share} rounds, processes ended {words}", flush=True)
    print(f"{'no crash' if well else 'NOT WELL'}, {time.monotonic() - began_s:.0f} s")
    return well


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000, help="Starts and stops in all.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=2, help="Child processes.")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        faulthandler.enable()
        kind, seed, count = arguments.child
        asyncio.run(rounds(kind, int(seed), int(count)))
        return
    sys.exit(0 if stress(arguments.rounds, arguments.seed, arguments.at_once) else 1)


if __name__ == "__main__":
    main()
