"""No plan at all: each client chooses the size of its frames, and the device runs what it is sent. Pure.

The resolution of a frame says what it is to be run with: the most accurate network at that resolution. Whether there is
time for it is known best when the frame is there, so a device that may narrow its batches does so then.
"""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.control.problem import DevicePlan, Plan, Problem, Share
from jellyfish.core import Variant


def asked_variants(variants: Sequence[Variant], accuracy: Sequence[float]) -> dict[int, Variant]:
    """Resolution -> the most accurate variant at it, small resolutions first."""
    best: dict[int, tuple[float, Variant]] = {}
    for variant, value in zip(variants, accuracy, strict=True):
        if variant.resolution not in best or value > best[variant.resolution][0]:
            best[variant.resolution] = (value, variant)
    return {resolution: best[resolution][1] for resolution in sorted(best)}


class ClientsChoice:
    """Every device is ready for every size, in its largest batch; clients are spread over devices by their rates."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """Nothing is refused: every client has a place, and stays there as long as the device takes frames."""
        largest, *others = reversed(asked_variants(problem.variants, problem.accuracy).values())
        serving = [option.device for option in problem.devices if option.serves]
        load = dict.fromkeys(serving or [option.device for option in problem.devices], 0.0)
        clients: dict[str, str] = {}
        for demand in problem.clients if load else ():
            kept = running.clients.get(demand.client) if running else None
            clients[demand.client] = kept if kept in load else min(load, key=load.__getitem__)
            load[clients[demand.client]] += demand.fps
        batches = {option.device: len(option.latency_s[0]) for option in problem.devices}
        devices = {
            device: DevicePlan(largest, batch, tuple(Share(variant, batch) for variant in others))
            for device, batch in batches.items()
        }
        return Plan(devices, clients, len(clients))
