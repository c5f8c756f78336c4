"""A server on real devices and real sockets, warm and ready.

Used by `serve` and, in the same process as its cameras, by `bench`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from jellyfish.clock import seconds_now
from jellyfish.config import CLIENTS_CHOOSE, ServerConfig
from jellyfish.control.solving import Solve
from jellyfish.core import Variant
from jellyfish.devices.opening import OpenDevice, Report, in_words, loading_notes, open_devices, parse_variant
from jellyfish.devices.process import first_half_kept, thread_times_s, tune_process, usable_cores
from jellyfish.devices.profile.pareto import pareto_front
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.worker_thread import WorkerThread
from jellyfish.dispatch.request import Answered, Request
from jellyfish.errors import InputError, RunError
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.models.families import Detectors, open_detectors
from jellyfish.modes.assembly import OnWindow, ServerParts, assembled, policy
from jellyfish.modes.decoders import Decoders
from jellyfish.modes.solver_process import solver_process
from jellyfish.server.address import why_not_listening
from jellyfish.server.app import listening
from jellyfish.server.host_meter import HostParts, ProcessorTime
from jellyfish.server.service import Service

PROBE_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers."""

    url: str
    service: Service
    profiles: tuple[LatencyProfile, ...]
    devices: str
    """The devices in words, with the workers that each is divided into."""
    notes: Callable[[], list[str]] = list
    """What else a person should know of its devices so far."""


@contextlib.asynccontextmanager
async def serving(config: ServerConfig, on_window: OnWindow, report: Report) -> AsyncIterator[RunningServer]:
    """A ready server for the time of the context; it drains on the way out."""
    tune_process()
    detectors = open_detectors(config.weights, config.zoo, config.zoo_weights)
    fixed = None if config.variant is None else parse_variant(config.variant, detectors.variants())
    policy(config.planner, fixed, config.max_batch, config.window_s, seed=0)  # refuses a wrong name before measuring
    async with contextlib.AsyncExitStack() as stack:
        cores = usable_cores()
        if "cpu" in config.devices:
            stack.enter_context(first_half_kept(cores))
        solve = await _solver(config, stack)
        opened = partial(open_devices, config, detectors, cores, report)
        opening = WorkerThread("opening", begin=lambda: None)  # nothing waits for it where a device hangs
        stack.callback(opening.close)
        devices = await asyncio.wrap_future(opening.submit(opened))
        stack.callback(_close, devices)
        variants = _offered(detectors, devices) if fixed is None else (fixed,)
        await _warm(devices, config, variants, report)
        parts = _parts(config, detectors, variants, devices, solve, stack)
        service = await stack.enter_async_context(assembled(parts, on_window))
        url = await stack.enter_async_context(listening_at(service, config.host, config.port))
        await _probe(service)
        gc.collect()
        gc.freeze()
        service.ready = True
        profiles = tuple(device.profile for device in devices)
        yield RunningServer(url, service, profiles, in_words(devices), partial(loading_notes, devices))


async def _solver(config: ServerConfig, stack: contextlib.AsyncExitStack) -> Solve | None:
    """The planner's process, started early, for it needs a moment; None where nothing is searched for."""
    if config.variant is not None or config.planner == CLIENTS_CHOOSE:
        return None
    return (await stack.enter_async_context(solver_process(config.planner, seed=0))).solve


def _offered(detectors: Detectors, devices: list[OpenDevice]) -> tuple[Variant, ...]:
    """What planners may choose from: what is on the Pareto front of some device's profile."""
    fronts = {variant for device in devices for variant in pareto_front(device.profile, detectors.accuracy)}
    return tuple(variant for variant in detectors.variants() if variant in fronts)


async def _warm(devices: list[OpenDevice], config: ServerConfig, variants: tuple[Variant, ...], report: Report) -> None:
    """Run every (variant, batch) that can run on each device once."""
    for device in devices:
        max_batch = min(config.max_batch, device.profile.max_batch)
        await device.executor.warm(variants, max_batch, partial(report, f"warming up {device.name}"))


def _parts(
    config: ServerConfig,
    detectors: Detectors,
    variants: tuple[Variant, ...],
    devices: list[OpenDevice],
    solve: Solve | None,
    stack: contextlib.AsyncExitStack,
) -> ServerParts:
    """What the server is made of. Decoders have threads of their own."""
    decoders = Decoders(os.cpu_count() or 2, config.limits.image_side)
    stack.push_async_callback(decoders.close)
    max_batch = min(config.max_batch, *(device.profile.max_batch for device in devices))
    return ServerParts(
        devices=[(device.executor, device.profile) for device in devices],
        variants=variants,
        accuracy=detectors,
        max_batch=max_batch,
        decode=decoders.decode,
        decode_large=decoders.decode_large,
        policy=policy(
            config.planner,
            variants[0] if config.variant else None,
            max_batch,
            config.window_s,
            seed=0,
            care=config.care,
            target=config.target,
            share=config.planning_share,
            solve=solve,
        ),
        limits=config.limits,
        actuation=config.actuation and config.zoo is None,  # a network that is not loaded cannot stand in
        host=HostParts(decoders.threads, lambda: ProcessorTime(*thread_times_s(), decoders.spent_s)),
    )


def _close(devices: list[OpenDevice]) -> None:
    for device in devices:
        device.executor.close()


@contextlib.asynccontextmanager
async def listening_at(service: Service, host: str, port: int) -> AsyncIterator[str]:
    """Accept streams for the time of the context, then drain; the stream's URL. InputError if that cannot be."""
    name = f"[{host}]" if ":" in host else host
    async with contextlib.AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(listening(service, host, port))
        except (OSError, UnicodeError) as error:
            raise InputError(f"cannot listen on {name}:{port}: {why_not_listening(error)}") from error
        yield f"ws://{name}:{server.sockets[0].getsockname()[1]}/v1/stream"


async def _probe(service: Service) -> None:
    """Send one frame the whole way, decoder and device included, on every device."""
    loop = asyncio.get_running_loop()
    decode = service.decoding.for_client("probe", fps=1.0)
    image = await decode(encode_jpeg(np.full((360, 640, 3), 128, np.uint8)), seconds_now() + PROBE_DEADLINE_S)
    for name, dispatcher in service.dispatchers.items():
        done: asyncio.Future[Any] = loop.create_future()
        dispatcher.submit(Request("probe", 0, seconds_now() + PROBE_DEADLINE_S, seconds_now(), image, done))
        outcome = await done
        if not isinstance(outcome, Answered):
            raise RunError(f"device {name} did not answer the probe frame: {outcome.reason}")
