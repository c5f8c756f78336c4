"""Four good cameras with seven tenths of the device's time: how many frames are in time, on the clock and simulated.

    python -m benchmarks.attainment [--frames 20000] [--simulated 100000] [--load 0.7] [--variant NAME] [--profile FILE]

One variant for everyone, its frame rate chosen so that by the saved profile (`jellyfish profile --device cpu`) single
frames keep the counted workers busy for that share of the time; 100 ms, no emulated link. The real
run is `jellyfish bench` in a process of its own; before and after it a loop that should never wait tells whether the
machine was quiet. The simulated one is told the profile alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.agreement import thorough_profile
from benchmarks.bystanders import Bystanders, marked
from benchmarks.watching import stalls
from jellyfish.core import Variant
from jellyfish.devices.process import usable_cores
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.lab.simulation.model import SimulatedModel
from jellyfish.lab.simulation.scenario import Clients, Host, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.models.model import Description
from jellyfish.models.opening import open_model

CAMERAS, SLO_MS = 4, 100.0
USUAL_FPS = 15.0


def fps_at(profile: LatencyProfile, variant: Variant, load: float) -> float:
    """Frames a second of each camera that keep the counted workers busy for `load` of the time."""
    workers = profile.workers - profile.sharing
    return load * workers / profile.of(variant).p50_s[0] / CAMERAS


def chosen(profile: LatencyProfile, load: float, name: str | None) -> Variant:
    """The variant called `name`, or the one that cameras of a usual rate would load the device so much with."""
    named = [variant for variant in profile.variants if variant.name == name]
    return min(named or profile.variants, key=lambda each: abs(fps_at(profile, each, load) - USUAL_FPS))


def real(folder: Path, variant: Variant, fps: float, seconds: float, profile: Path) -> Path:
    """The frames of a run on this machine."""
    options = {
        "--clients": CAMERAS, "--fps": f"{fps:.4f}", "--slo-ms": SLO_MS, "--trace": "none", "--variant": variant.name,
        "--duration": f"{seconds:.1f}", "--results": folder, "--profile": profile,
    }  # fmt: skip
    words = [str(word) for option in options.items() for word in option]
    command = [sys.executable, "cli.py", "bench", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "frames.jsonl"


def simulated(
    folder: Path, variant: Variant, fps: float, seconds: float, profile: LatencyProfile, f1: Description
) -> Path:
    """The same in virtual time, charged for what the host does."""
    latencies = tuple(entry for entry in profile.latencies if entry.variant == variant)
    model = SimulatedModel("measured", msgspec.structs.replace(profile, latencies=latencies), (f1.accuracy(variant),))
    (folder / "model.json").write_bytes(msgspec.json.encode(model))
    scenario = Scenario(
        "Attainment", seconds, (SimulatedDevice("cpu", str(folder / "model.json")),),
        (Clients("camera", CAMERAS, fps, SLO_MS, "none"),), seed=1, variant=variant.name,
        host=Host(cores=len(usable_cores()), cameras=True, costs="measured"),
    )  # fmt: skip
    run_scenario(scenario, folder / "simulated")
    return folder / "simulated" / "frames.jsonl"


def row(name: str, frames: Iterable[str], note: str) -> tuple[str, ...]:
    outcomes = [json.loads(line) for line in frames]
    missed: dict[str, int] = {}
    for frame in outcomes:
        if frame["outcome"] != "on_time":
            missed[frame["reason"]] = missed.get(frame["reason"], 0) + 1
    share = 1 - sum(missed.values()) / len(outcomes)
    return name, str(len(outcomes)), f"{100 * share:.3f} %", str(missed or ""), note


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=20_000, help="of the real run")
    parser.add_argument("--simulated", type=int, default=100_000)
    parser.add_argument("--load", type=float, default=0.7)
    parser.add_argument("--variant", default=None)
    parser.add_argument("--profile", type=Path, default=None, help="one that says what the host costs, too")
    arguments = parser.parse_args()
    model = open_model()
    profile, path = thorough_profile(arguments.profile, model)
    variant = chosen(profile, arguments.load, arguments.variant)
    fps = fps_at(profile, variant, arguments.load)
    shown = Table(title=f"{CAMERAS} cameras x {fps:.2f} fps, {variant.name}, {SLO_MS:g} ms, load {arguments.load:g}")
    for name in ("", "frames", "in time", "missed", "others"):
        shown.add_column(name)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.frames:
            before, others = stalls(), Bystanders()
            frames = real(folder / "real", variant, fps, arguments.frames / fps / CAMERAS, path)
            note = f"{marked(others.share())} stalls over 5 ms before and after: {before} and {stalls()}"
            shown.add_row(*row("real", frames.read_text().splitlines(), note))
        if arguments.simulated:
            frames = simulated(folder, variant, fps, arguments.simulated / fps / CAMERAS, profile, model.description)
            shown.add_row(*row("virtual time", frames.read_text().splitlines(), ""))
    Console(width=160).print(shown)


if __name__ == "__main__":
    main()
