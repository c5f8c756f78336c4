"""Is the simulation true? The same scenario on the real CPU and simulated with its profile, side by side.

    python benchmarks/agreement.py [--seconds 20] [--rounds 3]

Both run over the same trace files. From the real run the simulation is told what is not the device's: the weight of
each camera's frames, the time that encoding and decoding take, and how much slower than its profile the device was
while cameras and sockets shared the processor with it. Rounds are interleaved; the medians of each case are compared.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from jellyfish.config import BenchConfig, CameraConfig, ServerConfig
from jellyfish.control.estimator import MARGIN_S
from jellyfish.control.frame_size import reference_bytes
from jellyfish.devices.opening import hardware_name, open_devices, set_threads, torch_device
from jellyfish.devices.profile.store import find_profile
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.lab.simulation.model import Model
from jellyfish.lab.simulation.scenario import Clients, DeviceSlow, Host, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.link.synthetic import lte_like, wifi_like
from jellyfish.models.slimmable.weights import load_weights
from jellyfish.modes.bench import bench

CASES = {
    "4 x 15 fps, WiFi, 150 ms": ("wifi", 4, 15.0, 150.0),
    "4 x 15 fps, LTE, 100 ms": ("lte", 4, 15.0, 100.0),
    "2 x 25 fps, LTE, 75 ms": ("lte", 2, 25.0, 75.0),
}
SETTLE_S = 2.0
"""Left out of the comparison: the first windows, in which estimates are still rough."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    model = cpu_model()
    found: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as temporary:
        for number in range(arguments.rounds):
            for name, case in CASES.items():
                folder = Path(temporary) / f"{number}-{len(found[name])}-{case[0]}-{case[1]}"
                folder.mkdir()
                found[name].append(one_pair(folder, model, case, arguments.seconds, seed=number))
    Console(width=110).print(table(found))


def cpu_model() -> Model:
    """The CPU's saved profile (measured now if there is none) with the shipped weights' accuracy."""
    weights = load_weights()
    hardware = hardware_name(torch_device("cpu"), set_threads(None))
    profile = find_profile("cpu", hardware, weights.card.sha256)
    if profile is None:
        devices = open_devices(ServerConfig(), weights, set_threads(None), lambda words, done, total: None)
        profile = devices[0].profile
    return Model("measured", profile, tuple(weights.accuracy(variant) for variant in profile.variants))


def one_pair(
    folder: Path, model: Model, case: tuple[str, int, float, float], seconds: float, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """(real, simulated) figures of one case."""
    traces = write_traces(folder, case, seconds, seed)
    cameras = tuple(
        CameraConfig(f"camera-{number}", video, case[2], case[3] / 1000, str(trace), 0.005, seed + number)
        for number, (trace, video) in enumerate(zip(traces, 4 * sorted(Path("videos").glob("*.mp4")), strict=False))
    )
    uvloop.run(
        bench(
            BenchConfig(cameras, seconds, folder / "real", seed, server=ServerConfig(port=0)),
            Console(file=(folder / "bench.log").open("w")),
        )
    )
    real = read_lines(folder / "real" / "frames.jsonl")
    scenario = scenario_like(folder, real, model, case, seconds, seed, traces)
    run_scenario(scenario, folder / "simulated")
    return figures(real), figures(read_lines(folder / "simulated" / "frames.jsonl"))


def write_traces(folder: Path, case: tuple[str, int, float, float], seconds: float, seed: int) -> list[Path]:
    """One trace file per camera, read by both runs."""
    make = {"wifi": wifi_like, "lte": lte_like}[case[0]]
    paths = []
    for number in range(case[1]):
        trace = make(100 * seed + number, seconds + 10)
        paths.append(folder / f"trace-{number}.csv")
        with paths[-1].open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("time_s", "mbps"))
            writer.writerows((second, trace.rate_at(second) / 1e6) for second in range(int(seconds + 10)))
    return paths


def scenario_like(
    folder: Path,
    real: list[dict[str, Any]],
    model: Model,
    case: tuple[str, int, float, float],
    seconds: float,
    seed: int,
    traces: list[Path],
) -> Scenario:
    """The real run's scenario, told what is not the device's."""
    (folder / "model.json").write_bytes(msgspec.json.encode(model))
    windows = read_lines(folder / "real" / "windows.jsonl")
    overheads = [client["overhead_ms"] for window in windows for client in window["snapshot"].values()]
    groups = tuple(
        Clients(
            f"camera{number}",
            1,
            case[2],
            case[3],
            str(trace),
            5.0,
            frame_size=statistics.median(
                frame["bytes"] / reference_bytes(frame["resolution"])
                for frame in real
                if frame["client"] == f"camera-{number}" and "bytes" in frame
            ),
        )
        for number, trace in enumerate(traces)
    )
    encode_ms = statistics.median(frame["wait_ms"] for frame in real if "wait_ms" in frame)
    host = Host(encode_ms, decode_ms=max(0.0, statistics.median(overheads) - encode_ms - 1000 * MARGIN_S))
    slow = DeviceSlow(0.0, "cpu", seconds, slow_down(real, model.profile))
    return Scenario(
        "agreement",
        seconds,
        (SimulatedDevice("cpu", str(folder / "model.json")),),
        groups,
        seed,
        host=host,
        faults=(slow,),
    )


def slow_down(frames: list[dict[str, Any]], profile: LatencyProfile) -> float:
    """Median of measured / profiled execution time."""
    medians = {entry.variant.name: entry.p50_s for entry in profile.latencies}
    return statistics.median(
        frame["execute_ms"] / 1000 / medians[frame["variant"]][frame["batch"] - 1]
        for frame in frames
        if "execute_ms" in frame
    )


def figures(frames: list[dict[str, Any]]) -> dict[str, float]:
    """Miss rate and percentiles after the first windows."""
    settled = [frame for frame in frames if frame["captured_s"] >= SETTLE_S]
    latencies = [frame["e2e_ms"] for frame in settled if "e2e_ms" in frame]
    cuts = statistics.quantiles(latencies, n=100)
    missed = sum(frame["outcome"] != "on_time" for frame in settled)
    return {"miss": 100 * missed / len(settled), "p50": cuts[49], "p95": cuts[94]}


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def table(found: dict[str, list[tuple[dict[str, float], dict[str, float]]]]) -> Table:
    shown = Table(title="real CPU / simulated with its profile; medians over the rounds")
    for column in ("case", "miss %", "difference", "p50 ms", "p95 ms", "p95 simulated / real"):
        shown.add_column(column, justify="left" if column == "case" else "right")
    for name, pairs in found.items():
        real, simulated = (
            {key: statistics.median(pair[side][key] for pair in pairs) for key in pairs[0][side]} for side in (0, 1)
        )
        ratio = statistics.median(pair[1]["p95"] / pair[0]["p95"] for pair in pairs)
        shown.add_row(
            name,
            f"{real['miss']:.2f} / {simulated['miss']:.2f}",
            f"{simulated['miss'] - real['miss']:+.2f}",
            f"{real['p50']:.1f} / {simulated['p50']:.1f}",
            f"{real['p95']:.1f} / {simulated['p95']:.1f}",
            f"{ratio:.3f}",
        )
    return shown


if __name__ == "__main__":
    main()
