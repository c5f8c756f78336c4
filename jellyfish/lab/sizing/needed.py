"""`jellyfish plan` for cameras: the fewest devices of a kind that serve them as wished; planned, then simulated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median

import msgspec

from jellyfish.config import DEFAULT_CARE
from jellyfish.control.problem import Problem
from jellyfish.devices.profile.host import HostCosts
from jellyfish.lab.simulation.model import SimulatedModel
from jellyfish.lab.simulation.scenario import Clients, Host, Scenario, SimulatedDevice
from jellyfish.lab.sizing.cameras import Groups, count_of, fps_of, part_of
from jellyfish.lab.sizing.demands import CameraLook, Device, looks_at
from jellyfish.lab.sizing.outlook import (
    Cares,
    Front,
    Outlook,
    Possible,
    front_of,
    outlook,
    possible,
    problem_of_look,
    why_not,
)
from jellyfish.lab.sizing.search import MOST_ROUNDS, fewest, to_check
from jellyfish.lab.sizing.trial import SimulatedOutcome, scenario_of, simulated_outcomes

PER_FRONT = 256
"""Cameras that are planned for together: of more each front has its part, and devices of its own."""
ENCODE_MS, DECODE_MS = 2.0, 1.0
"""What a camera takes to encode a frame, and a server to decode one where its profile does not say."""
Progress = Callable[[str, int, int], None]
"""(words, steps done, steps in all)."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    groups: Groups
    target: float
    """Per cent of the frames that are to be in time."""
    least_accuracy: float = 0.0
    """Expected over all frames."""
    most_devices: int = 1024
    """More are not tried, for each front."""
    max_batch: int = 8
    planner: str = "shared"
    seed: int = 0
    workers: int = 1
    """Simulations at once."""


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered. Numbers of devices and cameras are those of one front of `parts`, but for `devices`."""

    kind: str
    """What the numbers of the device are from."""
    cameras: int
    """Of all fronts."""
    fps: float
    """Of all of them."""
    target: float
    least_accuracy: float
    devices: int | None
    """That are needed, of all fronts together; None where no number does."""
    why_none: list[str]
    """Why not; empty where some number does."""
    parts: int
    """Fronts that the cameras were shared out among, each with devices of its own; 1 where they are one plan's."""
    cameras_per_part: int
    devices_per_part: int | None
    most_accuracy: float
    """With a device for each camera, by these links and deadlines."""
    outlooks: list[Outlook]
    """By number of devices."""
    simulated: list[SimulatedOutcome]
    """Likewise."""
    front: Front | None
    """None where the profile does not say what frames cost the server's machine."""


def devices_needed(kind: SimulatedModel, wish: Wish, progress: Progress) -> Needed:
    """Search by plans, correct by simulations."""
    return _Study(kind, wish, progress).answer()


def parts_of(groups: Groups, host: HostCosts | None) -> int:
    """Among how many fronts the cameras are shared out: as many as they are too many for, or their frames are."""
    by_cameras = math.ceil(count_of(groups) / PER_FRONT)
    front = front_of(host, fps_of(groups), 0)
    return max(by_cameras, 1 if front is None else front.fronts)


def _beside(group: Clients) -> Clients:
    """One camera of it, if its link took no time."""
    return msgspec.structs.replace(group, count=1, trace="none", delay_ms=0.0)


class _Study:
    def __init__(self, kind: SimulatedModel, wish: Wish, progress: Progress) -> None:
        self._kind, self._wish, self._progress = kind, wish, progress
        self._parts = parts_of(wish.groups, kind.profile.host)
        self._groups = part_of(wish.groups, 1 / self._parts)
        self._most = min(wish.most_devices, count_of(self._groups))
        self._host = self._host_of()
        self._outlooks: dict[int, Outlook] = {}
        self._simulated: dict[int, SimulatedOutcome] = {}

    def answer(self) -> Needed:
        """See `devices_needed`."""
        self._looks, self._near = self._look(self._groups), self._look(tuple(map(_beside, self._groups)))[0]
        self._careful(dict.fromkeys((group.name for group in self._groups), DEFAULT_CARE))
        if reasons := why_not(self._kind, self._looks, [self._problem(moment, 1) for moment in self._looks]):
            return self._none(reasons)
        begin = self._fewest(self._does)
        if begin is None:
            begin = self._fewest(lambda number: self._outlook(number).all_served) or self._most
        (first,) = self._simulate([begin])
        self._careful(first.cares)
        expected = self._fewest(self._does)
        if expected is None:
            return self._none(self._too_few())
        for _ in range(MOST_ROUNDS):
            numbers = to_check(expected, self._verdicts(), self._most)
            if not numbers:
                break
            self._simulate(numbers)
        found = min((number for number, well in self._verdicts().items() if well), default=None)
        return self._none([self._missed()]) if found is None else self._needed(found, [])

    # --- plans -------------------------------------------------------------------------------------------

    def _look(self, groups: Groups) -> list[list[CameraLook]]:
        variants, profile = self._kind.variants, self._kind.profile
        least_s: dict[int, float] = {}
        for variant in variants:
            seconds = 2 * profile.of(variant).p50_s[0]
            least_s[variant.resolution] = min(seconds, least_s.get(variant.resolution, seconds))
        device = Device(variants, least_s, self._kind.description.ladder)
        usual = Scenario(
            title="", duration_s=1.0, devices=(SimulatedDevice("device"),), clients=groups,
            seed=self._wish.seed, host=self._host,
        )  # fmt: skip
        return looks_at(usual, device, partial(self._progress, "looking at the cameras' links"))

    def _careful(self, cares: Cares) -> None:
        """Plan with so much care from now on."""
        self._cares, self._outlooks = cares, {}
        problems = [self._problem(moment, 1) for moment in self._looks]
        near = {look.group.name: look.demand(self._kind.variants, cares[look.group.name]) for look in self._near}
        self._possible: Possible = possible(problems, self._looks, near)

    def _problem(self, moment: list[CameraLook], devices: int) -> Problem:
        return problem_of_look(self._kind, moment, devices, self._wish.max_batch, self._cares)

    def _outlook(self, devices: int) -> Outlook:
        if devices not in self._outlooks:
            self._progress("planning", len(self._outlooks), len(self._outlooks) + 1)
            problems = [self._problem(moment, devices) for moment in self._looks]
            wish = self._wish
            self._outlooks[devices] = outlook(problems, self._possible, wish.planner, wish.seed)
        return self._outlooks[devices]

    def _does(self, devices: int) -> bool:
        planned = self._outlook(devices)
        return planned.all_served and planned.accuracy >= self._wish.least_accuracy

    def _fewest(self, does: Callable[[int], bool]) -> int | None:
        return fewest(does, 1, self._most)

    # --- simulations -------------------------------------------------------------------------------------

    def _host_of(self) -> Host:
        costs, variants = self._kind.profile.host, self._kind.variants
        middle = variants[len(variants) // 2].resolution
        decode_ms = DECODE_MS if costs is None else 1000 * costs.decoding_s(middle)
        return Host(encode_ms=ENCODE_MS, decode_ms=decode_ms)

    def _simulate(self, numbers: list[int]) -> list[SimulatedOutcome]:
        wish = self._wish
        care = median(self._cares.values())
        words = f"simulating {', '.join(map(str, numbers))} device{'s' * (numbers[-1] > 1)}"
        found = simulated_outcomes(
            self._kind,
            self._groups,
            numbers,
            lambda part, model: scenario_of(part, model, self._host, wish.planner, wish.target, care, wish.seed),
            wish.workers,
            partial(self._progress, words),
        )
        self._simulated |= {outcome.devices: outcome for outcome in found}
        return found

    def _verdicts(self) -> Mapping[int, bool]:
        return {
            number: outcome.on_time >= self._wish.target / 100 and outcome.accuracy >= self._wish.least_accuracy
            for number, outcome in self._simulated.items()
        }

    # --- answers -----------------------------------------------------------------------------------------

    def _too_few(self) -> list[str]:
        """Why not even the most devices do, by plans."""
        wished, most_there_is = self._wish.least_accuracy, self._possible
        if most_there_is.best < wished:
            return [f"the most accurate variant has {most_there_is.best:.3f}, {wished:g} was asked for"]
        if most_there_is.near < wished:
            return [
                f"one frame takes such a device too long for these deadlines: whatever the links, an accuracy of "
                f"{most_there_is.near:.3f} is the most, {wished:g} was asked for"
            ]
        if most_there_is.accuracy < wished:
            return [
                f"with a device for each camera these links and deadlines allow an accuracy of "
                f"{most_there_is.accuracy:.3f}, {wished:g} was asked for"
            ]
        most = self._outlook(self._most)
        return [
            f"{self._most} devices serve {most.served:.0f} of {most.cameras} cameras with an accuracy of "
            f"{most.accuracy:.3f}, and more were not tried (--most-devices)"
        ]

    def _missed(self) -> str:
        """Why no number that was simulated does."""
        most = max(self._simulated.values(), key=lambda outcome: outcome.devices)
        if most.on_time >= self._wish.target / 100:
            return f"{most.devices} devices came to an accuracy of {most.accuracy:.3f} in simulation"
        missed = 100 * (1 - most.on_time)
        reasons = ", ".join(f"{name} {100 * count / most.frames:.2f}" for name, count in most.missed_by_reason.items())
        return (
            f"with {most.devices} devices {missed:.2f} % of the frames were missed in simulation ({reasons}), "
            f"{100 - self._wish.target:.3g} % may be: more devices do not help where links fail"
        )

    def _none(self, reasons: list[str]) -> Needed:
        return self._needed(None, reasons)

    def _needed(self, found: int | None, reasons: list[str]) -> Needed:
        wish = self._wish
        around = {1} if found is None else {max(1, found - 1), found, found + 1}
        shown = [self._outlook(number) for number in sorted(around | set(self._outlooks) | set(self._simulated))]
        resolution = shown[0].resolution if found is None else self._outlook(found).resolution
        return Needed(
            kind=self._kind.origin,
            cameras=count_of(wish.groups),
            fps=fps_of(wish.groups),
            target=wish.target,
            least_accuracy=wish.least_accuracy,
            devices=None if found is None else found * self._parts,
            why_none=reasons,
            parts=self._parts,
            cameras_per_part=count_of(self._groups),
            devices_per_part=found,
            most_accuracy=self._possible.accuracy,
            outlooks=shown,
            simulated=[self._simulated[number] for number in sorted(self._simulated)],
            front=front_of(self._kind.profile.host, fps_of(wish.groups), resolution),
        )
