"""What does emulating a camera cost? Processor time per frame of `bench`'s process; the server is in another one.

    python -m benchmarks.emulation [--loads 1x15 10x15 100x15 500x1] [--seconds 20] [--package OTHER_CHECKOUT]

The server has no network model and decodes nothing (`null_server.py`); it plans 448 pixels for everyone. Every run is
`jellyfish bench --connect`, in a process of its own, and another one of one second: the difference of their processor
times over the difference of their frames is the cost of a frame, so that imports and start-up are left out.
Parts: `pool` is decoding, scaling and encoding (all threads but the main one); the main thread's time is shared out as
in a further run of 6 s under a profiler. `--package`: another checkout's `jellyfish`, for a comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.null_server import NullServer

ROOT = Path(__file__).parents[1]
PARTS = {
    "WebSocket": ("aiohttp/", "camera/stream", "client/stream"),
    "ledger": ("camera/ledger", "client/ledger", "evaluation/", "model/matching", "results/streaming"),
    "records": ("results/", "modes/"),
    "link": ("link/", "waiting"),
    "messages": ("protocol/", "wire"),
    "camera": ("camera/", "client/", "control/", "media/"),
    "C and asyncio": ("",),
}
"""Files of the package, and of aiohttp, by part; the first that matches counts."""
MEASURED = """
import cProfile, collections, json, os, pstats, sys, time
package, output, profiled, arguments = sys.argv[1], sys.argv[2], sys.argv[3] == "profiled", sys.argv[4:]
sys.path.insert(0, package)
from jellyfish.cli import app
parts, own = json.loads(os.environ["PARTS"]), collections.Counter()
profile = cProfile.Profile()
if profiled:
    profile.enable()
try:
    app(["bench", *arguments], standalone_mode=False)
finally:
    profile.disable()
    times = {"process_s": time.process_time(), "main_s": time.thread_time()}
    for (file, _, _), (_, _, seconds, _, _) in pstats.Stats(profile).stats.items() if profiled else ():
        short = file.split(package + "/jellyfish/")[-1].split("site-packages/")[-1]
        own[next(part for part, files in parts.items() if short.startswith(tuple(files)))] += seconds
    with open(output, "w") as file:
        json.dump(times | {"own": own}, file)
"""


class Cost(NamedTuple):
    """What one run took."""

    frames: int
    process_s: float
    main_s: float
    own: dict[str, float]
    summary: dict[str, Any]


def run(
    package: Path, url: str, cameras: int, fps: float, arguments: argparse.Namespace, seconds: float, how: str = "plain"
) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "--clients", str(cameras), "--fps", f"{fps:g}", "--slo-ms", "100", "--trace", arguments.trace,
            "--duration", f"{seconds:g}", "--connect", url, "--results", f"{folder}/run", *arguments.options,
        ]  # fmt: skip
        subprocess.run(
            [sys.executable, "-c", MEASURED, str(package), f"{folder}/cost.json", how, *command],
            check=True, cwd=package, stdout=subprocess.DEVNULL, env=os.environ | {"PARTS": json.dumps(PARTS)},
        )  # fmt: skip
        cost = json.loads(Path(f"{folder}/cost.json").read_text())
        summary = json.loads(Path(f"{folder}/run/summary.json").read_text())
    return Cost(summary["offered"], cost["process_s"], cost["main_s"], cost["own"], summary)


def row(package: Path, cameras: int, fps: float, arguments: argparse.Namespace) -> str:
    """One line of the table."""
    with NullServer(arguments.resolution) as server:
        short = run(package, server.url, cameras, fps, arguments, 1.0)
        long = run(package, server.url, cameras, fps, arguments, arguments.seconds)
        profiled = [run(package, server.url, cameras, fps, arguments, each, "profiled") for each in (1.0, 6.0)]
        server.stop()
    frames = long.frames - short.frames
    total = 1e6 * (long.process_s - short.process_s) / frames
    main = 1e6 * (long.main_s - short.main_s) / frames
    own = {part: max(0.0, profiled[1].own.get(part, 0) - profiled[0].own.get(part, 0)) for part in PARTS}
    shares = (f"{main * each / sum(own.values()):.0f}" for each in own.values())
    figures = long.summary
    wait = (figures.get("wait_ms") or {}).get("p95")
    emulation = figures.get("emulation") or {}
    return (
        f"| {cameras} x {fps:g} | **{total:.0f}** | {total - main:.0f} | {' | '.join(shares)} "
        f"| {100 * (figures['slo_attainment'] or 0):.2f} | {'-' if wait is None else f'{wait:.1f}'} "
        f"| {emulation.get('bottleneck', 'not told')} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loads", nargs="+", default=["1x15", "10x15", "100x15", "500x1"], help="cameras x fps")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--resolution", type=int, default=448)
    parser.add_argument("--trace", default="wifi")
    parser.add_argument("--package", type=Path, default=ROOT)
    parser.add_argument("options", nargs="*", help="more options of bench, after --")
    arguments = parser.parse_args()
    parts = " | ".join(PARTS)
    print(f"| cameras x fps | us a frame | pool | {parts} | on time % | wait p95 ms | bottleneck |")
    print(f"|---|{'--:|' * (len(PARTS) + 5)}")
    for load in arguments.loads:
        cameras, fps = load.split("x")
        print(row(arguments.package.resolve(), int(cameras), float(fps), arguments), flush=True)


if __name__ == "__main__":
    main()
