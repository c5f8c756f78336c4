"""A number of devices in virtual time: the server, cameras and control loop of `bench`, to check what was planned.

Of many cameras a part is simulated, on as large a part of the devices. What counts are the frames after the beginning,
in which links and care become known.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, median

import msgspec

from jellyfish.config import MOST_CARE
from jellyfish.core import Outcome
from jellyfish.lab.processes import process_pool
from jellyfish.lab.simulation.model import SimulatedModel
from jellyfish.lab.simulation.scenario import Clients, Host, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.lab.sizing.cameras import Groups, count_of, fps_of, part_of
from jellyfish.lab.sizing.kind import elsewhere
from jellyfish.lab.sizing.outlook import stepped_planner
from jellyfish.results.records import FrameRecord

MOST_SIMULATED = 32
"""Cameras beyond which only a part is simulated, if there is more than one device."""
BEGINNING_S = 6.0
"""What is not counted: by then links are known, and care is learnt."""
EVENTS = 3
"""So many misses should be allowed in what is counted, that a few more or less say something;"""
LEAST_S, MOST_S = 5.0, 90.0
"""it is no shorter and no longer."""
STEPS = 40
"""Of a search for a plan: as long as most in service are (`control.allowance`)."""


class TrialPart(msgspec.Struct, frozen=True):
    """What is simulated in the place of all."""

    devices: int
    groups: Groups


class SimulatedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How so many devices did."""

    devices: int
    simulated_devices: int
    simulated_cameras: int
    frames: int
    """That counted."""
    on_time: float
    """Share of them."""
    worst_camera: float
    """The same, of the camera with the least."""
    accuracy: float
    """Expected over all of them; a missed one counts 0."""
    busy: float
    """Share of the devices' time, of the whole run."""
    missed_by_reason: dict[str, int]
    cares: dict[str, float]
    """Group -> the care that was learnt for its cameras by the end, the median."""


def part_to_simulate(groups: Groups, devices: int) -> TrialPart:
    """All of it where that is little, else as many devices as have no more cameras than that, one at least."""
    cameras = count_of(groups)
    if cameras <= MOST_SIMULATED or devices == 1:
        return TrialPart(devices, groups)
    fewer = max(1, math.floor(MOST_SIMULATED * devices / cameras))
    return TrialPart(fewer, part_of(groups, fewer / devices))


def counted_s(fps: float, target: float) -> float:
    """How long frames have to be counted at that rate, to hold them against `target` (per cent)."""
    return min(max(EVENTS / (1 - target / 100) / fps, LEAST_S), MOST_S)


def scenario_of(
    part: TrialPart, model: Path, host: Host, planner: str, target: float, care: float, seed: int
) -> Scenario:
    """What is run, with so much `care` at its beginning."""
    return Scenario(
        title=f"{part.devices} devices, {count_of(part.groups)} cameras",
        duration_s=BEGINNING_S + counted_s(fps_of(part.groups), target),
        devices=tuple(SimulatedDevice(f"device-{number}", str(model)) for number in range(part.devices)),
        clients=part.groups,
        seed=seed,
        planner=planner,
        target=target,
        care=min(max(care, 0.0), MOST_CARE),
        host=host,
    )


def simulated_outcomes(
    kind: SimulatedModel,
    groups: Groups,
    numbers: Sequence[int],
    scenario: Callable[[TrialPart, Path], Scenario],
    workers: int,
    progress: Callable[[int, int], None],
) -> list[SimulatedOutcome]:
    """Simulate each number of devices, in as many processes at once. `scenario`: what is run of a part."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.json"
        model.write_bytes(msgspec.json.encode(elsewhere(kind)))
        parts = [part_to_simulate(groups, number) for number in numbers]
        jobs = [
            partial(_simulated, number, scenario(part, model), Path(folder) / str(number))
            for number, part in zip(numbers, parts, strict=True)
        ]
        progress(0, len(jobs))
        outcomes = []
        for outcome in _done(jobs, min(workers, len(jobs))):
            outcomes.append(outcome)
            progress(len(outcomes), len(jobs))
        return outcomes


def _done(jobs: Sequence[Callable[[], SimulatedOutcome]], workers: int) -> Iterable[SimulatedOutcome]:
    if workers == 1:
        yield from (job() for job in jobs)
        return
    with process_pool(workers) as pool:
        for future in [pool.submit(job) for job in jobs]:
            yield future.result()


def _simulated(devices: int, scenario: Scenario, folder: Path) -> SimulatedOutcome:
    planner = stepped_planner(scenario.planner, scenario.seed, STEPS)
    summary, _ = run_scenario(scenario, folder, planner=planner)
    frames = [frame for frame in _frames(folder / "frames.jsonl") if frame.captured_s >= BEGINNING_S]
    on_time = [frame for frame in frames if frame.outcome is Outcome.ON_TIME]
    missed: dict[str, int] = {}
    for frame in frames:
        if frame.outcome is not Outcome.ON_TIME:
            reason = frame.outcome.value if frame.reason is None else frame.reason
            missed[reason] = missed.get(reason, 0) + 1
    by_camera: dict[str, list[bool]] = {}
    for frame in frames:
        by_camera.setdefault(frame.client, []).append(frame.outcome is Outcome.ON_TIME)
    return SimulatedOutcome(
        devices=devices,
        simulated_devices=len(scenario.devices),
        simulated_cameras=len(scenario.client_names()),
        frames=len(frames),
        on_time=len(on_time) / len(frames),
        worst_camera=min(map(fmean, by_camera.values())),
        accuracy=sum(frame.expected_f1 or 0.0 for frame in on_time) / len(frames),
        busy=fmean(figures.busy_share for figures in summary.devices.values()),
        missed_by_reason=dict(sorted(missed.items(), key=lambda item: -item[1])),
        cares={group.name: _learnt(folder, group, scenario) for group in scenario.clients},
    )


def _frames(path: Path) -> list[FrameRecord]:
    decoder = msgspec.json.Decoder(FrameRecord)
    with path.open("rb") as lines:
        return [decoder.decode(line) for line in lines]


def _learnt(folder: Path, group: Clients, scenario: Scenario) -> float:
    """The median of what was learnt for its cameras, in windows of the second half."""
    cares = []
    names = {f"{group.name}-{number}" for number in range(group.count)}
    with (folder / "window_clients.jsonl").open("rb") as lines:
        for line in lines:
            window = json.loads(line)
            if window["client"] in names and window["t_s"] >= scenario.duration_s / 2:
                cares.append(window["care"])
    known = [care for care in cares if care is not None]
    return median(known) if known else scenario.care
