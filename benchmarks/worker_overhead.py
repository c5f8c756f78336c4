"""What it costs to have a device behind a stream, beside a thread: processor time, latency, and where they go.

    python -m benchmarks.worker_overhead [--networks null real] [--rounds 5] [--seconds 10]

Four servers (`jellyfish serve`, one size for all, the same cameras at a fixed rate over real sockets), in alternation:
the engine in a thread of the server's process; in a process that gets decoded pictures by a pipe, as one device has it
by default; in a worker's process that gets JPEGs over a pair of sockets and decodes them (`--workers process`); and in
`jellyfish worker` on loopback behind TLS and a token, which is what machines elsewhere are reached by. All four run all
the time, so that what each does at rest is on the others' account, too.

Told are processor time per frame, of the front (the server's own process), of what is behind it, and of both; the time
from when a frame was due to its answer on the cameras' clocks; and the means of the stages by the server's metrics:
decode and execute are the front's, so where a worker decodes, that and the way there are in execute. Medians over
rounds, all of which are printed first.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.bystanders import Bystanders, marked
from benchmarks.fleet import Fleet, Load
from benchmarks.programs import ROOT, Front, Program, family_cpu_s

VIDEO = ROOT / "videos" / "street-junction.mp4"
MODELS = ROOT / "benchmarks" / "null_model.py"
STAGES = ("decode", "queue", "execute", "answer")
TOKEN = "0123456789abcdef0123456789abcdef"


class Network(NamedTuple):
    """What runs, and how many frames of it are asked for."""

    in_thread: str
    movable: str
    variant: str
    clients: int
    fps: float
    slo_s: float


NETWORKS = {
    "null": Network(f"{MODELS}:Null", f"{MODELS}:Movable", "wide-320", 8, 15.0, 0.5),
    "real": Network(f"{MODELS}:InThread", "slimmable", "w050e1-256", 4, 10.0, 0.5),
}


class Served(NamedTuple):
    """A server, and the worker that it does not start itself."""

    front: Front
    worker: Program | None


class Round(NamedTuple):
    """Of one server: microseconds of processor time a frame, milliseconds of latency, and of each stage."""

    front_us: float
    behind_us: float
    p50_ms: float
    p99_ms: float
    missed: float
    stages_ms: tuple[float, ...]


def servers(network: Network, folder: Path, stack: ExitStack) -> dict[str, Served]:
    """All four, ready."""
    cache = {"XDG_CACHE_HOME": str(folder), "XDG_DATA_HOME": str(folder)}

    def front(name: str, *options: str) -> Front:
        return stack.enter_context(
            Front(folder / f"{name}.log", *options, "--variant", network.variant, environment=cache)
        )

    alone = ("--threads", "1")
    token = folder / "token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    worker = stack.enter_context(
        Program(
            folder / "worker.log", "worker", "--port", "0", "--model", network.movable, "--threads", "1",
            "--token-file", str(token), "--tls", "self-signed", environment=cache,
        )
    )  # fmt: skip
    address = worker.says(r"ready at (tls://\S+):")[1]
    certificate = worker.says(r"--worker-ca-file and (\S+)")[1]
    elsewhere = (
        "--model", network.movable, "--device", "none", "--worker", address, "--worker-token-file", str(token),
        "--worker-ca-file", certificate,
    )  # fmt: skip
    return {
        "thread": Served(front("thread", "--model", network.in_thread, "--workers", "thread", *alone), None),
        "pipe": Served(front("pipe", "--model", network.movable, "--workers", "thread", *alone), None),
        "worker process": Served(front("process", "--model", network.movable, "--workers", "process", *alone), None),
        "worker, TLS": Served(front("tls", *elsewhere), worker),
    }


def spent_s(served: Served) -> tuple[float, float]:
    """Processor seconds so far: of the front's own process, of all others."""
    family = family_cpu_s(served.front.pid)
    own = family.pop(served.front.pid)
    worker = 0.0 if served.worker is None else sum(family_cpu_s(served.worker.pid).values())
    return own, sum(family.values()) + worker


def stage_sums(served: Served) -> tuple[list[float], float]:
    """Seconds of each stage, and how many frames they are of."""
    metrics = served.front.metrics()
    name = "jellyfish_frame_stage_seconds"
    sums = [metrics.get(f'{name}_sum{{stage="{stage}"}}', 0.0) for stage in STAGES]
    return sums, metrics.get(f'{name}_count{{stage="execute"}}', 0.0)


async def loaded(served: Served, fleet: Fleet, network: Network, seconds: float) -> Round:
    load = Load(served.front.url, network.clients, network.fps, network.slo_s, seconds, warm_s=1.0, reports=True)
    stages, frames = stage_sums(served)
    front_s, behind_s = spent_s(served)
    tally = await fleet.offer(load)
    now_front_s, now_behind_s = spent_s(served)
    now_stages, now_frames = stage_sums(served)
    ran = max(1.0, now_frames - frames)
    return Round(
        1e6 * (now_front_s - front_s) / ran,
        1e6 * (now_behind_s - behind_s) / ran,
        tally.latency_ms(50),
        tally.latency_ms(99),
        100 * tally.miss_rate,
        tuple(1e3 * (after - before) / ran for before, after in zip(stages, now_stages, strict=True)),
    )


def line(name: str, found: Round) -> str:
    stages = " | ".join(f"{stage_ms:.2f}" for stage_ms in found.stages_ms)
    whole_us = found.front_us + found.behind_us
    return (
        f"| {name} | {found.front_us:.0f} | {found.behind_us:.0f} | {whole_us:.0f} | {found.p50_ms:.1f} "
        f"| {found.p99_ms:.1f} | {found.missed:.2f} | {stages} |"
    )


def middle(rounds: list[Round]) -> Round:
    """The median of each figure."""
    stages = tuple(median(each) for each in zip(*(found.stages_ms for found in rounds), strict=True))
    front_us, behind_us, p50_ms, p99_ms, missed = (
        median(each) for each in zip(*(found[:5] for found in rounds), strict=True)
    )
    return Round(front_us, behind_us, p50_ms, p99_ms, missed, stages)


def measured(name: str, arguments: argparse.Namespace) -> None:
    network = NETWORKS[name]
    print(f"\n{name} network: {network.clients} cameras x {network.fps:g} fps, {network.variant}", flush=True)
    heads = " | ".join(f"{stage} ms" for stage in STAGES)
    print(f"| where it runs | front, us a frame | behind, us | both, us | p50 ms | p99 ms | missed % | {heads} |")
    print(f"|---|{'--:|' * (6 + len(STAGES))}", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        all_servers = servers(network, folder, stack)
        fleet = stack.enter_context(Fleet(VIDEO))
        time.sleep(2.0)
        workers = [served.worker.pid for served in all_servers.values() if served.worker is not None]
        known = [*(served.front.pid for served in all_servers.values()), *workers, fleet.pid]
        rounds: dict[str, list[Round]] = {kind: [] for kind in all_servers}
        for number in range(arguments.rounds):
            quiet = Bystanders(*known)
            for kind, served in all_servers.items():
                rounds[kind].append(asyncio.run(loaded(served, fleet, network, arguments.seconds)))
                print(line(f"{number + 1}: {kind}", rounds[kind][-1]), flush=True)
            print(f"round {number + 1}{marked(quiet.share())}", flush=True)
    for kind, found in rounds.items():
        print(line(f"**{kind}**", middle(found)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    arguments = parser.parse_args()
    for name in arguments.networks:
        measured(name, arguments)


if __name__ == "__main__":
    main()
