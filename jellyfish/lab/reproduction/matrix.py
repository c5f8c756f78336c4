"""The matrix of the Jellyfish evaluation (RTSS 2022): clients x SLO x frame rate x trace, under each policy. Pure."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec

from jellyfish.errors import InputError
from jellyfish.lab.reproduction.policies import NAMES, under
from jellyfish.lab.simulation.scenario import Clients, Scenario, SimulatedDevice

DEVICES = (SimulatedDevice("gpu-0"), SimulatedDevice("gpu-1"))
"""Two, as published; each with 16 variants from 128 to 608 pixels (simulation model `gpu`)."""
MAX_BATCH = 12
MADE_TRACES = {"synthetic": "steps", "wifi": "wifi", "lte": "lte"}
"""Without recorded traces: the published steps, and links with the statistics of measured ones."""
SHIFT_S = 23.0
"""Cameras on one recorded trace find it so much apart, so that they do not all live through the same at once."""
DELAY_MS = 5.0


class Matrix(msgspec.Struct, frozen=True):
    """What is run: every combination. Defaults are the published evaluation's."""

    clients: tuple[int, ...] = (1, 2, 4, 8)
    slos_ms: tuple[float, ...] = (75.0, 100.0, 150.0)
    rates_fps: tuple[float, ...] = (15.0, 25.0)
    policies: tuple[str, ...] = NAMES
    traces: dict[str, str] = msgspec.field(default_factory=lambda: dict(MADE_TRACES))
    """Title -> what `resolve_trace` understands."""
    seeds: tuple[int, ...] = (0,)
    seconds: float = 140.0
    """The length of the synthetic trace."""

    def cells(self) -> list[Cell]:
        """Every cell, those of one policy spread over the whole run."""
        combined = itertools.product(self.seeds, self.traces, self.slos_ms, self.rates_fps, self.clients, self.policies)
        return [Cell(policy, count, slo, fps, trace, seed) for seed, trace, slo, fps, count, policy in combined]

    def scenario(self, cell: Cell) -> Scenario:
        """The run of one cell. All policies see the same frames on the same links."""
        source = self.traces[cell.trace]
        shift_s = SHIFT_S if Path(source).suffix else 0.0
        cameras = Clients(
            "camera", cell.clients, cell.fps, cell.slo_ms, source, trace_shift_s=shift_s, delay_ms=DELAY_MS
        )
        scenario = Scenario(cell.title, self.seconds, DEVICES, (cameras,), cell.seed, max_batch=MAX_BATCH)
        return under(cell.policy, scenario)


class Cell(msgspec.Struct, frozen=True):
    """One run of the matrix."""

    policy: str
    clients: int
    slo_ms: float
    fps: float
    trace: str
    seed: int

    @property
    def title(self) -> str:
        """For people, and the name of its file."""
        return f"{self.policy}-{self.trace}-{self.clients}x{self.fps:g}fps-{self.slo_ms:g}ms-seed{self.seed}"


def recorded_traces(folder: Path) -> dict[str, str]:
    """Every CSV file of `folder` as a trace, by the name of the file without `_upload_trace`.

    InputError if there is none, and for two files that would go by the same name.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.csv")):
        title = path.stem.removesuffix("_trace").removesuffix("_upload")
        if title in found:
            raise InputError(f"{found[title]} and {path} would both be called {title}: rename one of them")
        found[title] = str(path)
    if not found:
        raise InputError(f"no .csv file in {folder}: --traces takes a folder of traces (docs/traces.md)")
    return found
