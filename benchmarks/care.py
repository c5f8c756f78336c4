"""What does care cost, and what does it buy? Miss rate against accuracy over the knob's values, in virtual time.

    python benchmarks/care.py [--seconds 30] [--seeds 5] [--care 0 0.5 1 2] [--no-actuation] [--plot docs/care.png]

Each scenario runs with every seed at every care; the figures are those of all its frames together.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.table import Table

from jellyfish.config import DEFAULT_CARE
from jellyfish.core import Outcome
from jellyfish.lab.simulation.scenario import Clients, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import simulated_frames
from jellyfish.results.records import FrameRecord

CARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
ONE, TWO, CPU = (
    (SimulatedDevice("gpu-0"),),
    (SimulatedDevice("gpu-0"), SimulatedDevice("gpu-1")),
    (SimulatedDevice("cpu", "cpu"),),
)
SCENARIOS = {
    "near the limit": (ONE, (Clients("a", 2, 15.0, 100.0, "20mbps"),)),
    "many on one device": (ONE, (Clients("a", 4, 25.0, 100.0, "20mbps"), Clients("b", 2, 15.0, 100.0, "20mbps"))),
    "LTE-like uplinks": (
        TWO,
        (Clients("a", 4, 15.0, 100.0, "lte", delay_ms=10.0), Clients("b", 4, 25.0, 150.0, "lte", delay_ms=10.0)),
    ),
    "tight SLO on a CPU": (CPU, (Clients("a", 2, 25.0, 75.0, "lte"),)),
    "overload": (ONE, (Clients("a", 12, 25.0, 75.0, "wifi"),)),
    "comfortable": (ONE, (Clients("a", 2, 15.0, 150.0, "wifi"),)),
}
"""Devices and clients of each."""


class Figures(NamedTuple):
    """What came of a scenario's frames."""

    miss_rate: float
    f1: float
    """Mean over the frames answered on time."""

    @property
    def value(self) -> float:
        """Goodput x accuracy: mean F1 over all captured frames, a missed one counting 0."""
        return (1 - self.miss_rate) * self.f1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--care", type=float, nargs="+", default=CARES)
    parser.add_argument("--no-actuation", action="store_true", help="Batches run as planned, or not at all.")
    parser.add_argument("--plot", type=Path, help="Write the curve here, as PNG or SVG.")
    arguments = parser.parse_args()
    found: dict[str, dict[float, Figures]] = {}
    for name, (devices, clients) in SCENARIOS.items():
        found[name] = {}
        for care in arguments.care:
            records = []
            for seed in range(arguments.seeds):
                scenario = Scenario(name, arguments.seconds, devices, clients, seed, care=care)
                records += simulated_frames(msgspec.structs.replace(scenario, actuation=not arguments.no_actuation))
            found[name][care] = figures(records)
    Console(width=110).print(table(found))
    if arguments.plot:
        plot(found, arguments.plot)


def figures(records: list[FrameRecord]) -> Figures:
    f1 = [record.expected_f1 or 0.0 for record in records if record.outcome is Outcome.ON_TIME]
    return Figures(1 - len(f1) / len(records), sum(f1) / len(f1))


def table(found: dict[str, dict[float, Figures]]) -> Table:
    shown = Table(title="frames missed (%) | F1 of on-time frames | mean F1 over all frames, a missed one counting 0")
    shown.add_column("care", justify="right")
    for name in found:
        shown.add_column(name, justify="right")
    for care in next(iter(found.values())):
        cells = (scenario[care] for scenario in found.values())
        shown.add_row(
            f"{care:g}", *(f"{100 * cell.miss_rate:.2f} | {cell.f1:.3f} | {cell.value:.4f}" for cell in cells)
        )
    return shown


def plot(found: dict[str, dict[float, Figures]], path: Path) -> None:
    """Miss rate against accuracy, one line per scenario, its points the values of the knob."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
    for name, curve in found.items():
        (line,) = axes.plot(
            [100 * point.miss_rate for point in curve.values()],
            [point.f1 for point in curve.values()],
            ".-",
            label=name,
        )
        for care, point in curve.items():
            if care == DEFAULT_CARE:
                axes.plot(100 * point.miss_rate, point.f1, "o", color=line.get_color(), markersize=9)
    axes.set(xlabel="frames missed (%)", ylabel="F1 of the on-time frames", xlim=(0, None))
    axes.legend(title=f"large dot: care {DEFAULT_CARE:g}")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
