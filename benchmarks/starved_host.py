"""Hosts with more to do than they can, in virtual time: what becomes of the frames, second by second.

`python -m benchmarks.starved_host [NAME ...]`. The host has one core for event loop and decoders; devices and links are
short of nothing. `starved` and `nearly` have a process beside them from second 10 to second 15.
"""

from __future__ import annotations

import sys
from collections import Counter

from jellyfish.lab.simulation.scenario import Bystander, Clients, Host, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import simulated_frames
from jellyfish.results.records import FrameRecord

DEVICES = (SimulatedDevice("gpu-0"), SimulatedDevice("gpu-1"))
FROM_S, FOR_S = 10.0, 5.0


def starved(name: str, count: int, weight: float) -> Scenario:
    """`count` cameras on a core half of which they need, until somebody of that weight comes."""
    host = Host(cores=1, server_ms=2.0, decode_ms=2.0)
    clients = (Clients("camera", count, slo_ms=150.0, trace="none"),)
    beside = (Bystander(FROM_S, FOR_S, weight=weight),)
    return Scenario(name, 25.0, DEVICES, clients, 1, host=host, faults=beside)


def crowd(title: str, server_ms: float, decode_ms: float) -> Scenario:
    """20 cameras, 1.5 times as many as a core can serve to which a frame costs so much."""
    host = Host(cores=1, server_ms=server_ms, decode_ms=decode_ms)
    return Scenario(title, 25.0, DEVICES, (Clients("camera", 20, slo_ms=150.0, trace="none"),), 1, host=host)


def pixels(title: str, count: int, weight: float) -> Scenario:
    """Cameras whose frames take the longer to decode the larger they are: 7 ms at 608 pixels, 1 ms at 128."""
    host = Host(cores=1, server_ms=0.5, decode_ms=0.5, decode_pixel_ns=30.0)
    clients = (Clients("camera", count, slo_ms=150.0, trace="none"),)
    beside = (Bystander(FROM_S, FOR_S, weight=weight),) if weight else ()
    return Scenario(title, 25.0, DEVICES, clients, 1, host=host, faults=beside)


SCENARIOS = {
    "crowd": crowd("1.5 times what the core can do", 3.0, 2.0),
    "decoders": crowd("the same, nearly all of it decoding", 0.5, 4.5),
    "starved": starved("a bystander of weight 4 for 5 s", 8, 4.0),
    "large": pixels("20 cameras, of whose large frames it can decode half", 20, 0.0),
    "large-starved": pixels("8 of them, and a bystander of weight 3 for 5 s", 8, 3.0),
    "nearly": starved("a bystander of weight 1 for 5 s", 8, 1.0),
}


def told(frames: list[FrameRecord]) -> str:
    """Missed, why, and what the answers in time are worth."""
    missed = [frame for frame in frames if frame.outcome != "on_time"]
    reasons = Counter(str(frame.reason or frame.outcome) for frame in missed)
    why = ", ".join(f"{reason} {100 * count / len(frames):.1f}" for reason, count in reasons.most_common(4))
    worth = sum(frame.expected_f1 or 0.0 for frame in frames if frame.outcome == "on_time") / len(frames)
    return f"missed {100 * len(missed) / len(frames):5.1f} %  F1 {worth:.3f}  ({why})"


def main() -> None:
    for name in sys.argv[1:] or SCENARIOS:
        frames = simulated_frames(SCENARIOS[name])
        print(f"{name}: {SCENARIOS[name].title}\n  all: {told(frames)}")
        for since, until in ((1.0, 10.0), (10.0, 12.0), (12.0, 15.0), (15.0, 17.0), (17.0, 25.0)):
            print(f"  {since:.0f} .. {until:.0f} s: {told([f for f in frames if since <= f.captured_s < until])}")


if __name__ == "__main__":
    main()
