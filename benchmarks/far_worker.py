"""A worker behind a long way: the plan uses it for cameras that have the time, and for no others.

    sudo python -m benchmarks.far_worker [--delay-ms 20] [--mbit 100] [--seconds 30] [--rounds 2]

A front with a slow device of its own, and a `jellyfish worker` in another network namespace that is several times as
quick: the way there is a veth whose end towards it is shaped by the kernel (TBF), and a relay that lets each byte
through --delay-ms later, both ways, as kernels without netem cannot. Cameras of 50 ms and of 300 ms, half each,
stream to the front, in alternation with the worker and without it. Told is, for each SLO, where its frames ran, how
many were missed, by the cameras' clocks, and how accurate what ran was (by the sizes' own figures).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bystanders import Bystanders, marked
from benchmarks.namespaces import SERVER_ADDRESS, Network, why_not
from benchmarks.null_model import SIZES
from benchmarks.programs import ROOT, Program

MODEL = f"{ROOT / 'benchmarks' / 'null_model.py'}:Timed"
SLOS_MS = (50.0, 300.0)
HERE_FRAME_S, THERE_FRAME_S = 0.03, 0.006
"""What a frame of the largest size takes the device here, and the one there."""
WORKER_PORT, RELAY_PORT, FRONT_PORT = 8770, 8771, 8765
TOKEN = "0123456789abcdef0123456789abcdef"
WARM_S = 5.0
ACCURACY = {size.variant.name: size.accuracy for size in SIZES}


def inside(namespace: str) -> tuple[str, ...]:
    return "ip", "netns", "exec", namespace


@contextmanager
def relayed(namespace: str, delay_ms: float) -> Iterator[str]:
    """The worker's address as the front sees it."""
    command = [
        *inside(namespace), sys.executable, "-m", "benchmarks.delaying_relay", str(RELAY_PORT),
        f"{SERVER_ADDRESS}:{WORKER_PORT}", str(delay_ms),
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT) as relay:
        try:
            yield f"127.0.0.1:{RELAY_PORT}"
        finally:
            relay.terminate()


def run(namespace: str, options: tuple[str, ...], folder: Path, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Frames of cameras that stream to a front with these options, those of the first seconds left out."""
    environment = {"XDG_CACHE_HOME": str(folder / "here"), "TIMED_FRAME_S": str(HERE_FRAME_S)}
    url = f"ws://127.0.0.1:{FRONT_PORT}/v1/stream"
    front = Program(
        folder / "front.log", "serve", "--port", str(FRONT_PORT), "--quiet", "--model", MODEL, "--threads", "1",
        *options, environment=environment, before=inside(namespace),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as results, front:
        front.says(r"ready: ")
        slos = ",".join(f"{slo_ms:g}" for slo_ms in SLOS_MS)
        cameras = Program(
            folder / "bench.log", "bench", "--connect", url, "--clients", str(arguments.cameras), "--fps",
            f"{arguments.fps:g}", "--slo-ms", slos, "--trace", "none", "--delay-ms", "0", "--duration",
            f"{WARM_S + arguments.seconds:g}", "--results", f"{results}/run", before=inside(namespace),
        )  # fmt: skip
        with cameras:
            cameras.process.wait(arguments.seconds + 90)
        lines = (Path(results) / "run" / "frames.jsonl").read_text().splitlines()
    frames = [json.loads(line) for line in lines]
    return [frame for frame in frames if frame["captured_s"] >= WARM_S]


def told(way: str, frames: list[dict[str, Any]]) -> None:
    for slo_ms in SLOS_MS:
        those = [frame for frame in frames if frame["slo_ms"] == slo_ms]
        on_time = [frame for frame in those if frame["outcome"] == "on_time"]
        where = Counter("there" if RELAY in str(frame["device"]) else "here" for frame in on_time)
        shares = ", ".join(f"{100 * count / max(1, len(on_time)):.0f} % {place}" for place, count in where.items())
        accuracy = sum(ACCURACY.get(str(frame["variant"]), 0.0) for frame in on_time) / max(1, len(those))
        e2e_ms = [frame["e2e_ms"] for frame in those if frame["e2e_ms"] is not None]
        p50_ms, p99_ms = np.percentile(e2e_ms, [50, 99]) if e2e_ms else (float("nan"),) * 2
        missed = 100 * (1 - len(on_time) / max(1, len(those)))
        print(
            f"| {way} | {slo_ms:g} ms | {len(those)} | {missed:.2f} | {shares} | {accuracy:.3f} "
            f"| {p50_ms:.0f} / {p99_ms:.0f} |",
            flush=True,
        )


RELAY = str(RELAY_PORT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay-ms", type=float, default=20.0, help="one way")
    parser.add_argument("--mbit", type=float, default=100.0)
    parser.add_argument("--cameras", type=int, default=6)
    parser.add_argument("--fps", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    if why := why_not():
        print(f"skipped: {why}")
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        network = stack.enter_context(Network(1))
        network.shape(0, 1e6 * arguments.mbit)
        token = folder / "token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
        worker = stack.enter_context(
            Program(
                folder / "worker.log", "worker", "--host", SERVER_ADDRESS, "--port", str(WORKER_PORT), "--model", MODEL,
                "--threads", "1", "--token-file", str(token), before=inside(network.server),
                environment={"XDG_CACHE_HOME": str(folder / "there"), "TIMED_FRAME_S": str(THERE_FRAME_S)},
            )
        )  # fmt: skip
        worker.says(r"ready at ")
        address = stack.enter_context(relayed(network.clients[0], arguments.delay_ms))
        print(f"a way of {arguments.delay_ms:g} ms each way, {arguments.mbit:g} Mbit/s; {arguments.cameras} cameras")
        print("| devices | SLO | frames | missed % | of those in time | accuracy over all | p50 / p99 ms |")
        print("|---|--:|--:|--:|---|--:|--:|", flush=True)
        quiet = Bystanders()
        for _ in range(arguments.rounds):
            far = ("--worker", address, "--worker-token-file", str(token))
            told("here and there", run(network.clients[0], far, folder, arguments))
            told("here alone", run(network.clients[0], (), folder, arguments))
        print(f"measured{marked(quiet.share())}")


if __name__ == "__main__":
    main()
