"""A random scenario for every seed, with one to three faults in it: the same seed, the same scenario, for ever."""

from __future__ import annotations

import random
from collections.abc import Callable

from jellyfish.lab.simulation.scenario import (
    AnyFault,
    Clients,
    ClockDrift,
    ClockJump,
    Cut,
    Deaf,
    DeviceError,
    DeviceFlap,
    DeviceHang,
    DeviceSlow,
    Flood,
    Garbage,
    LinkDown,
    PlannerError,
    PlannerSlow,
    Scenario,
    SimulatedDevice,
    Vanish,
)

DURATION_S = 9.0
LAST_END_S = 6.0
"""Faults are over by then, so that there is time to see service resume."""
FOR_GOOD_S = 1000.0
"""How long those last that are not."""


def chaos(seed: int) -> Scenario:
    """A small comfortable system, and what goes wrong in it."""
    chance = random.Random(seed)
    devices = tuple(SimulatedDevice(f"gpu-{number}") for number in range(chance.choice((1, 1, 2, 2, 3))))
    clients = tuple(
        Clients(
            name=f"camera-{letter}",
            count=chance.randint(1, 2),
            fps=chance.choice((10.0, 15.0, 25.0)),
            slo_ms=chance.choice((100.0, 150.0)),
            trace=chance.choice(("20mbps", "40mbps", "none")),
            delay_ms=chance.choice((1.0, 5.0, 10.0)),
        )
        for letter in "abc"[: chance.randint(1, 3)]
    )
    names = [f"{group.name}-{number}" for group in clients for number in range(group.count)]
    faults = tuple(
        _fault(chance, names, [device.name for device in devices]) for _ in range(chance.choice((1, 1, 1, 2, 3)))
    )
    return Scenario(f"Chaos {seed}", DURATION_S, devices, clients, seed, faults=faults)


def _fault(chance: random.Random, clients: list[str], devices: list[str]) -> AnyFault:
    at_s = round(chance.uniform(1.0, 3.0), 3)
    for_s = round(chance.uniform(0.2, LAST_END_S - at_s - 0.5), 3)
    client, device = chance.choice(clients), chance.choice(devices)
    kinds: list[Callable[[], AnyFault]] = [
        lambda: LinkDown(at_s, client, for_s),
        lambda: Cut(at_s, client),
        lambda: ClockJump(at_s, client, chance.choice((-30.0, -2.0, 2.0, 30.0, 3600.0))),
        lambda: ClockDrift(at_s, client, chance.choice((-500.0, -50.0, 50.0, 500.0))),
        lambda: DeviceSlow(at_s, device, for_s, chance.choice((2.0, 5.0, 20.0))),
        lambda: DeviceHang(at_s, device, for_s),
        lambda: DeviceHang(at_s, device, FOR_GOOD_S),
        lambda: DeviceError(at_s, device, for_s),
        lambda: DeviceError(at_s, device, FOR_GOOD_S),
        lambda: DeviceFlap(at_s, device, for_s, chance.choice((0.2, 1.0, 2.0))),
        lambda: PlannerError(at_s, for_s),
        lambda: PlannerSlow(at_s, for_s, chance.choice((1.0, 5.0))),
        lambda: Garbage(at_s, for_s),
        lambda: Flood(at_s, for_s),
        lambda: Deaf(at_s, for_s),
        lambda: Vanish(at_s, for_s),
    ]
    return chance.choice(kinds)()
