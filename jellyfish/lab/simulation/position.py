"""How a simulated server stands to others: whose cameras it has, who else uses its devices, where it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from jellyfish.control.problem import Plan, Problem
from jellyfish.lab.simulation.network import HOST, MemoryConnector
from jellyfish.lab.simulation.scenario import Clients, Scenario
from jellyfish.lab.simulation.timed_executor import Take
from jellyfish.modes.run import OnFrame


class CameraPart(NamedTuple):
    """One camera at one server, for a part of the run."""

    group: Clients
    number: int
    join_s: float
    leave_s: float
    further_s: float = 0.0
    """How much longer the way is than to the server of its own, one way."""
    had_until_s: float | None = None
    """When it lost that; None for those that are here from the beginning."""

    @property
    def name(self) -> str:
        """The camera's."""
        return self.group.camera_name(self.number)


@dataclass(frozen=True)
class Position:
    """Of one server. The devices' names are those of its scenario."""

    cameras: tuple[CameraPart, ...]
    address: str = HOST
    taking: Callable[[str, Take], Take] = lambda device, take: take
    """(device, how a batch spends its time) -> the same, with what it waits for others."""
    within: Callable[[Problem], Problem] = lambda problem: problem
    """What of the devices is this server's."""
    connector: Callable[[CameraPart, float], MemoryConnector] = lambda camera, start_s: MemoryConnector()
    """What a camera connects by, in a run that starts at `start_s`."""
    on_frame: OnFrame = lambda ended: None
    on_plan: Callable[[Problem, Plan], None] = lambda problem, plan: None
    phases: int = 0
    """Added to the seed by which each camera has its own point in its frame interval."""
    fails_s: float | None = None
    """When it dies, in seconds of the run: nothing listens any more, and every connection is cut."""


def alone(scenario: Scenario) -> Position:
    """The one server of a scenario."""
    return Position(
        tuple(
            CameraPart(group, number, group.join_s + group.spread_s * number / group.count, group.leave_s)
            for group in scenario.clients
            for number in range(group.count)
        )
    )
