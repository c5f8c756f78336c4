"""Share of frames answered in time by Jellyfish, LitServe and mosec, at multiples of this machine's raw rate.

    python -m benchmarks.peers [--loads .5 .7 .9 1.5] [--systems jellyfish jellyfish-rest litserve mosec] [--rounds 2]

What is compared: three servers that run one network, one variant of the shipped detector, by the same code
(`answers` on what `decode_jpeg` makes of the JPEG that was sent), with everything on this machine's processor
cores. The peers have two workers of one thread each; Jellyfish is `jellyfish serve --device cpu` as it divides the
machine by itself. It serves the one variant (`--variant`: no plans, no smaller ones), so that every answer is worth the
same. Each peer runs with that of a few settings (largest batch : milliseconds that a batch may wait) which answered
most in time at a load of .7, in a trial before.

The raw rate is what two processes of one thread each do with frames decoded beforehand, one at a time, with nothing
else on the machine; measured at the beginning and at the end, loads are multiples of the first. The load comes from a
process of its own: arrivals are Poisson or even, the same schedule for every system, and a frame is in time when its
answer is there within the SLO of the moment it was due. HTTP has a connection per open request; Jellyfish has streams
of its own protocol, which take turns. `jellyfish-rest` is asked as the peers are, a POST for each frame, in the Open
Inference Protocol, with a timeout a little below the SLO. Every cell is a fresh server; systems alternate.

The peers come from PyPI into an environment of their own, which sees this one's packages (torch is not installed
twice). `jellyfish@FOLDER` or `jellyfish-rest@FOLDER` among the systems is the server of another checkout, for a
comparison with it in one run.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from rich.console import Console
from rich.table import Table

from benchmarks.bystanders import Bystanders, marked
from benchmarks.fleet import Clip
from benchmarks.peers_load import BATCH, INFER_PATH, JPEG, READY, VARIANT, Answers, Offer, put
from jellyfish.errors import RunError
from jellyfish.models.slimmable.street import input_size

ROOT = Path(__file__).parent.parent
PEERS = ("litserve==0.2.19", "mosec==0.9.8")
STREAMS, REST = "jellyfish", "jellyfish-rest"
PATHS = {"litserve": "/predict", "mosec": "/inference"}
WORKERS = 2
TRIAL_LOAD, TRIAL_S = 0.7, 6.0
WARM_S = 2.0
"""Of each cell, from its first frame; not counted."""
STEADY = 0.1
"""Raw rates before and after may differ by so much."""
START_LIMIT_S, AFTER_READY_S, STOP_LIMIT_S = 120.0, 0.5, 4.0


@dataclass(frozen=True)
class Setting:
    """How a peer batches."""

    batch: int
    wait_ms: float

    def __str__(self) -> str:
        return f"{self.batch}:{self.wait_ms:g}"

    @classmethod
    def parse(cls, text: str) -> Setting:
        batch, wait_ms = text.split(":")
        return cls(int(batch), float(wait_ms))


TRIED = {
    "litserve": (Setting(1, 0), Setting(4, 0), Setting(4, 5)),
    "mosec": (Setting(1, 1), Setting(4, 1), Setting(4, 10)),
}


def environment(below: Path, name: str = "peers-environment", packages: Sequence[str] = PEERS) -> Path:
    """The Python of an environment that has `packages`, made once; another one of the same name is replaced."""
    folder = below / name
    python, made = folder / "bin" / "python", folder / "made"
    here = sysconfig.get_path("purelib")
    wanted = "\n".join((*packages, here))
    if not made.exists() or made.read_text() != wanted:
        venv.create(folder, clear=True, with_pip=True)
        inside = next((folder / "lib").glob("python*")) / "site-packages"
        (inside / "packages-of-the-running-python.pth").write_text(here + "\n")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True)
        made.write_text(wanted)
    return python


def raw_fps(variant: str, jpeg: bytes, seconds: float) -> float:
    """Frames per second of two processes of one thread each."""
    from benchmarks.peers_network import count_frames  # torch, which the process of the load need not import

    context = multiprocessing.get_context("spawn")
    counting = []
    for _ in range(WORKERS):
        pipe, theirs = context.Pipe()
        process = context.Process(target=count_frames, args=(theirs, variant, jpeg, seconds), daemon=True)
        process.start()
        counting.append((process, pipe))
    for _, pipe in counting:
        pipe.recv()
    for _, pipe in counting:
        pipe.send("go")
    total = sum(pipe.recv() for _, pipe in counting)
    for process, _ in counting:
        process.join()
    return total


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class System:
    """A server to start: by what command, where, and how its log says that it is ready."""

    name: str
    folder: Path
    command: tuple[str, ...]
    """PORT stands for the port."""
    url: str
    ready: tuple[str, int]
    """Words in what it writes, and how often they must be there."""
    variables: Mapping[str, str]

    @contextlib.contextmanager
    def serving(self) -> Iterator[tuple[str, int]]:
        """(URL, session) of a running server, in a session of its own, for the time of the context."""
        port = str(free_port())
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            with log.open("w") as file:
                process = subprocess.Popen(
                    [word.replace("PORT", port) for word in self.command], cwd=self.folder, start_new_session=True,
                    env={**os.environ, "PYTHONPATH": str(self.folder), **self.variables},
                    stdout=file, stderr=subprocess.STDOUT,
                )  # fmt: skip
            try:
                self._wait(process, log)
                yield self.url.replace("PORT", port), process.pid
            finally:
                end(process)

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        words, times = self.ready
        limit_s = time.monotonic() + START_LIMIT_S
        while log.read_text().count(words) < times:
            if process.poll() is not None or time.monotonic() > limit_s:
                raise RunError(f"{self.name} did not start; it said:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        time.sleep(AFTER_READY_S)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to stop; after a while end what is left of its group."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def jellyfish(name: str, variant: str) -> System:
    """The server of this checkout, or of the one after the @ in its name."""
    kind, _, where = name.partition("@")
    folder = Path(where or ROOT).resolve()
    command = ("cli.py", "serve", "--device", "cpu", "--variant", variant, "--port", "PORT")
    url = {STREAMS: "ws://127.0.0.1:PORT/v1/stream", REST: f"http://127.0.0.1:PORT{INFER_PATH}"}[kind]
    return System(name, folder, (sys.executable, *command), url, ("ready", 1), {})


def peer(name: str, setting: Setting, python: Path, variant: str, jpeg: Path) -> System:
    """LitServe or mosec."""
    command = ("-m", f"benchmarks.peers_{name}", "PORT", str(setting.batch), f"{setting.wait_ms:g}")
    variables = {VARIANT: variant, JPEG: str(jpeg), BATCH: str(setting.batch), "OMP_NUM_THREADS": "1"}
    url = f"http://127.0.0.1:PORT{PATHS[name]}"
    return System(f"{name} {setting}", ROOT, (str(python), *command), url, (READY, WORKERS), variables)


class Bench:
    """What every cell needs."""

    def __init__(self, arguments: argparse.Namespace, jpeg: bytes, load: ProcessPoolExecutor, console: Console) -> None:
        self._arguments, self._jpeg, self._load, self._console = arguments, jpeg, load, console
        self._resolution = int(arguments.variant.rpartition("-")[2])
        self.raw_fps = 0.0

    def measure_raw(self) -> float:
        fps = raw_fps(self._arguments.variant, self._jpeg, self._arguments.raw_seconds)
        self._console.log(f"raw rate {fps:.1f} frames per second", style="dim")
        return fps

    def cell(self, system: System, share: float, seconds: float, seed: int) -> Answers:
        """One load on a fresh server."""
        arguments = self._arguments
        with system.serving() as (url, session):
            offer = Offer(
                url, share * self.raw_fps, seconds, WARM_S, arguments.slo_ms / 1000, arguments.streams,
                arguments.arrivals == "poisson", seed, self._resolution, self._jpeg,
            )  # fmt: skip
            bystanders = Bystanders(session)
            answers = self._load.submit(put, offer).result()
            taken = marked(bystanders.share())
        self._console.log(f"{system.name} at {share:g}: {describe(answers)}{taken}", style="dim")
        return answers

    def best(self, settings: Sequence[System]) -> System:
        """That which answers most in time in a short trial; not tried where there is no choice."""
        if len(settings) == 1:
            return settings[0]
        return max(settings, key=lambda system: self.cell(system, TRIAL_LOAD, TRIAL_S, seed=-1).share)


def describe(answers: Answers) -> str:
    p50_ms, p99_ms = answers.latency_ms(50), answers.latency_ms(99)
    return f"{answers.share:.1%} of {answers.sent} in time, p50 {p50_ms:.0f} ms, p99 {p99_ms:.0f} ms"


def choose(bench: Bench, arguments: argparse.Namespace, folder: Path, jpeg: Path) -> list[System]:
    """The systems asked for, peers with their best setting."""
    systems = []
    for name in arguments.systems:
        if name.partition("@")[0] in (STREAMS, REST):
            systems.append(jellyfish(name, arguments.variant))
        else:
            python = environment(folder)
            settings = getattr(arguments, name)
            systems.append(bench.best([peer(name, one, python, arguments.variant, jpeg) for one in settings]))
    return systems


Cells = dict[tuple[str, float], list[Answers]]
"""(system, load) -> rounds."""


def measure(bench: Bench, systems: Sequence[System], arguments: argparse.Namespace) -> Cells:
    """Systems in turns at each load, another one first in each round."""
    cells: Cells = {}
    for number in range(arguments.rounds):
        first = number % len(systems)
        for share in arguments.loads:
            for system in (*systems[first:], *systems[:first]):
                answers = bench.cell(system, share, arguments.seconds, seed=number)
                cells.setdefault((system.name, share), []).append(answers)
    return cells


def table(cells: Cells, systems: Sequence[System], arguments: argparse.Namespace) -> Table:
    """Per system and load: all rounds' share in time, each round's, p50 and p99 of the answered."""
    shown = Table()
    shown.add_column("system: share in time at")
    for share in arguments.loads:
        shown.add_column(f"{share:g}", justify="right")
    for system in systems:
        shown.add_row(system.name, *(cell(cells[system.name, share]) for share in arguments.loads))
    return shown


def cell(rounds: Sequence[Answers]) -> str:
    pooled = sum(rounds, start=Answers())
    each = ", ".join(f"{100 * answers.share:.1f}" for answers in rounds)
    return f"{100 * pooled.share:.1f} ({each})\n{pooled.latency_ms(50):.0f} / {pooled.latency_ms(99):.0f}"


def run(arguments: argparse.Namespace, console: Console) -> None:
    resolution = int(arguments.variant.rpartition("-")[2])
    jpeg = Clip(ROOT / "videos" / f"{arguments.clip}.mp4").frames({resolution: input_size(resolution)})[resolution][0]
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, context) as load:
        (warm_up := Path(folder) / "frame.jpg").write_bytes(jpeg)
        bench = Bench(arguments, jpeg, load, console)
        bench.raw_fps = arguments.raw_fps or bench.measure_raw()
        systems = choose(bench, arguments, arguments.environment, warm_up)
        cells = measure(bench, systems, arguments)
        after_fps = bench.measure_raw()
    if abs(after_fps / bench.raw_fps - 1) > STEADY:
        console.print(
            "The machine was not steady: the raw rates differ, so loads were not what they are called.", style="red"
        )
    console.print(
        f"{arguments.variant}, JPEG of {len(jpeg) / 1000:.0f} kB in, SLO {arguments.slo_ms:g} ms, {arguments.arrivals} "
        f"arrivals, {len(os.sched_getaffinity(0))} cores; raw rate {bench.raw_fps:.0f} before, {after_fps:.0f} after"
    )
    console.print(table(cells, systems, arguments))
    console.print(f"% in time (each round); p50 / p99 of the answered frames in ms. {', '.join(PEERS)}")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", default=[STREAMS, REST, "litserve", "mosec"])
    parser.add_argument("--loads", type=float, nargs="+", default=[0.5, 0.7, 0.9, 1.5], help="in raw rates")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10, help=f"of each cell; the first {WARM_S:g} do not count")
    parser.add_argument("--raw-seconds", type=float, default=5, help="of each measurement of the raw rate")
    parser.add_argument("--raw-fps", type=float, help="instead of the first measurement, when a run is done in pieces")
    parser.add_argument("--variant", default="w100e1-320")
    parser.add_argument("--slo-ms", type=float, default=100)
    parser.add_argument("--arrivals", choices=["poisson", "even"], default="poisson")
    parser.add_argument("--streams", type=int, default=8, help="clients of Jellyfish that share the rate")
    parser.add_argument("--clip", default="street-junction", help="a clip that ships; its first frame is sent")
    for name in PATHS:
        parser.add_argument(
            f"--{name}", type=Setting.parse, nargs="+", metavar="BATCH:WAIT_MS", default=TRIED[name],
            help="settings to try; with a single one there is no trial",
        )  # fmt: skip
    cache = platformdirs.user_cache_path("jellyfish")
    parser.add_argument("--environment", type=Path, default=cache, help="folder to make the peers' environment in")
    arguments = parser.parse_args(words)
    for name in arguments.systems:
        if name.partition("@")[0] not in (STREAMS, REST, *PATHS):
            known = ", ".join((STREAMS, REST, *PATHS))
            parser.error(f"unknown system {name}: there are {known}; the first two also with @FOLDER")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # no server is left behind
    run(arguments, Console(width=150))


if __name__ == "__main__":
    main()
