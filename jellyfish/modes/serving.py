"""A server put together: weights, devices, queues, sessions, control loop and sockets, warm and ready.

Used by `serve` and, in the same process as its cameras, by `bench`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from aiohttp import web
from numpy.typing import NDArray

from jellyfish.config import ServerConfig
from jellyfish.control.capacity import violations
from jellyfish.control.loop import ControlLoop, WindowRecord
from jellyfish.control.planners import make_planner
from jellyfish.control.planners.fixed import FixedPlanner, accept
from jellyfish.control.problem import Problem
from jellyfish.core import RESOLUTIONS, Variant, fitted_size
from jellyfish.dispatch.dispatcher import Dispatcher
from jellyfish.dispatch.executor import TorchExecutor, detect_images
from jellyfish.dispatch.request import Answered, Request
from jellyfish.errors import InputError, RunError
from jellyfish.media.jpeg import decode_jpeg, encode_jpeg
from jellyfish.media.resize import fit
from jellyfish.model.engine import DetectorEngine
from jellyfish.model.weights import Weights, load_weights
from jellyfish.profile.hardware import processor_name
from jellyfish.profile.measure import Subject, measure_profile
from jellyfish.profile.store import find_profile, load_profile, save_profile
from jellyfish.profile.table import LatencyProfile
from jellyfish.server.app import create_app
from jellyfish.server.service import Service

QUICK_PROFILE_S = 15.0
"""Time for a profile that is made because none exists; a user waits for it."""
PROBE_DEADLINE_S = 30.0

Report = Callable[[str, int, int], None]
"""Told what is being done, and how far it is: (words, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers."""

    url: str
    service: Service
    weights: Weights
    profiles: tuple[LatencyProfile, ...]
    dispatchers: tuple[Dispatcher, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """A device with everything that belongs to it."""

    name: str
    engine: DetectorEngine
    profile: LatencyProfile
    executor: TorchExecutor


def set_threads(threads: int | None) -> int:
    """Set torch's threads: by default one core is left to sockets, decoding and the event loop."""
    count = threads or max(1, (os.cpu_count() or 2) - 1)
    torch.set_num_threads(count)
    return count


def torch_device(name: str) -> torch.device:
    """The device called `cpu`, `cuda` or `cuda:N`; InputError when this machine has none such."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"unknown device {name!r}: use cpu or cuda:N") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise InputError(f"device {name!r}: this machine has no usable CUDA GPU; use --device cpu")
        if (device.index or 0) >= torch.cuda.device_count():
            raise InputError(f"device {name!r}: there are {torch.cuda.device_count()} GPUs, numbered from 0")
    elif device.type != "cpu":
        raise InputError(f"device {name!r} is not supported: use cpu or cuda:N")
    return device


def hardware_name(device: torch.device, threads: int) -> str:
    """What the device is, in words."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name(threads)


def parse_variant(name: str, known: Sequence[Variant]) -> Variant:
    """The variant called `name`; InputError that lists them."""
    for variant in known:
        if variant.name == name:
            return variant
    raise InputError(f"unknown variant {name!r}: choose one of {', '.join(variant.name for variant in known)}")


def profile_device(
    engine: DetectorEngine, subject: Subject, max_batch: int, budget_s: float | None, report: Report
) -> LatencyProfile:
    """Measure `engine` and save the profile where the next start finds it."""
    words = f"measuring {subject.device}" + ("" if budget_s is None else " (no saved profile: a quick one)")
    profile = measure_profile(
        partial(detect_images, engine), subject, engine.variants(), max_batch, budget_s, partial(report, words)
    )
    save_profile(profile)
    return profile


def open_devices(config: ServerConfig, weights: Weights, report: Report) -> list[Device]:
    """Every configured device, profiled."""
    if config.profile is not None and len(config.devices) > 1:
        raise InputError("a profile file is for one device: give one --device, or no --profile")
    threads = set_threads(config.threads)
    devices = []
    for name in config.devices:
        device = torch_device(name)
        engine = DetectorEngine(weights, device)
        subject = Subject(name, hardware_name(device, threads), weights.card.sha256)
        if config.profile is not None:
            profile = load_profile(config.profile)
        else:
            profile = find_profile(name, subject.hardware, subject.weights) or profile_device(
                engine, subject, config.max_batch, QUICK_PROFILE_S, report
            )
        missing = set(engine.variants()) - set(profile.variants)
        if missing:
            raise InputError(f"the profile of {name} lacks the variant {min(missing).name}; run `jellyfish profile`")
        devices.append(Device(name, engine, profile, TorchExecutor(engine, name)))
    return devices


@contextlib.asynccontextmanager
async def serving(
    config: ServerConfig, on_window: Callable[[WindowRecord, Service], None], report: Report
) -> AsyncIterator[RunningServer]:
    """A ready server for the time of the context; it drains on the way out."""
    loop = asyncio.get_running_loop()
    weights = load_weights(config.weights)
    fixed = None if config.variant is None else parse_variant(config.variant, weights.variants())
    variants = weights.variants() if fixed is None else (fixed,)
    make_planner(config.planner, seed=0)  # an unknown name is refused before minutes of measuring
    devices = await loop.run_in_executor(None, open_devices, config, weights, report)
    max_batch = min(config.max_batch, *(device.profile.max_batch for device in devices))
    for device in devices:
        await device.executor.warm(variants, max_batch, partial(report, f"warming up {device.name}"))
    dispatchers = [Dispatcher(device.executor, device.profile, variants[0], max_batch) for device in devices]
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 2, thread_name_prefix="decode")
    offload = partial(loop.run_in_executor, pool)
    service = Service(dispatchers, variants, weights, _decoder(config, offload), config.limits)
    control = ControlLoop(
        partial(_observe, service),
        service.apply,
        make_planner(config.planner, seed=0) if fixed is None else FixedPlanner(fixed, max_batch),
        lambda record: on_window(record, service),
        offload,
        config.window_s,
        check=violations if fixed is None else accept,
    )
    service.on_change = control.kick
    tasks = [asyncio.create_task(dispatcher.run()) for dispatcher in dispatchers]
    tasks.append(asyncio.create_task(control.run()))
    runner = web.AppRunner(create_app(service), access_log=None, shutdown_timeout=1.0)
    try:
        url = await _listen(runner, config)
        await _probe(service)
        gc.collect()
        gc.freeze()
        service.ready = True
        yield RunningServer(url, service, weights, tuple(d.profile for d in devices), tuple(dispatchers))
    finally:
        await service.drain()
        await runner.cleanup()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        pool.shutdown(wait=False, cancel_futures=True)
        for device in devices:
            device.executor.close()


def _observe(service: Service) -> Problem:
    return service.observe(asyncio.get_running_loop().time())


def _decoder(config: ServerConfig, offload: Callable[..., Any]) -> Callable[[bytes], Any]:
    """JPEG bytes -> image no larger than the largest canvas, decoded off the loop."""
    return partial(offload, _decode_frame, config.limits.image_side)


def _decode_frame(max_side: int, jpeg: bytes) -> NDArray[np.uint8]:
    """A frame as RGB, scaled down if it is larger than any variant needs, so that queues stay small."""
    image = decode_jpeg(jpeg, max_side, max_side)
    height, width = image.shape[:2]
    fitted = fitted_size(width, height, RESOLUTIONS[-1])
    return image if fitted == (width, height) else fit(image, *fitted)


async def _listen(runner: web.AppRunner, config: ServerConfig) -> str:
    """Start listening; the stream's URL."""
    await runner.setup()
    try:
        await web.TCPSite(runner, config.host, config.port).start()
    except OSError as error:
        raise InputError(f"cannot listen on {config.host}:{config.port}: {error.strerror}; try another --port") from error
    port = runner.addresses[0][1]
    return f"ws://{config.host}:{port}/v1/stream"


async def _probe(service: Service) -> None:
    """Send one frame the whole way, decoder and device included, on every device."""
    loop = asyncio.get_running_loop()
    image = await service.decode(encode_jpeg(np.full((360, 640, 3), 128, np.uint8)))
    for name, dispatcher in service.dispatchers.items():
        done: asyncio.Future[Any] = loop.create_future()
        dispatcher.submit(Request("probe", 0, loop.time() + PROBE_DEADLINE_S, loop.time(), image, done))
        outcome = await done
        if not isinstance(outcome, Answered):
            raise RunError(f"device {name} did not answer the probe frame: {outcome.reason}")
