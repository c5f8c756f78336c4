"""One site of a city in virtual time: its fronts, which share its devices, and the cameras that they have or get.

A site knows nothing of others but what is known beforehand: when one fails, and who gets its cameras then
(`jellyfish.lab.simulation.city`). So each is simulated by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from jellyfish.control.capacity import full_batches_s
from jellyfish.control.problem import Plan, Problem
from jellyfish.control.shares import ShareDemand, demanded, granted, kept, laid_out, within
from jellyfish.core import Outcome
from jellyfish.lab.simulation.collecting import seldom_collected
from jellyfish.lab.simulation.network import MemoryConnector
from jellyfish.lab.simulation.position import CameraPart, Position
from jellyfish.lab.simulation.scenario import Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulation import Simulation
from jellyfish.lab.simulation.turns import DeviceTurns
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from jellyfish.modes.run import EndedFrame
from jellyfish.program.stopping import Stop
from jellyfish.results.summary import Summary


class SiteTask(msgspec.Struct, frozen=True):
    """What is to be simulated of a site."""

    name: str
    number: int
    """Among the city's."""
    model: str
    devices: int
    fronts: tuple[tuple[CameraPart, ...], ...]
    """Cameras of each."""
    fails_s: float | None = None


class FrontFigures(msgspec.Struct, frozen=True):
    """What came of one front."""

    offered: int
    on_time: int
    missed_by_reason: dict[str, int]
    f1_sum: float
    """Of all captured frames; a missed one counts 0."""
    moves: int
    """Times that a camera went to another device."""
    back_s: dict[str, float]
    """Camera that came from a site that failed -> how long after that its first answer was in time."""


class SiteFigures(msgspec.Struct, frozen=True):
    """What came of one site."""

    name: str
    cameras: int
    """Those that were its own."""
    fronts: tuple[FrontFigures, ...]
    busy_share: float
    """Of its devices' time, as long as it was there."""


class MovingConnector(MemoryConnector):
    """Of a camera whose front fails: until then there is another site's simulation, then it is refused there once."""

    def __init__(self, host: str, fails_s: float) -> None:
        super().__init__(host)
        self._fails_s, self._knows = fails_s, False

    async def _create_connection(self, req: Any, *arguments: Any) -> Any:
        if not self._knows:
            await asyncio.sleep(self._fails_s - asyncio.get_running_loop().time())
            self._knows = True
            raise ConnectionRefusedError("the front has failed")
        return await super()._create_connection(req, *arguments)


class SiteSharing:
    """Who of a site's fronts has what of its devices, agreed once a window."""

    def __init__(self, fronts: Sequence[str], devices: Sequence[str]) -> None:
        self.turns = {device: DeviceTurns() for device in devices}
        self._demands = dict.fromkeys(fronts, ShareDemand(0.0, 0.0))
        self._newest: dict[str, Problem] = {}
        """Of each front, with devices that are whole."""
        self._longest_s: dict[str, Mapping[str, float]] = {}
        """Front -> device -> its longest batch there, as planned."""
        self._sizes = dict.fromkeys(devices, 1.0)
        self._parts: Mapping[str, float] = {}
        self._agree()

    async def go_on(self, window_s: float) -> None:
        """Agree anew, until cancelled."""
        while True:
            await asyncio.sleep(window_s)
            for front, problem in self._newest.items():
                self._demands[front] = demanded(problem)
            self._agree()

    def _agree(self) -> None:
        self._parts = kept(self._parts, granted(self._demands))
        self._shares = laid_out(self._parts, self._sizes)
        for device, turns in self.turns.items():
            turns.share_out({front: own.get(device, 0.0) for front, own in self._shares.items()})

    def within(self, front: str, problem: Problem) -> Problem:
        """What is that front's of a problem; what its clients could use is asked for in the next window."""
        self._newest[front] = problem
        own = self._shares[front]
        others = [longest_s for other, longest_s in self._longest_s.items() if other != front]
        waits_s = {device: sum(longest_s.get(device, 0.0) for longest_s in others) for device in own if own[device] < 1}
        return within(problem, own, waits_s)

    def planned(self, front: str, problem: Problem, plan: Plan) -> None:
        """What a front's devices run from now on."""
        used = set(plan.clients.values())
        options = {option.device: option for option in problem.devices}
        self._longest_s[front] = {
            device: max(full_batches_s(problem, options[device], chosen))
            for device, chosen in plan.devices.items()
            if device in used and device in options
        }


class _SiteFront:
    """One front of a site, with what is counted of it."""

    def __init__(self, name: str, cameras: tuple[CameraPart, ...], sharing: SiteSharing) -> None:
        self.name, self.cameras, self._sharing = name, cameras, sharing
        self._since_s = {camera.name: camera.had_until_s for camera in cameras if camera.had_until_s is not None}
        self._back_s: dict[str, float] = {}
        self._places: Mapping[str, str] = {}
        self._moves = 0

    def position(self, task: SiteTask, number: int) -> Position:
        return Position(
            self.cameras,
            address=self.name,
            taking=lambda device, take: self._sharing.turns[device].taking(self.name, take),
            within=partial(self._sharing.within, self.name),
            connector=self._connector,
            on_frame=self._ended,
            on_plan=self._planned,
            phases=task.number * len(task.fronts) + number,
            fails_s=task.fails_s,
        )

    def _connector(self, camera: CameraPart, start_s: float) -> MemoryConnector:
        if camera.had_until_s is None:
            return MemoryConnector(self.name)
        return MovingConnector(self.name, start_s + camera.had_until_s)

    def _ended(self, ended: EndedFrame) -> None:
        record = ended.record
        since_s = self._since_s.get(record.client)
        if since_s is not None and record.outcome is Outcome.ON_TIME and record.client not in self._back_s:
            self._back_s[record.client] = record.captured_s + (record.e2e_ms or 0.0) / 1000 - since_s

    def _planned(self, problem: Problem, plan: Plan) -> None:
        self._moves += sum(self._places.get(client, device) != device for client, device in plan.clients.items())
        self._places = plan.clients
        self._sharing.planned(self.name, problem, plan)

    def figures(self, summary: Summary) -> FrontFigures:
        f1 = summary.accuracy.expected_offered or 0.0
        missed = summary.missed_by_reason
        return FrontFigures(
            summary.offered, summary.on_time, missed, f1 * summary.offered, self._moves, dict(self._back_s)
        )


def simulate_site(scenario: Scenario, task: SiteTask, folder: Path) -> tuple[SiteFigures, float]:
    """Simulate one site of a city; what came of it, and the processor seconds that it took.

    Each of its fronts has a folder of result files of its own in `folder`.
    """
    began_s = time.process_time()
    with seldom_collected(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_simulated(scenario, task, folder)), time.process_time() - began_s


async def _simulated(scenario: Scenario, task: SiteTask, folder: Path) -> SiteFigures:
    devices = tuple(SimulatedDevice(f"{task.name}-gpu-{number}", task.model) for number in range(task.devices))
    own_s = scenario.duration_s if task.fails_s is None else min(scenario.duration_s, task.fails_s)
    alone = msgspec.structs.replace(scenario, devices=devices, sites=(), faults=(), duration_s=own_s)
    names = [f"front-{number}" for number in range(len(task.fronts))]
    sharing = SiteSharing(names, [device.name for device in devices])
    fronts = [_SiteFront(name, cameras, sharing) for name, cameras in zip(names, task.fronts, strict=True)]
    runs = [Simulation(alone, None, front.position(task, number)) for number, front in enumerate(fronts)]
    agreeing = asyncio.get_running_loop().create_task(sharing.go_on(scenario.window_ms / 1000))
    async with asyncio.TaskGroup() as group:
        ended = [
            group.create_task(run.run(folder / front.name, _untold, _unseen, Stop()))
            for run, front in zip(runs, fronts, strict=True)
        ]
    agreeing.cancel()
    busy_s = sum(turns.busy_s for turns in sharing.turns.values())
    figures = tuple(front.figures(task.result()[0]) for front, task in zip(fronts, ended, strict=True))
    own = sum(camera.had_until_s is None for cameras in task.fronts for camera in cameras)
    return SiteFigures(task.name, own, figures, busy_s / (own_s * len(devices)))


def _untold(done: int, total: int) -> None:
    """Progress is told of whole sites."""


def _unseen(service: object) -> None:
    """Of what is left."""
