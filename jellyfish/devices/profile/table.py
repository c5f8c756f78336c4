"""What a device needs for a batch: the measured latency of every variant at every batch size. Pure; no torch.

The table is measured by `jellyfish.devices.profile.measure` with the code path that serves, or loaded from a file.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from jellyfish.core import Variant
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.variation import Variation
from jellyfish.errors import InputError

SCHEMA = 4
"""Of profiles that are written now."""


class Subject(msgspec.Struct, frozen=True):
    """What a profile is of, in the words of `LatencyProfile`."""

    device: str
    hardware: str
    weights: str
    software: str = ""
    model: str = ""


class VariantLatency(msgspec.Struct, frozen=True):
    """Times of one variant, in seconds; index 0 is a batch of one. Its latency is from images to answers."""

    variant: Variant
    p50_s: tuple[float, ...]
    p99_s: tuple[float, ...]
    variation: Variation | None = None
    """How measured times vary about the median; None in profiles that do not know."""
    prepare_s: tuple[float, ...] = ()
    """Median of the part of it before the launch, which goes on beside another batch where several may be in flight. Of
    a worker in a process of its own, which does all in one, what is done on this side: next to nothing."""
    occupancy_s: tuple[float, ...] = ()
    """Median of how long a batch keeps a worker from the next one, where they follow each other without a pause. Empty:
    as long as it takes."""

    @property
    def keeps_s(self) -> tuple[float, ...]:
        """`occupancy_s`, or what stands for it."""
        return self.occupancy_s or self.p50_s


class LatencyProfile(msgspec.Struct, frozen=True):
    """Latencies of all variants on one device. Every variant has the same number of batch sizes."""

    device: str
    """`cpu` or `cuda:N`."""
    hardware: str
    """What the device is, in words, e.g. the processor's name and the number of cores used."""
    weights: str
    """Checksum of the model that was measured: of its weights, and of all else that is its own."""
    latencies: tuple[VariantLatency, ...]
    mixes: tuple[int, ...] = ()
    """Resolutions at which frames of several networks run quicker as one batch than as one for each."""
    software: str = ""
    """What else times depend on: versions and number format, in words."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1
    """Batches that run at once, each of them as long as the table says: it was measured with all workers busy."""
    threads: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 1
    """Processor threads of each worker."""
    sharing: int = 0
    """Of the workers, how many share their processors with the event loop and all else: the last ones."""
    division: str = ""
    """Why so many workers, in words; empty where there was no choice."""
    schema: int = SCHEMA
    host: HostCosts | None = None
    """What a frame costs the machine beside the device; None where that was not measured."""
    model: str = ""
    """What the model is called; empty in profiles of the time when there was one."""

    def __post_init__(self) -> None:
        lengths = {len(entry.p50_s) for entry in self.latencies} | {len(entry.p99_s) for entry in self.latencies}
        if len(lengths) != 1 or 0 in lengths:
            raise InputError("profile: every variant needs the same number (at least one) of p50_s and p99_s entries")
        further = [times for entry in self.latencies for times in (entry.prepare_s, entry.occupancy_s) if times]
        if {len(times) for times in further} - lengths or not all(0 <= each < 3600 for row in further for each in row):
            raise InputError("profile: prepare_s and occupancy_s are seconds, one for each entry of p50_s, or left out")
        values = [seconds for entry in self.latencies for seconds in (*entry.p50_s, *entry.p99_s, *entry.occupancy_s)]
        if not all(0 < seconds < float("inf") for seconds in values):
            raise InputError("profile: every latency must be a positive number of seconds")

    @property
    def subject(self) -> Subject:
        """What it is of."""
        return Subject(self.device, self.hardware, self.weights, self.software, self.model)

    @property
    def measured_on(self) -> str:
        """Hardware and software in words."""
        return ", ".join(filter(None, (self.hardware, self.software)))

    def beside_cameras(self) -> LatencyProfile:
        """Where cameras are emulated on the same processors: they take those that workers would share."""
        return msgspec.structs.replace(self, workers=self.workers - self.sharing, sharing=0)

    @property
    def max_batch(self) -> int:
        """Largest batch size in the table."""
        return len(self.latencies[0].p50_s)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants in the table, in its order."""
        return tuple(entry.variant for entry in self.latencies)

    def of(self, variant: Variant) -> VariantLatency:
        """The entry of `variant`; KeyError if the device was not profiled with it."""
        for entry in self.latencies:
            if entry.variant == variant:
                return entry
        raise KeyError(variant.name)
