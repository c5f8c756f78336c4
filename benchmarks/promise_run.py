"""One run of `jellyfish bench` as a process of its own, read back from its files; for `benchmarks/promise.py`."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.bystanders import Bystanders
from jellyfish.errors import RunError

ROOT = Path(__file__).parent.parent
START_LIMIT_S = 120.0
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """What cameras do."""

    clients: int
    link: str
    fps: float = 15.0
    slo_ms: float = 150.0

    def __str__(self) -> str:
        return f"{self.clients} x {self.fps:g} fps, {self.link}, {self.slo_ms:g} ms"


@dataclass(frozen=True)
class Contender:
    """Who answers them: options of `bench`, and the checkout that runs it."""

    name: str
    options: tuple[str, ...] = ()
    folder: Path = ROOT


@dataclass(frozen=True)
class Taken:
    """A core that somebody else takes during a run, from and to seconds of the run."""

    core: int
    from_s: float
    to_s: float


@dataclass(frozen=True)
class RunFigures:
    """What one run's files say. Shares are of captured frames; None where the files do not say."""

    frames: tuple[tuple[float, bool], ...]
    """(captured at, answered on time)."""
    f1: float | None
    p99_ms: float
    planning: float
    """Share of a core."""
    changes: float
    """Of the size that a client is to send, per client and minute."""
    promised: float | None
    attained: float | None
    """Expected F1 over captured frames: as planned, mean over windows; and of the variants that answered on time."""
    others: float
    """Share of the machine that other processes took, from start to end."""

    def missed(self, from_s: float = 0.0) -> int:
        return sum(not on_time for captured_s, on_time in self.frames if captured_s >= from_s)

    def captured(self, from_s: float = 0.0) -> int:
        return sum(captured_s >= from_s for captured_s, _ in self.frames)

    @property
    def miss_rate(self) -> float:
        return self.missed() / max(1, self.captured())


def measured(
    case: Case, contender: Contender, seconds: float, seed: int, folder: Path, taken: Taken | None = None
) -> RunFigures:
    """Run it; RunError with what it said when it fails."""
    words = (
        "cli.py", "bench", "--clients", case.clients, "--fps", case.fps, "--slo-ms", case.slo_ms, "--trace", case.link,
        "--duration", seconds, "--seed", seed, "--results", folder.resolve(), *contender.options,
    )  # fmt: skip
    log = folder.with_suffix(".log")
    bystanders = Bystanders()
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, *map(str, words)], cwd=contender.folder, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            with contextlib.nullcontext() if taken is None else disturbed(process, case, folder, taken):
                code = process.wait()
        finally:
            process.kill()
    if code != 0:
        raise RunError(f"bench ended with {code}; it said:\n{log.read_text()[-2000:]}")
    return figures(folder, case.clients, seconds, bystanders.share())


@contextlib.contextmanager
def disturbed(process: subprocess.Popen[bytes], case: Case, folder: Path, taken: Taken) -> Iterator[None]:
    """Have another process take the core in the meantime; it ends with the context."""
    from jellyfish.modes.bench import PAUSE_PER_CAMERA_S
    from jellyfish.modes.run import START_PAUSE_S

    limit_s = time.monotonic() + START_LIMIT_S
    while not (folder / "run.json").exists() and process.poll() is None and time.monotonic() < limit_s:
        time.sleep(0.02)
    start_s = time.time() + START_PAUSE_S + PAUSE_PER_CAMERA_S * case.clients
    times = start_s + taken.from_s, start_s + taken.to_s
    taker = multiprocessing.get_context("spawn").Process(target=take_core, args=(taken.core, *times), daemon=True)
    taker.start()
    try:
        yield
    finally:
        taker.kill()
        taker.join()


def take_core(core: int, from_s: float, to_s: float) -> None:
    """Keep a core busy between two moments of `time.time()`."""
    os.sched_setaffinity(0, {core})
    time.sleep(max(0.0, from_s - time.time()))
    while time.time() < to_s:
        pass


def figures(folder: Path, clients: int, seconds: float, others: float) -> RunFigures:
    """What the files of a run say."""
    summary = json.loads((folder / "summary.json").read_text())
    frames, windows = lines(folder / "frames.jsonl"), lines(folder / "windows.jsonl")
    planned = lines(folder / "window_clients.jsonl")
    accuracies = [window["accuracy"] for window in windows if window["t_s"] >= 0]
    return RunFigures(
        frames=tuple((frame["captured_s"], frame["outcome"] == "on_time") for frame in frames),
        f1=summary["accuracy"]["f1_offered"],
        p99_ms=summary["e2e_ms"]["p99"] if summary["e2e_ms"] else float("nan"),
        planning=planning_share(summary, windows, seconds),
        changes=60 * size_changes(frames, windows, planned) / seconds / clients,
        promised=sum(accuracies) / len(accuracies) if any(accuracies) else None,
        attained=sum(table_f1(frame) for frame in frames) / max(1, len(frames)),
        others=others,
    )


def lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def planning_share(summary: Line, windows: Sequence[Line], seconds: float) -> float:
    """Of a core: as the summary says, else the time from problem to plan, waiting for a thread or a core included."""
    said = (summary["planner"] or {}).get("core_share")
    return sum(window["solve_ms"] for window in windows) / 1000 / seconds if said is None else said


def size_changes(frames: Sequence[Line], windows: Sequence[Line], planned: Sequence[Line]) -> int:
    """How often a client's planned variant changed; where cameras choose, the resolution of its frames."""
    sizes = defaultdict(list)
    for place in planned:
        if place["mapped"]:
            sizes[place["client"]].append(place["variant"])
    if not windows or all(window["planner"] == "client" for window in windows):
        sizes.clear()
        for frame in sorted(frames, key=lambda frame: frame["captured_s"]):
            if frame["resolution"] is not None:
                sizes[frame["client"]].append(frame["resolution"])
    return sum(before != after for client in sizes.values() for before, after in pairwise(client))


def table_f1(frame: Line) -> float:
    """What the tables say of the variant that answered on time, else 0."""
    return accuracy_table()[frame["variant"]] if frame["outcome"] == "on_time" else 0.0


@cache
def accuracy_table() -> dict[str, float]:
    """F1 of each variant as measured with the weights."""
    from jellyfish.models.slimmable.weights import load_weights

    weights = load_weights()
    return {variant.name: weights.accuracy(variant) for variant in weights.variants()}
