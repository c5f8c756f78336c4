"""One variant for everyone, whatever the network and the load: the plan of a server that does not adapt.

A baseline, and what `--variant` asks for. Clients are spread over the devices by their rates.
"""

from __future__ import annotations

from jellyfish.control.problem import DeviceOption, DevicePlan, Plan, Problem
from jellyfish.core import Variant


def accept(problem: Problem, plan: Plan) -> list[str]:
    """The check for this planner's plans, which may be infeasible: none of them breaks a rule."""
    return []


class FixedPlanner:
    """Always the same variant and largest batch, for all clients."""

    def __init__(self, variant: Variant, batch: int) -> None:
        self._device_plan = DevicePlan(variant, batch)

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """Every client on the device with the least load so far; clients stay where they are."""
        load = {option.device: 0.0 for option in problem.devices}
        clients: dict[str, str] = {}
        for demand in problem.clients if load else ():
            kept = running.clients.get(demand.client) if running else None
            clients[demand.client] = kept if kept in load else min(load, key=lambda device: load[device])
            load[clients[demand.client]] += demand.fps
        accuracy = problem.accuracy[problem.variants.index(self._device_plan.variant)] if clients else 0.0
        devices = {option.device: self._on(option) for option in problem.devices}
        return Plan(devices, clients, len(clients), accuracy)

    def _on(self, option: DeviceOption) -> DevicePlan:
        batch = min(self._device_plan.batch, len(option.latency_s[0]))
        return DevicePlan(self._device_plan.variant, batch)
