"""Where a simulated run takes place: what frames, batches and plans cost there, beside the device or on its cores.

Two places: one where nothing is short, as before there were hosts in scenarios, and a machine with so many cores.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Protocol

from jellyfish.devices.process import worker_cores
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.errors import InputError
from jellyfish.lab.simulation.machine import Machine, Threads
from jellyfish.lab.simulation.model import SimulatedModel
from jellyfish.lab.simulation.scenario import Bystander, Host
from jellyfish.lab.simulation.timed_executor import Take, asleep
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from jellyfish.server.host_meter import HostParts, ProcessorTime

CONTROL_BYTES = 1024
"""What comes to the server in larger pieces is a frame."""
ARRIVAL, ANSWER = 0.5, 0.25
"""Shares of what the event loop does for a frame: when it comes, and for each of the two messages that answer it."""
PROCESSOR = "cpu"
"""The device whose workers are on the machine's own cores."""


class Place(Protocol):
    """What a run is charged."""

    async def decode(self, resolution: int) -> None:
        """The server decodes a frame."""
        ...

    async def capture(self) -> None:
        """A camera decodes the next frame of its video."""
        ...

    async def encode(self, resolution: int) -> None:
        """A camera scales and encodes a frame."""
        ...

    def taking(self, profile: LatencyProfile) -> Take:
        """How batches of a device spend their time; `profile`: as it was measured."""
        ...

    async def plan(self, seconds: float) -> None:
        """The planner has worked so long."""
        ...

    def beside(self, start_s: float, bystanders: Iterable[Bystander]) -> Sequence[Awaitable[None]]:
        """What runs beside, in a run that starts at `start_s`."""
        ...

    def host(self) -> HostParts | None:
        """What the server reads its load by; None where nothing is short."""
        ...


class Elsewhere:
    """Encoding and decoding take their time, as if each frame had cores of its own; all else is free."""

    def __init__(self, host: Host) -> None:
        self._encode_s, self._decode_s = host.encode_ms / 1000, host.decode_ms / 1000

    async def decode(self, resolution: int) -> None:
        """See `Place`."""
        await asyncio.sleep(self._decode_s)

    async def capture(self) -> None:
        """Free."""

    async def encode(self, resolution: int) -> None:
        """See `Place`."""
        await asyncio.sleep(self._encode_s)

    def taking(self, profile: LatencyProfile) -> Take:
        """Every device has cores of its own."""
        return asleep

    async def plan(self, seconds: float) -> None:
        """It has a core of its own."""
        await asyncio.sleep(seconds)

    def beside(self, start_s: float, bystanders: Iterable[Bystander]) -> Sequence[Awaitable[None]]:
        """Nobody."""
        return ()

    def host(self) -> HostParts | None:
        """See `Place`."""
        return None


class OnMachine:
    """Everything is done on the cores of one machine; cameras on them too, or on others."""

    def __init__(self, host: Host, costs: HostCosts, halves: bool, loop: VirtualLoop) -> None:
        """`halves`: whether one half of the cores is for workers alone."""
        self._host, self._costs = host, costs
        self._machine = Machine(loop, host.cores, halves)
        self._loop, self._spent = loop, ProcessorTime(0.0, 0.0, 0.0)
        loop.on_message = self._message

    def host(self) -> HostParts | None:
        """See `Place`."""
        return HostParts(self._host.cores, lambda: self._spent)

    def _codec_s(self, usual_s: float) -> float:
        """What a codec that is begun now takes."""
        share = self._costs.codec_rested
        return usual_s * (1 + share if self._machine.rested(roams=True) else 1 - share)

    def _loop_s(self, usual_s: float) -> float:
        """What the event loop takes for something that it does now."""
        share = self._costs.loop_rested
        return usual_s * (1 + share if self._machine.rested(roams=False) else 1 - share)

    def _spend(self, usual_s: float) -> None:
        """The event loop works; what that takes longer it waits for a core."""
        seconds = self._loop_s(usual_s)
        began_s = self._loop.time()
        self._machine.spend(seconds)
        loop_s, waited_s, decoding_s = self._spent
        waited_s += self._loop.time() - began_s - seconds
        self._spent = ProcessorTime(loop_s + seconds, waited_s, decoding_s)

    def _message(self, to_server: bool, size_bytes: int) -> None:
        """The event loop deals with something that has come."""
        costs = self._costs
        if to_server:
            self._spend(ARRIVAL * costs.server_s if size_bytes >= CONTROL_BYTES else 0.0)
        else:
            self._spend(ANSWER * (costs.server_s + (costs.camera_s if self._host.cameras else 0.0)))

    async def decode(self, resolution: int) -> None:
        """See `Place`."""
        seconds = self._codec_s(self._costs.decoding_s(resolution))
        await self._machine.decode(seconds)
        self._spent = self._spent._replace(decoding_s=self._spent.decoding_s + seconds)

    async def capture(self) -> None:
        """See `Place`; the camera's half of the event loop's work is charged here."""
        if self._host.cameras:
            self._spend((1 - 2 * ANSWER) * self._costs.camera_s)
            await self._machine.encode(self._codec_s(self._costs.capture_s))

    async def encode(self, resolution: int) -> None:
        """See `Place`."""
        usual_s = self._costs.encoding_s(resolution)
        if self._host.cameras:
            await self._machine.encode(self._codec_s(usual_s))
        else:
            await asyncio.sleep(usual_s)

    def taking(self, profile: LatencyProfile) -> Take:
        """A GPU has its own; workers of `cpu` are where those of a real one are."""
        if profile.device != PROCESSOR:
            return asleep
        cores = worker_cores(range(self._host.cores), profile.workers, profile.threads)
        threads = [_threads(each, profile.threads, self._host.cores // 2) for each in cores]

        async def take(seconds: float, worker: int, resolution: int, frames: int) -> float:
            hand_s = min(seconds, frames * self._costs.handing_s(resolution))
            await self._machine.hand(hand_s)
            await self._machine.batch(seconds - hand_s, threads[worker])
            return 0.0

        return take

    async def plan(self, seconds: float) -> None:
        """See `Place`."""
        await self._machine.solve(seconds)

    def beside(self, start_s: float, bystanders: Iterable[Bystander]) -> Sequence[Awaitable[None]]:
        """Processes that take cores for a time."""
        return [self._bystander(start_s, each) for each in bystanders]

    async def _bystander(self, start_s: float, bystander: Bystander) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(start_s + bystander.at_s - loop.time())
        stop = self._machine.bystander(bystander.half, bystander.cores, bystander.weight)
        try:
            await asyncio.sleep(start_s + bystander.end_s - loop.time())
        finally:
            stop()


def place_of(host: Host, models: Mapping[str, SimulatedModel], loop: VirtualLoop) -> Place:
    """Where a scenario takes place. InputError where its costs are to be had nowhere."""
    if not host.cores:
        return Elsewhere(host)
    halves = any(model.profile.device == PROCESSOR for model in models.values())
    return OnMachine(host, host_costs(host, next(iter(models.values()))), halves, loop)


def _threads(cores: frozenset[int], count: int, half: int) -> Threads:
    """Of a worker that keeps to `cores`; the machine's first half are those below `half`."""
    first = min(count, sum(core < half for core in cores))
    return Threads(first, count - first)


def host_costs(host: Host, model: SimulatedModel) -> HostCosts:
    """What the scenario or the model's profile says."""
    if host.costs == "measured":
        if model.profile.host is None:
            raise InputError(
                "the model's profile does not say what its host costs; measure one with `jellyfish profile`"
            )
        return model.profile.host
    ladder = model.description.ladder
    pixels = [size.width * size.height for size in ladder.values()]
    return HostCosts(
        resolutions=tuple(ladder),
        decode_s=tuple(host.decode_ms / 1000 + host.decode_pixel_ns / 1e9 * each for each in pixels),
        encode_s=len(ladder) * (host.encode_ms / 1000,),
        hand_s=len(ladder) * (host.hand_ms / 1000,),
        capture_s=host.capture_ms / 1000,
        server_s=host.server_ms / 1000,
        camera_s=host.camera_ms / 1000,
    )
