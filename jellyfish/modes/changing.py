"""Another model in the place of the one that serves: opened beside it, tried on frames, and put in, or refused.

For a while both are loaded. Where nobody has measured the new one on a device of this machine that is done first,
beside the cameras, which then miss frames: `jellyfish profile` before spares them that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np

from jellyfish.config import CLIENTS_CHOOSE, ServerConfig
from jellyfish.core import Variant
from jellyfish.devices.naming import parse_variant
from jellyfish.devices.opening import OpenDevice, open_devices
from jellyfish.devices.profile.given import check_profile
from jellyfish.devices.profile.pareto import pareto_front
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.devices.workers import Report
from jellyfish.dispatch.warmth import Warmth
from jellyfish.errors import InputError
from jellyfish.models.model import Description, Model
from jellyfish.models.opening import open_model
from jellyfish.modes.assembly import Assembly, PlanningPolicy, ServerParts
from jellyfish.modes.warming import warmed
from jellyfish.server.another_model import in_its_place
from jellyfish.server.service import Service

OpenThem = Callable[[ServerConfig, Model], Awaitable[list[OpenDevice]]]
"""Devices with their workers for a model; takes seconds, or a minute where one is measured."""


def untold(words: str, done: int, total: int) -> None:
    """Nobody is told how far it is."""


def open_beside(cores: Sequence[int], report: Report = untold) -> OpenThem:
    """Opens them on this machine, on these processors, on a thread that nobody waits for if it hangs."""

    async def opened(config: ServerConfig, model: Model) -> list[OpenDevice]:
        thread = WorkerThread("opening", begin=lambda: None)
        opening: Future[list[OpenDevice]] = thread.submit(open_devices, config, model, cores, report)
        thread.close()
        try:
            return await asyncio.shield(asyncio.wrap_future(opening))
        except asyncio.CancelledError:
            opening.add_done_callback(_close_opened)  # nobody waits for them any more
            raise

    return opened


def offered(model: Description, devices: Sequence[OpenDevice]) -> Description:
    """With what planners may choose from: what is on the Pareto front of some device's profile; all of it where no
    device is known yet."""
    if not devices:
        return model
    return model.offering({variant for device in devices for variant in pareto_front(device.profile, model.accuracy)})


def largest_batch(config: ServerConfig, model: Description, devices: Sequence[OpenDevice]) -> int:
    """The largest that all of them run."""
    return model.most(min([config.max_batch, *(device.profile.max_batch for device in devices)]))


def may_stand_in(config: ServerConfig, devices: Sequence[OpenDevice]) -> bool:
    """Whether another variant may run in place of the planned one: none that is not loaded can."""
    return config.actuation and not any(device.executor.loading for device in devices)


def parts_with(
    parts: ServerParts,
    config: ServerConfig,
    model: Description,
    devices: Sequence[OpenDevice],
    policy: Callable[[ServerConfig, Description, int], PlanningPolicy],
    warmth: Mapping[str, Warmth],
) -> ServerParts:
    """`parts` with this model on these devices; all else as it is."""
    max_batch = largest_batch(config, model, devices)
    return replace(
        parts,
        devices=[(device.executor, device.profile) for device in devices],
        model=model,
        max_batch=max_batch,
        policy=policy(config, model, max_batch),
        actuation=may_stand_in(config, devices),
        warmth=warmth,
    )


@dataclass
class ModelChanger:
    """Of one running server."""

    assembly: Assembly
    parts: ServerParts
    devices: list[OpenDevice]
    """Those that serve now."""
    policy: Callable[[ServerConfig, Description, int], PlanningPolicy]
    """Who plans, by the configuration, what is served, and the largest batch."""
    open_them: OpenThem
    changing: bool = False

    async def change(self, config: ServerConfig) -> Description:
        """Serve with the model that `config` names; what of it is served. JellyfishError where that is not to be, and
        all is as before: it cannot be opened, fails on a frame, or is none that cameras can go on with.
        """
        if self.changing:
            raise InputError("a model is being changed already")
        if config.planner == CLIENTS_CHOOSE:
            raise InputError("with --planner client cameras were told what there is to choose from: start anew")
        if config.workers.addresses:
            raise InputError("workers elsewhere run the model that they were started with: start them anew, and this")
        self.changing = True
        try:
            return await self._change(config)
        finally:
            self.changing = False

    async def _change(self, config: ServerConfig) -> Description:
        model = open_model(config.model, config.weights)
        check_profile(config, model.description)
        self._fitting(model.description)  # before anything slow begins
        devices = await self.open_them(config, model)
        try:
            served = self._fitting(self._offered(config, model.description, devices))
            warmth = await _tried(devices, config, served)
            served = self._fitting(served)  # others may have come since
        except BaseException:
            close_devices(devices)
            raise
        parts = parts_with(self.parts, config, served, devices, self.policy, warmth)
        former, self.devices, self.parts = self.devices, devices, parts
        try:
            await self.assembly.give(parts)
        finally:  # also where the server stops before the last frame is due
            close_devices(former)
        return served

    def _fitting(self, new: Description) -> Description:
        service: Service = self.assembly.service
        wanted = {each.wants_model for each in service.sessions.values() if each.wants_model is not None}
        return in_its_place(service.model, service.told, new, wanted)

    def _offered(self, config: ServerConfig, model: Description, devices: Sequence[OpenDevice]) -> Description:
        if config.variant is None:
            return offered(model, devices)
        return model.offering({parse_variant(config.variant, model.variants)})

    def close(self) -> None:
        """Give back the devices that serve now."""
        close_devices(self.devices)


async def _tried(devices: Sequence[OpenDevice], config: ServerConfig, model: Description) -> dict[str, Warmth]:
    """Run each size once on every worker of every device, on a frame of noise: what it answers has to be an answer.
    Then what else has to have run before frames come; what has by then."""
    for device in devices:
        for worker in range(device.profile.workers):
            for variant in model.variants:
                await device.executor.run([variant], [_noise(model, variant)], worker)
    tried = [replace(device, measured=True) for device in devices]
    return await warmed(tried, config, model.variants, untold)


def _noise(model: Description, variant: Variant) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    width, height = model.usual_frame(variant.resolution)
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def close_devices(devices: Sequence[OpenDevice]) -> None:
    """Give them back."""
    for device in devices:
        device.executor.close()


def _close_opened(opening: Future[list[OpenDevice]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        close_devices(opening.result())
