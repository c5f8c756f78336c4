"""Is the simulation true? Ten cases on the real CPU and in virtual time, side by side.

    jellyfish profile --device cpu
    python -m benchmarks.agreement [--cases 1,4] [--seconds 20] [--rounds 3] [--profile FILE] [--results FOLDER]
                                   [--encode shared]

The simulation is told nothing but inputs: clients, traces, when a bystander is busy, what the cameras' codecs make of
their videos, and the machine's profile, made beforehand. Rounds are interleaved; medians of each case are compared with
the bars. With `--results`, real runs that lie there are not run again. Cameras have an encoder each, on the same cores;
with `--encode shared` their frames are ready before the run, and cost next to nothing in it.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import math
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bystanders import Bystanders
from jellyfish.camera.frames import scaled_jpeg
from jellyfish.camera.sources.file import VideoSource
from jellyfish.config import DEFAULT_TARGET, BenchConfig, CameraConfig, Encoding, ServerConfig
from jellyfish.devices.opening import subject_of
from jellyfish.devices.process import first_half_kept, usable_cores
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.pareto import pareto_front
from jellyfish.devices.profile.store import load_profile, profile_path
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.workers import Workplace
from jellyfish.errors import InputError
from jellyfish.lab.simulation.model import SimulatedModel
from jellyfish.lab.simulation.scenario import Bystander, Clients, Host, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.link.synthetic import lte_like, wifi_like
from jellyfish.models.model import Model
from jellyfish.models.opening import open_model
from jellyfish.models.slimmable.street import RESOLUTIONS, input_size
from jellyfish.modes.bench import PAUSE_PER_CAMERA_S, bench
from jellyfish.modes.host_costs.codecs import capture
from jellyfish.modes.run import START_PAUSE_S
from jellyfish.modes.serving import serving
from jellyfish.program.stopping import Stop

SETTLE_S = 2.0
"""Left out of the comparison: the first windows, in which estimates are still rough."""
DELAY_S = 0.005
MOST_POINTS, USUAL_POINTS, USUAL_SHARE, P95_SHARE = 3.0, 1.0, 0.1, 0.1
"""All cases within so many points of missed frames; eight of ten within so few, or such a share; p95 within a share."""
COUNTED_CAUSE = 0.1
"""Causes of a smaller share of the misses are not ordered, nor those of cases with next to no misses."""
OTHERS = "others.txt"
"""In a case's folder: what others took of the machine meanwhile."""
FEW_MISSES = 1.0
"""Per cent."""


@dataclass(frozen=True)
class Case:
    """What both runs are given."""

    clients: int
    fps: float
    trace: str
    slo_ms: float
    variant: str | None = None
    bystander: bool = False

    @property
    def title(self) -> str:
        """In words."""
        rest = (f", {self.variant}" if self.variant else "") + (", bystander" if self.bystander else "")
        return f"{self.clients} x {self.fps:g} fps, {self.trace}, {self.slo_ms:g} ms{rest}"


CASES = {
    1: Case(2, 25.0, "lte", 75.0),
    2: Case(2, 15.0, "wifi", 150.0, bystander=True),
    3: Case(4, 15.0, "wifi", 150.0),
    4: Case(4, 15.0, "lte", 100.0),
    5: Case(4, 15.0, "wifi", 150.0, "w100e2-320"),
    6: Case(4, 15.0, "lte", 100.0, "w075e2-320"),
    7: Case(8, 15.0, "wifi", 150.0, "w075e2-256"),
    8: Case(8, 15.0, "wifi", 150.0),
    9: Case(5, 15.0, "wifi", 150.0, "w050e2-256", bystander=True),
    10: Case(12, 15.0, "wifi", 150.0),
}
Frames = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(map(str, CASES)))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--encode", type=Encoding, choices=list(Encoding), default=Encoding.EACH)
    arguments = parser.parse_args()
    numbers = [int(number) for number in arguments.cases.split(",")]
    model = open_model()
    profile, path = thorough_profile(arguments.profile, model)
    found: dict[int, list[tuple[Frames, Frames]]] = {number: [] for number in numbers}
    others: dict[int, float] = {}
    with contextlib.ExitStack() as stack:
        folder = arguments.results or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for seed in range(arguments.rounds):
            for number in numbers:
                case, pairs = CASES[number], folder / f"{number}-{seed}"
                pair = Pair(case, pairs, arguments.seconds, seed, profile, path, model, arguments.encode)
                found[number].append((pair.real(), pair.simulated()))
                others[number] = max(others.get(number, 0.0), pair.others)
    Console(width=150).print(table(found, others))


def thorough_profile(path: Path | None, model: Model) -> tuple[LatencyProfile, Path]:
    """The CPU's saved profile, with the costs of its host."""
    path = path or profile_path(subject_of(Workplace("cpu", model, usable_cores()), None))
    profile = load_profile(path)
    if profile.host is None:
        raise InputError(f"{path} does not say what the host costs; run `jellyfish profile --device cpu` first")
    return profile, path


class Pair:
    """One case, run and simulated."""

    def __init__(
        self,
        case: Case,
        folder: Path,
        seconds: float,
        seed: int,
        profile: LatencyProfile,
        path: Path,
        model: Model,
        encode: Encoding,
    ) -> None:
        self._case, self._folder, self._seconds, self._seed = case, folder, seconds, seed
        self._profile, self._path, self._served, self._encode = profile, path, model, encode
        folder.mkdir(parents=True, exist_ok=True)
        self._traces = [self._trace(number) for number in range(case.clients)]
        videos = sorted(Path("videos").glob("*.mp4"))
        self._videos = [videos[number % len(videos)] for number in range(case.clients)]

    def _trace(self, number: int) -> Path:
        """A trace file that both runs read."""
        make = {"wifi": wifi_like, "lte": lte_like}[self._case.trace]
        trace, path = make(100 * self._seed + number, self._seconds + 10), self._folder / f"trace-{number}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("time_s", "mbps"))
            writer.writerows((second, trace.rate_at(second) / 1e6) for second in range(int(self._seconds + 10)))
        return path

    @property
    def _busy_s(self) -> tuple[float, float]:
        """From when to when a bystander is busy: the middle half of the run."""
        return self._seconds / 4, self._seconds * 3 / 4

    def real(self) -> Frames:
        """The frames of the run on this machine."""
        results = self._folder / "real"
        if not (results / "summary.json").exists():
            others = Bystanders()
            with self._bystander(results):
                self._bench(results)
            (self._folder / OTHERS).write_text(f"{100 * others.share():.1f}")
        return read_lines(results / "frames.jsonl")

    @property
    def others(self) -> float:
        """Per cent of the machine that processes outside this benchmark took during the real run."""
        return float((self._folder / OTHERS).read_text())

    def _bench(self, results: Path) -> None:
        case = self._case
        cameras = tuple(
            CameraConfig(f"camera-{number}", video, case.fps, case.slo_ms / 1000, str(trace), DELAY_S, number)
            for number, (trace, video) in enumerate(zip(self._traces, self._videos, strict=True))
        )
        server = ServerConfig(port=0, variant=case.variant, profile=self._path)
        config = BenchConfig(cameras, self._seconds, results, self._seed, encode=self._encode, server=server)
        with (self._folder / "bench.log").open("w") as log:
            uvloop.run(bench(config, Console(file=log), Stop(), serving))

    @contextlib.contextmanager
    def _bystander(self, results: Path) -> Iterator[None]:
        """Another process, busy for its time of the run on the last core, where the worker runs."""
        if not self._case.bystander:
            yield
            return
        over = threading.Event()
        watching = threading.Thread(target=self._stand_by, args=(results / "run.json", over))
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()

    def _stand_by(self, begun: Path, over: threading.Event) -> None:
        while not begun.exists():
            if over.wait(0.01):
                return
        from_s, to_s = self._busy_s
        over.wait(START_PAUSE_S + PAUSE_PER_CAMERA_S * self._case.clients + from_s)
        busy = subprocess.Popen(["taskset", "-c", str(usable_cores()[-1]), sys.executable, "-c", "while True: pass"])
        over.wait(to_s - from_s)
        busy.kill()
        busy.wait()

    def simulated(self) -> Frames:
        """The frames of the run in virtual time."""
        results = self._folder / f"simulated-{time.time_ns()}"
        run_scenario(self._scenario(), results)
        return read_lines(results / "frames.jsonl")

    def _scenario(self) -> Scenario:
        case = self._case
        model = self._folder / "model.json"
        model.write_bytes(msgspec.json.encode(self._model()))
        from_s, to_s = self._busy_s
        groups = tuple(
            Clients(
                f"camera{number}", 1, case.fps, case.slo_ms, str(trace), 1000 * DELAY_S, frame_bytes=usual_bytes(video)
            )
            for number, (trace, video) in enumerate(zip(self._traces, self._videos, strict=True))
        )
        return Scenario(
            case.title,
            self._seconds,
            (SimulatedDevice("cpu", str(model)),),
            groups,
            self._seed,
            variant=case.variant,
            target=DEFAULT_TARGET,
            host=self._host(),
            faults=(Bystander(from_s, to_s - from_s, half="second"),) if case.bystander else (),
        )

    def _host(self) -> Host:
        """Everything in one process on all cores, as in `bench`."""
        return Host(cores=len(usable_cores()), cameras=True, costs="measured")

    def _costs(self) -> HostCosts:
        """As profiled, but for the decoding of these videos; they are ready before the run where cameras share them."""
        assert self._profile.host is not None
        if self._encode is Encoding.SHARED:
            encode_s = len(self._profile.host.encode_s) * (0.0,)
            return msgspec.structs.replace(self._profile.host, capture_s=0.0, encode_s=encode_s)
        usual_s = statistics.mean(video_s(video, self._case.fps) for video in self._videos)
        return msgspec.structs.replace(self._profile.host, capture_s=usual_s)

    def _model(self) -> SimulatedModel:
        """What the server offers: all that is worth it, or the one variant."""
        accuracy, profile = self._served.description.accuracy, self._profile
        offered = set(pareto_front(profile, accuracy)) if self._case.variant is None else set(profile.variants)
        latencies = tuple(entry for entry in profile.latencies if entry.variant in offered)
        kept = msgspec.structs.replace(profile, latencies=latencies, host=self._costs())
        return SimulatedModel("measured", kept, tuple(accuracy(variant) for variant in kept.variants))


@cache
def usual_bytes(video: Path) -> tuple[tuple[int, float], ...]:
    """What the cameras' encoder makes of a video: bytes of its median frame at each resolution."""
    with VideoSource(video) as source:
        images = [source.frame(index) for index in range(0, source.frames, 10)]
    return tuple(
        (resolution, statistics.median(len(scaled_jpeg(image, input_size(resolution))) for image in images))
        for resolution in RESOLUTIONS
    )


@cache
def video_s(video: Path, fps: float) -> float:
    """What it takes to decode a video's next frame for a camera."""
    with first_half_kept(usable_cores()):
        return capture(video, fps).usual_s


def read_lines(path: Path) -> Frames:
    frames = [json.loads(line) for line in path.read_text().splitlines()]
    return [frame for frame in frames if frame["captured_s"] >= SETTLE_S]


def miss_rate(frames: Frames) -> float:
    """Per cent."""
    return 100 * sum(frame["outcome"] != "on_time" for frame in frames) / len(frames)


def p95_ms(frames: Frames) -> float:
    """Of the answered frames."""
    return statistics.quantiles((frame["e2e_ms"] for frame in frames if frame["e2e_ms"] is not None), n=20)[18]


def causes(rounds: list[Frames]) -> list[str]:
    """What made frames miss, the most frequent first, with its share; small ones are left out."""
    counts = Counter(
        f"{frame['outcome']}/{frame['reason']}"
        for frames in rounds
        for frame in frames
        if frame["outcome"] != "on_time"
    )
    return [cause for cause, count in counts.most_common() if count >= COUNTED_CAUSE * counts.total()]


def table(found: dict[int, list[tuple[Frames, Frames]]], others: dict[int, float]) -> Table:
    """`others`: case -> per cent of the machine that others took during its real runs, at most."""
    shown = Table(title="real CPU / simulated; medians over the rounds", caption=verdict(found))
    for column in ("case", "missed %", "p95 ms", "causes of misses, real", "simulated", "holds", "others %"):
        shown.add_column(column, justify="right" if column in ("missed %", "p95 ms") else "left")
    for number, pairs in found.items():
        real, simulated = ([pair[side] for pair in pairs] for side in (0, 1))
        misses = [statistics.median(map(miss_rate, rounds)) for rounds in (real, simulated)]
        tails = [statistics.median(map(p95_ms, rounds)) for rounds in (real, simulated)]
        held = [name for name, holds in bars(pairs).items() if holds]
        shown.add_row(
            f"{number}: {CASES[number].title}",
            f"{misses[0]:.2f} / {misses[1]:.2f}",
            f"{tails[0]:.1f} / {tails[1]:.1f}",
            " ".join(causes(real)),
            " ".join(causes(simulated)),
            " ".join(held),
            f"{others[number]:.0f}",
        )
    return shown


def bars(pairs: list[tuple[Frames, Frames]]) -> dict[str, bool]:
    """Which of the bars a case holds."""
    real, simulated = ([pair[side] for pair in pairs] for side in (0, 1))
    missed, expected = (statistics.median(map(miss_rate, rounds)) for rounds in (real, simulated))
    ratio = statistics.median(p95_ms(pair[1]) / p95_ms(pair[0]) for pair in pairs)
    few = max(missed, expected) < FEW_MISSES
    return {
        "3-points": abs(expected - missed) <= MOST_POINTS,
        "close": abs(expected - missed) <= max(USUAL_POINTS, USUAL_SHARE * missed),
        "p95": math.isclose(ratio, 1.0, abs_tol=P95_SHARE),
        "causes": few or causes(real) == causes(simulated),
    }


def verdict(found: dict[int, list[tuple[Frames, Frames]]]) -> str:
    """How many cases hold each bar."""
    held = Counter(name for pairs in found.values() for name, holds in bars(pairs).items() if holds)
    return ", ".join(f"{name}: {held[name]} of {len(found)}" for name in ("3-points", "close", "p95", "causes"))


if __name__ == "__main__":
    main()
