"""How true is what `jellyfish plan` says of devices? Whole runs in virtual time beside it: all cameras on all devices,
with another seed, from the first frame on. Results: docs/plan.md.

    python -m benchmarks.needed
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from jellyfish.lab.simulation.model import load_model
from jellyfish.lab.simulation.scenario import Clients, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.lab.sizing.cameras import Groups, count_of
from jellyfish.lab.sizing.needed import Needed, Wish, devices_needed

KIND = "gpu"
SECONDS, SEED = 20.0, 17
CASES: dict[str, tuple[Groups, float, float]] = {
    "24 x 10 fps, 100 ms, WiFi, accuracy .9": ((Clients("a", 24, 10.0, 100.0, "wifi"),), 99.9, 0.9),
    "40 x 15 fps, 150 ms, LTE": ((Clients("a", 40, 15.0, 150.0, "lte"),), 99.0, 0.0),
    "36 x 10 fps, 100 ms, WiFi and 12 x 25 fps, 150 ms, LTE, accuracy .8": (
        (Clients("a", 36, 10.0, 100.0, "wifi"), Clients("b", 12, 25.0, 150.0, "lte")),
        99.0,
        0.8,
    ),
}
"""Cameras, target, least accuracy."""


def whole(groups: Groups, target: float, devices: int) -> tuple[float, float]:
    """Share on time and accuracy over all frames of a run of everything."""
    scenario = Scenario(
        title="whole", duration_s=SECONDS, clients=groups, seed=SEED, target=target,
        devices=tuple(SimulatedDevice(f"device-{number}", KIND) for number in range(devices)),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        summary, _ = run_scenario(scenario, Path(folder) / "run")
    return summary.slo_attainment or 0.0, summary.accuracy.expected_offered or 0.0


def add(table: Table, name: str, groups: Groups, needed: Needed) -> None:
    """A row for each number of devices that was simulated."""
    planned = {each.devices: each for each in needed.outlooks}
    for outcome in needed.simulated:
        on_time, accuracy = whole(groups, needed.target, outcome.devices)
        says = planned[outcome.devices]
        table.add_row(
            name, f"{outcome.devices}{' *' * (outcome.devices == needed.devices)}",
            f"{says.served:.4g}/{count_of(groups)}", f"{says.accuracy:.3f}",
            f"{100 * outcome.on_time:.2f}", f"{outcome.accuracy:.3f}", f"{100 * on_time:.2f}", f"{accuracy:.3f}",
        )  # fmt: skip


def main() -> None:
    """Each case in turn."""
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for heading in (
        "cameras", "devices", "served,\nplanned", "accuracy,\nplanned", "on time %,\na part", "accuracy,\na part",
        "on time %,\nwhole run", "accuracy,\nwhole run",
    ):  # fmt: skip
        table.add_column(heading)
    kind, console = load_model(KIND), Console(width=150)
    for name, (groups, target, least) in CASES.items():
        console.print(f"{name} ...")
        wish = Wish(groups=groups, target=target, least_accuracy=least)
        needed = devices_needed(kind, wish, lambda words, done, total: None)
        console.print(msgspec.json.encode(needed.devices).decode(), "devices")
        add(table, name, groups, needed)
    console.print(table)


if __name__ == "__main__":
    main()
