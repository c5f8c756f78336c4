"""The link of each camera of a scenario: which trace it gets, from where on. For the run, and for its analysis."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from jellyfish.lab.simulation.faults import with_outages
from jellyfish.lab.simulation.frames import FrameWeights
from jellyfish.lab.simulation.scenario import Clients, Scenario
from jellyfish.link.synthetic import resolve_trace
from jellyfish.link.trace import BandwidthTrace


@dataclass(frozen=True, slots=True)
class CameraLink:
    """What one camera's frames travel over, and what they weigh."""

    name: str
    seed: int
    trace: BandwidthTrace | None
    """In seconds of the run; None for a link that is not shaped."""
    delay_s: float
    frame_size: float | None
    frame_bytes: Mapping[int, float] = field(default_factory=dict)
    """Resolution -> bytes of the usual frame, where it is known."""

    def frames(self) -> FrameWeights:
        """The camera's encoder, at its beginning."""
        return FrameWeights(self.seed, self.frame_size, self.frame_bytes)

    def transfer_s(self, begin_s: float, size_bytes: float) -> float:
        """How long a message is on the link when it has it to itself from `begin_s` (of the run) on."""
        return 0.0 if self.trace is None else self.trace.finish(begin_s, 8 * size_bytes) - begin_s


def camera_link(scenario: Scenario, group: Clients, number: int) -> CameraLink:
    """The link of camera `number` of `group`. InputError for a trace that cannot be used."""
    name = group.camera_name(number)
    seed = random.Random(f"{scenario.seed}/{name}").randrange(2**31)
    trace = resolve_trace(group.trace, seed)
    if trace is not None:
        trace = trace.shifted(group.trace_shift_s * number)
    trace = with_outages(trace, scenario.faults, name, scenario.duration_s)
    return CameraLink(name, seed, trace, group.delay_ms / 1000, group.frame_size, dict(group.frame_bytes))


def camera_links(scenario: Scenario) -> dict[str, CameraLink]:
    """Every camera's link, by name."""
    links = [camera_link(scenario, group, number) for group in scenario.clients for number in range(group.count)]
    return {link.name: link for link in links}
