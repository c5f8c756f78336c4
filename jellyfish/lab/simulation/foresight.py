"""What could be had if the uplinks were known in advance: a planner and cameras that are told the truth.

The planner knows the network time of each camera's usual frame in its window, the camera when its next frame would
arrive; neither knows how long batches will take. Only for measuring others against.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec

from jellyfish.camera.sizing import PlannedSizer
from jellyfish.control.estimator import MARGIN_S
from jellyfish.control.problem import ClientDemand, Plan, Planner, Problem
from jellyfish.core import Variant
from jellyfish.lab.simulation.frames import FrameWeights
from jellyfish.lab.simulation.links import CameraLink
from jellyfish.protocol import wire


class ForesightPlanner:
    """`planner`, told for each client the median network time of its frames until the next plan."""

    def __init__(
        self,
        planner: Planner,
        links: Mapping[str, CameraLink],
        slos_s: Mapping[str, float],
        fixed_s: float,
        window_s: float,
        clock: Callable[[], float],
    ) -> None:
        """`slos_s`: by client. `fixed_s`: encoding and decoding of a frame. `clock`: seconds of the run."""
        self._planner, self._links, self._slos_s = planner, links, slos_s
        self._fixed_s, self._window_s, self._clock = fixed_s, window_s, clock
        self._frames = {name: link.frames() for name, link in links.items()}
        self._planned_s: dict[str, dict[int, float]] = {}

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """See `Planner.plan`."""
        now = max(0.0, self._clock())  # cameras join before the run, when there is nothing to foresee yet
        clients = tuple(self._foreseen(demand, problem.variants, now) for demand in problem.clients)
        return self._planner.plan(msgspec.structs.replace(problem, clients=clients), running)

    def planned_s(self, client: str, resolution: int) -> float:
        """The network time that the newest plan counts with; 0 before the first."""
        return self._planned_s.get(client, {}).get(resolution, 0.0)

    def _foreseen(self, demand: ClientDemand, variants: tuple[Variant, ...], now: float) -> ClientDemand:
        name = demand.client.partition("#")[0]
        smallest, *others = sorted({variant.resolution for variant in variants})
        transfers_s = {each: self._transfer_s(name, demand.fps, each, now) for each in (smallest, *others)}
        self._planned_s[name] = transfers_s
        rest_s = self._slos_s[name] - 2 * self._links[name].delay_s - self._fixed_s - MARGIN_S
        budgets_s = {
            each: max(0.0, rest_s - transfer_s) if transfer_s * demand.fps < 1 else 0.0
            for each, transfer_s in transfers_s.items()
        }
        return msgspec.structs.replace(demand, budget_s=tuple(budgets_s[variant.resolution] for variant in variants))

    def _transfer_s(self, name: str, fps: float, resolution: int, now: float) -> float:
        """Median time on the link of a usual frame."""
        size_bytes = self._frames[name].usual(resolution) + wire.FRAME_OVERHEAD_BYTES
        count = max(1, round(self._window_s * fps))
        return statistics.median(self._links[name].transfer_s(now + each / fps, size_bytes) for each in range(count))


class ForesightSizer(PlannedSizer):
    """The largest size, up to the planned one, that arrives when the plan counts with it; else the smallest."""

    def __init__(
        self, link: CameraLink, frames: FrameWeights, planner: ForesightPlanner, start_s: float, encode_s: float
    ) -> None:
        """`frames`: the camera's own encoder, so that the next frame's bytes are known. `start_s`: of the run."""
        super().__init__()
        self._link, self._frames, self._planner = link, frames, planner
        self._start_s, self._encode_s = start_s, encode_s
        self._free_s = float("-inf")

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """A frame takes the link from `now`, or when the one before has left it."""
        begin_s = max(now - self._start_s, self._free_s)
        self._free_s = begin_s + self._link.transfer_s(begin_s, size_bytes)

    def choose(
        self, now: float, planned: int, captured_s: float, on_the_way: Sequence[tuple[float, int]]
    ) -> int | None:
        """Resolution for the next frame; never None."""
        ready_s = captured_s - self._start_s + self._encode_s
        latest_s = ready_s + self._planner.planned_s(self._link.name, planned)
        begin_s = max(now - self._start_s + self._encode_s, self._free_s)
        fitting = (
            each for each in self.ladder if each <= planned and begin_s + self._on_link_s(begin_s, each) <= latest_s
        )
        return max(fitting, default=min(planned, self.ladder[0]))

    def _on_link_s(self, begin_s: float, resolution: int) -> float:
        return self._link.transfer_s(begin_s, self._frames.weight(resolution) + wire.FRAME_OVERHEAD_BYTES)
