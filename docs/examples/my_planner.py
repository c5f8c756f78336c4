"""A planner of one's own: everybody gets the same network, the most accurate one with which nobody is left out.

jellyfish serve --planner docs/examples/my_planner.py:AlikePlanner
"""

from __future__ import annotations

from jellyfish import DevicePlan, Plan, Problem, Variant, violations


class AlikePlanner:
    """Asked twice a second, and whenever a camera comes or goes; what it answers is in force until the next answer."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        clients = [demand.client for demand in problem.clients]
        by_accuracy = sorted(zip(problem.accuracy, problem.variants, strict=True), reverse=True)
        while True:
            for accuracy, variant in by_accuracy:
                for batch in range(len(problem.devices[0].latency_s[0]), 0, -1):
                    plan = alike(problem, clients, variant, batch, accuracy)
                    if not violations(problem, plan):
                        return plan
            clients.pop()  # not even the quickest network has time for all: the last one has to wait


def alike(problem: Problem, clients: list[str], variant: Variant, batch: int, accuracy: float) -> Plan:
    """Every device runs `variant`; clients take turns between devices."""
    devices = [option.device for option in problem.devices if option.serves]
    places = {client: devices[number % len(devices)] for number, client in enumerate(clients)} if devices else {}
    return Plan(
        devices={option.device: DevicePlan(variant, batch) for option in problem.devices},
        clients=places,
        mappable=len(problem.clients),
        accuracy=accuracy * len(places) / max(1, len(problem.clients)),
    )
