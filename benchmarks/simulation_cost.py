"""What a simulated second costs, and how much of it is planning.

    python benchmarks/simulation_cost.py

Processor time of one core, for cameras at 15 frames per second (10 where there are 256) on 40 Mbit/s uplinks.
All is on: the host is charged, the default planner plans, and care is learnt for a target.
"""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jellyfish.config import DEFAULT_PLANNER, DEFAULT_TARGET
from jellyfish.control.planners import make_planner
from jellyfish.control.problem import Plan, Planner, Problem
from jellyfish.lab.simulation.scenario import Clients, Host, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario

SIZES = ((8, 1, 15.0, 60.0), (64, 4, 15.0, 10.0), (256, 8, 10.0, 16.0))
HOST = Host(cores=16, encode_ms=2.0, decode_ms=1.0, server_ms=0.14)
"""So much the event loop of a server works for a frame (`benchmarks/transport.py`)."""


class TimedPlanner:
    """A planner whose processor time is counted."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self.spent_s = 0.0

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        began_s = time.process_time()
        try:
            return self._planner.plan(problem, running)
        finally:
            self.spent_s += time.process_time() - began_s


def cost(clients: int, devices: int, fps: float, seconds: float) -> tuple[float, float, int]:
    """(processor seconds, of which planning, frames) of one simulation."""
    scenario = Scenario(
        "cost",
        seconds,
        tuple(SimulatedDevice(f"gpu-{number}") for number in range(devices)),
        (Clients("camera", clients, fps, 150.0, trace="40mbps", spread_s=0.2),),
        seed=1,
        target=DEFAULT_TARGET,
        host=HOST,
    )
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.process_time()
        planner = TimedPlanner(make_planner(DEFAULT_PLANNER, 1, time_budget_s=math.inf))
        summary, _ = run_scenario(scenario, Path(folder) / "run", planner=planner)
        return time.process_time() - began_s, planner.spent_s, summary.offered


def main() -> None:
    table = Table(title="one simulated second, in ms of one core")
    for column in ("cameras x devices", "in all", "of it planning", "microseconds per frame without planning"):
        table.add_column(column, justify="right")
    for clients, devices, fps, seconds in SIZES:
        spent_s, planning_s, frames = cost(clients, devices, fps, seconds)
        table.add_row(
            f"{clients} x {devices}",
            f"{spent_s / seconds * 1000:.0f}",
            f"{planning_s / seconds * 1000:.0f}",
            f"{(spent_s - planning_s) / frames * 1e6:.0f}",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
