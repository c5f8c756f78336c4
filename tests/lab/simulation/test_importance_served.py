"""In overload the less important lose first and equals share, through the whole server, in virtual time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from jellyfish.lab.simulation.scenario import Clients, DeviceSlow, Host, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.results.records import FrameRecord

SECONDS, SETTLED_S = 10.0, 2.0


def worth(scenario: Scenario, folder: Path) -> dict[str, tuple[float, float]]:
    """Group of cameras -> (share in time, accuracy) of all its frames, once plans have settled."""
    run_scenario(scenario, folder)
    frames = [
        msgspec.json.decode(line, type=FrameRecord) for line in (folder / "frames.jsonl").read_bytes().splitlines()
    ]
    shares: dict[str, list[bool]] = defaultdict(list)
    accuracy: dict[str, list[float]] = defaultdict(list)
    for frame in frames:
        if SETTLED_S <= frame.captured_s < SECONDS - 0.3:
            group, in_time = frame.client.partition("-")[0], frame.outcome == "on_time"
            shares[group].append(in_time)
            accuracy[group].append((frame.expected_f1 or 0.0) if in_time else 0.0)
    return {group: (sum(shares[group]) / len(shares[group]), sum(each) / len(each)) for group, each in accuracy.items()}


def crowd(importances: tuple[float, float], usual: Clients) -> tuple[Clients, ...]:
    """Two groups alike, but for what they count."""
    named = zip(("one", "two"), importances, strict=True)
    return tuple(msgspec.structs.replace(usual, name=name, importance=importance) for name, importance in named)


def too_much_for_devices(importances: tuple[float, float]) -> Scenario:
    """Seven in ten of the cameras have a place."""
    cameras = crowd(importances, Clients("", 6, fps=25.0, slo_ms=75.0, trace="none"))
    slow = DeviceSlow(0.0, "cpu-0", for_s=60.0, factor=2.0)
    return Scenario("Devices", SECONDS, (SimulatedDevice("cpu-0", "cpu"),), cameras, 1, max_batch=1, faults=(slow,))


def too_much_for_the_machine(importances: tuple[float, float]) -> Scenario:
    """It can carry four in five of the frames."""
    cameras, devices = crowd(importances, Clients("", 8, slo_ms=150.0, trace="none")), ("gpu-0", "gpu-1")
    host = Host(cores=1, server_ms=3.0, decode_ms=2.0)
    return Scenario("Host", SECONDS, tuple(map(SimulatedDevice, devices)), cameras, 1, host=host)


@pytest.mark.parametrize("overloaded", [too_much_for_devices, too_much_for_the_machine])
def test_the_less_important_lose_first_and_equals_share(
    overloaded: Callable[[tuple[float, float]], Scenario], tmp_path: Path
) -> None:
    alike, told_apart = (worth(overloaded(each), tmp_path / str(each)) for each in ((3.0, 3.0), (3.0, 1.0)))
    assert all(0.5 < share < 0.85 for share, _ in alike.values())
    assert abs(alike["one"][0] - alike["two"][0]) < 0.1
    assert told_apart["one"][0] > 0.93 and told_apart["two"][0] < 0.6
    assert told_apart["one"][1] > alike["one"][1] and told_apart["two"][1] < alike["two"][1]
