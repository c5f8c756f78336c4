"""The planning problem and its answer, as values: what a planner is given and what it returns.

Everything a planner may know is here; it reads no clock, no socket and no device. Source of the model:
Jellyfish (RTSS 2022), section on client mapping and DNN selection.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from jellyfish.core import Variant

OUT_OF_SERVICE_S = 3600.0
"""What a batch is said to take on a device that fails or hangs: longer than anybody waits."""

SHARING = 0.01
"""Batches of one variant fill up where frames come together, and single frames then run on better ones: answers were
.01 more accurate for it than plans say, beside those of plans that share (bench, 4 cameras on two cores)."""


class ClientDemand(msgspec.Struct, frozen=True):
    """One client as a planner sees it."""

    client: str
    fps: float
    budget_s: tuple[float, ...]
    """Per variant (index as in `Problem.variants`): time left for waiting and running on the device, after
    network and overheads; 0 where the variant's frames are more than the uplink sustains."""
    importance: float = 1.0
    """What it counts beside others, see `jellyfish.control.importance`."""


class DeviceOption(msgspec.Struct, frozen=True):
    """One device as a planner sees it: `latency_s[m][b - 1]` is what a batch of b of variant m takes there."""

    device: str
    latency_s: tuple[tuple[float, ...], ...]
    workers: int = 1
    """Batches that it runs at once, each in that time. All take from one queue."""
    occupancy_s: tuple[tuple[float, ...], ...] = ()
    """The same table, of how long a batch usually keeps a worker from the next one: rates are held against it, budgets
    against `latency_s`. Empty: as that, which is careful."""
    spare: float = 0.0
    """What workers that share their processor, and come on top, add to each of these: 1 would be one as quick."""
    sharing: float = SHARING
    """Accuracy that a client must gain where the device runs several variants in turn, to be better off than with one
    for all: more where that has lately had to be taken back (`jellyfish.control.steadiness`)."""

    @property
    def serves(self) -> bool:
        """Whether it takes frames at all."""
        return self.latency_s[0][0] < OUT_OF_SERVICE_S

    def out_of_service(self) -> DeviceOption:
        """The same, without frames."""
        return msgspec.structs.replace(self, latency_s=tuple((OUT_OF_SERVICE_S,) * len(row) for row in self.latency_s))

    @property
    def keeps_s(self) -> tuple[tuple[float, ...], ...]:
        """`occupancy_s`, or what stands for it."""
        return self.occupancy_s or self.latency_s


class Problem(msgspec.Struct, frozen=True):
    """One window's question: which client gets which variant, on which device, in batches of what size?"""

    clients: tuple[ClientDemand, ...]
    devices: tuple[DeviceOption, ...]
    variants: tuple[Variant, ...]
    accuracy: tuple[float, ...]
    """Expected accuracy (0..1) per variant."""
    host_share: float = 1.0
    """Of each client's frames that the server's own machine can carry (`jellyfish.control.host`)."""
    host_resolution: int | None = None
    """Longest side of the frames that are asked for, so that it can; None: any will do."""
    host_shares: dict[str, float] = {}
    """Client -> the share of its own frames, where some are more important than others; `clients` have such rates."""


class Share(msgspec.Struct, frozen=True):
    """One variant's part of a device's time: a batch of at most `batch` frames per cycle."""

    variant: Variant
    batch: int


class DevicePlan(msgspec.Struct, frozen=True):
    """What a device runs until the next plan: one variant in batches of at most `batch`, or several in turn."""

    variant: Variant
    batch: int
    others: tuple[Share, ...] = ()
    """Further variants that have their turn in each cycle, where the device shares its time."""
    cycle_s: float | None = None
    """The longest cycle that is planned with, where the planner says so."""

    @property
    def shares(self) -> tuple[Share, ...]:
        """The whole cycle. A single share is one variant, batch after batch."""
        return (Share(self.variant, self.batch), *self.others)


class Plan(msgspec.Struct, frozen=True):
    """One window's answer. A client that is not in `clients` is not mapped: it may only probe."""

    devices: dict[str, DevicePlan]
    clients: dict[str, str]
    """Client -> device."""
    mappable: int = 0
    """Clients that some device could serve at all, each for itself."""
    accuracy: float = 0.0
    """Rate-weighted mean accuracy over the mappable clients; an unmapped one counts 0."""
    variants: dict[str, Variant] = {}
    """Client -> its own variant, where that is not the only one of its device."""
    fps: dict[str, float] = {}
    """Client -> frames per second that it is to send, where the planner wants fewer than it offers."""
    host_share: float = 1.0
    """Of the frames that each client offers, what the server's host can carry (`jellyfish.control.host`)."""
    host_shares: dict[str, float] = {}
    """Client -> that of its own frames, where some are more important than others."""

    def rate_of(self, client: str, offered_fps: float) -> float | None:
        """Frames per second that `client`, which offers so many, is to send; None: all of them."""
        share = self.host_shares.get(client, self.host_share)
        fps = min(self.fps.get(client, offered_fps), share * offered_fps)
        return fps if fps < offered_fps else None

    def variant_of(self, client: str) -> Variant | None:
        """The variant `client` is served with; None when it is not mapped."""
        device = self.clients.get(client)
        return None if device is None else self.variants.get(client, self.devices[device].variant)

    def shares_time(self, client: str) -> bool:
        """Whether the device of `client` runs other variants, too, in turn."""
        device = self.clients.get(client)
        return device is not None and bool(self.devices[device].others)


class Planner(Protocol):
    """A planning policy. Pure but for its own seeded randomness; one file each under `planners/`."""

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        """A feasible plan for `problem`. `running` is the plan in force, for keeping what need not change."""
        ...
