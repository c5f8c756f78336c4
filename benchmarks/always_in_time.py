"""Does the device answer in time whatever becomes of its cloud? Real processes and sockets, on the wall clock.

    python benchmarks/always_in_time.py [--seconds 20] [--rounds 3] [--video FILE]

A `jellyfish serve` has the last processor core, each `jellyfish device` the first one, as two machines would.
Conditions take turns; the figures are medians over the rounds. The last column is p99 against that without any cloud.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

DEAD = "dead"
CONDITIONS: dict[str, tuple[str, ...]] = {
    DEAD: (),
    "near": (),
    "150 ms each way": ("--delay-ms", "150"),
    "1 s each way": ("--delay-ms", "1000"),
    "5 Mbit/s": ("--trace", "5mbps", "--delay-ms", "20"),
    "flapping": ("--trace", "flapping.csv", "--delay-ms", "20"),
}
FLAPPING = "time_s,mbps\n0,20\n2,0\n4,20\n6,0\n8,20\n"
START_LIMIT_S = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--video", type=Path, default=Path("videos/street-avenue.mp4"))
    arguments = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONDITIONS}
    with tempfile.TemporaryDirectory() as folder, cloud() as url:
        (Path(folder) / "flapping.csv").write_text(FLAPPING)
        for number in range(arguments.rounds):
            for name, options in CONDITIONS.items():
                results = Path(folder) / f"{number}-{name}".replace(" ", "-").replace("/", "-")
                address = f"ws://127.0.0.1:{free_port()}/v1/stream" if name == DEAD else url
                device(address, arguments.video.resolve(), arguments.seconds, results, options, Path(folder))
                found[name].append(msgspec.json.decode((results / "summary.json").read_bytes()))
                print(f"round {number + 1}: {name}", file=sys.stderr, flush=True)
    print(table(found))


def table(found: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown, a row per condition."""
    lines = ["| cloud | frames | missed | p50 ms | p99 ms | F1 local | F1 fused | p99 / dead |", "|---|" + "--:|" * 7]
    alone = median(found[DEAD], lambda run: run["e2e_ms"]["p99"])
    for name, runs in found.items():
        f1 = [
            median(runs, lambda run, key=key: run["fusion"]["device-0"]["f1"][key] or 0.0) for key in ("local", "fused")
        ]
        p50, p99 = (median(runs, lambda run, key=key: run["e2e_ms"][key]) for key in ("p50", "p99"))
        offered, missed = (sum(run["offered"] for run in runs), sum(run["offered"] - run["on_time"] for run in runs))
        lines.append(
            f"| {name} | {offered} | {missed} | {p50:.1f} | {p99:.1f} | {f1[0]:.3f} | {f1[1]:.3f} | {p99 / alone:.2f} |"
        )
    return "\n".join(lines)


def median(runs: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> float:
    return statistics.median(value(run) for run in runs)


def device(url: str, video: Path, seconds: float, results: Path, options: tuple[str, ...], folder: Path) -> None:
    """One run of `jellyfish device` on the first core."""
    command = ["device", "--cloud", url, "--video", str(video), "--duration", str(seconds), "--results", str(results)]
    first = {min(os.sched_getaffinity(0))}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *command, *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
    )  # fmt: skip
    os.sched_setaffinity(process.pid, first)
    output, _ = process.communicate()
    if process.returncode != 0:
        raise SystemExit(output.decode())


@contextlib.contextmanager
def cloud() -> Iterator[str]:
    """`jellyfish serve` on the last core, ready."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "cli.py", "serve", "--port", str(port), "--threads", "1"], cwd=Path(__file__).parent.parent,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
    try:
        wait_for(f"http://127.0.0.1:{port}/readyz")
        yield f"ws://127.0.0.1:{port}/v1/stream"
    finally:
        process.terminate()
        process.wait()


def wait_for(url: str) -> None:
    ends_s = time.monotonic() + START_LIMIT_S
    while time.monotonic() < ends_s:
        with contextlib.suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"no server at {url} after {START_LIMIT_S:g} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
