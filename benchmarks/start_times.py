"""How long starts take: errors of each command, the first `serve` and later ones, beside `import torch`.

    python benchmarks/start_times.py --rounds 3

Every command is a process of its own. The first `serve` measures the device, for which it gets a cache folder of its
own; later ones find the profile there. Run it on a quiet machine, for it takes the wall clock.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
MISSING = "/nowhere/nothing"
ERRORS = {
    "serve, weights": ["serve", "--port", "0", "--weights", f"{MISSING}.safetensors"],
    "serve, profile": ["serve", "--port", "0", "--profile", f"{MISSING}.json"],
    "serve, device": ["serve", "--port", "0", "--device", "tpu"],
    "serve, cuda:0": ["serve", "--port", "0", "--device", "cuda:0"],
    "serve, variant": ["serve", "--port", "0", "--variant", "w999"],
    "serve, planner": ["serve", "--port", "0", "--planner", "clever"],
    "serve, host": ["serve", "--host", "192.0.2.1", "--port", "0"],
    "bench, video": ["bench", "--video", f"{MISSING}.mp4"],
    "bench, trace": ["bench", "--video", "VIDEO", "--trace", f"{MISSING}.csv"],
    "bench, weights": ["bench", "--video", "VIDEO", "--weights", f"{MISSING}.safetensors"],
    "bench, nobody there": ["bench", "--video", "VIDEO", "--connect", "ws://127.0.0.1:9/v1/stream"],
    "bench --clownfish, weights": ["bench", "--video", "VIDEO", "--clownfish", "--weights", f"{MISSING}.safetensors"],
    "device, video": ["device", "--cloud", "ws://127.0.0.1:9/v1/stream", "--video", f"{MISSING}.mp4"],
    "device, variant": ["device", "--video", "VIDEO", "--cloud", "ws://127.0.0.1:9/v1/stream", "--variant", "w999"],
    "profile, weights": ["profile", "--weights", f"{MISSING}.safetensors"],
    "profile, device": ["profile", "--device", "tpu"],
    "detect, file": ["detect", f"{MISSING}.mp4"],
    "detect, variant": ["detect", "VIDEO", "--variant", "w999"],
    "train, coco": ["train", "--coco", f"{MISSING}.json", "--folder", "SCRATCH"],
    "train, backbone": ["train", "--backbone", f"{MISSING}.pt", "--folder", "SCRATCH"],
    "train, checkpoint": ["train", "--resume", "--folder", "SCRATCH"],
    "evaluate, coco": ["evaluate", "--coco", f"{MISSING}.json"],
    "simulate, scenario": ["simulate", f"{MISSING}.toml"],
    "reproduce, traces": ["reproduce", "rtss22", "--traces", MISSING, "--results", "SCRATCH"],
    "report, run": ["report", MISSING],
    "plan, file": ["plan", f"{MISSING}.json"],
    "trace show, file": ["trace", "show", f"{MISSING}.csv"],
    "trace make, kind": ["trace", "make", "nothing", "SCRATCH/trace.csv"],
    "video make, layout": ["video", "make", "SCRATCH/videos", "--layout", "nowhere", "--seed", "1"],
}
"""What is wrong -> the command."""


def error_s(arguments: list[str], scratch: Path) -> float:
    """Until the command has said what is wrong."""
    video = next((ROOT / "videos").glob("*.mp4"))
    words = [word.replace("SCRATCH", str(scratch)).replace("VIDEO", str(video)) for word in arguments]
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, ROOT / "cli.py", *words], capture_output=True, text=True, check=False, cwd=scratch
    )
    seconds = time.perf_counter() - began_s
    if done.returncode != 2 or "Traceback" in done.stderr:
        raise SystemExit(f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds


def torch_s() -> float:
    """`import torch` in a new process."""
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - began_s


def ready_s(cache: Path, *options: str) -> float:
    """Until a server says that it is ready."""
    began_s = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, ROOT / "cli.py", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"XDG_CACHE_HOME": str(cache)},
    )  # fmt: skip
    try:
        assert server.stdout is not None
        if not any(line.startswith("ready") for line in server.stdout):
            raise SystemExit("the server ended before it was ready")
        return time.perf_counter() - began_s
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["errors", "serve"])
    arguments = parser.parse_args()
    table = Table("start", "median s", "most s")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        rounds = range(arguments.rounds)
        taken: dict[str, list[float]] = {}
        if arguments.only != "serve":
            taken |= {name: [error_s(words, scratch) for _ in rounds] for name, words in ERRORS.items()}
        if arguments.only != "errors":
            taken["import torch"] = [torch_s() for _ in rounds]
            taken["serve, first"] = [ready_s(scratch / str(number)) for number in rounds]
            taken["serve, later"] = [ready_s(scratch / str(number)) for number in rounds]
    for name, seconds in taken.items():
        table.add_row(name, f"{median(seconds):.2f}", f"{max(seconds):.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
