"""The devices of a run that answer each frame themselves: their small networks, and what comes of their frames.

Whoever loads this file loads torch: `jellyfish.modes.edge` does so when all else is known to be right.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import aiohttp
import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from jellyfish.clock import seconds_now
from jellyfish.config import CLOUD_FILTERS, DeviceConfig, DevicesConfig
from jellyfish.core import Detection, Variant, canvas_size
from jellyfish.devices.executor import detect_images
from jellyfish.devices.workers import set_threads
from jellyfish.edge.edge_device import EdgeDevice, EdgeParts, EdgeTerms
from jellyfish.edge.fusion.detections import HISTORY_STEPS, LOCAL_SCORE_THRESHOLD, DetectionFusion
from jellyfish.edge.fusion.filters import Filter, Periodic, Transition
from jellyfish.edge.fusion.gain import ExpectedGain
from jellyfish.errors import RunError
from jellyfish.link.shaper import Shaper
from jellyfish.models.slimmable.engine import DetectorEngine
from jellyfish.models.slimmable.weights import Weights, load_weights
from jellyfish.modes.device_inputs import DeviceInputs
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.run import START_PAUSE_S, running_beside
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.fusion import FusionTally
from jellyfish.results.records import FrameRecord
from jellyfish.results.summary import RunSummary, Summary
from jellyfish.results.writer import ResultWriter

FILTERS: dict[str, Callable[[int], Filter]] = dict(
    zip(CLOUD_FILTERS, (Periodic, Transition, ExpectedGain), strict=True)
)
WARM_UP_RUNS = 20
PROGRESS_PERIOD_S = 1.0


class EngineNetwork:
    """A size of the slimmable detector on a thread of its own: one device's small network."""

    device = "local"

    def __init__(self, engine: DetectorEngine, variant: Variant, threshold: float) -> None:
        self.name, self.threshold = variant.name, threshold
        self._engine, self._variant = engine, variant
        self._least = min(threshold, LOCAL_SCORE_THRESHOLD)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="local", initializer=partial(set_threads, 1))

    def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
        """Those too that are too unlikely to answer with: fusion makes something of them."""
        return self._engine.detect(canvases, variant, self._least)

    async def run(self, image: NDArray[np.uint8]) -> list[Detection]:
        """See `LocalNetwork.run`."""
        loop = asyncio.get_running_loop()
        (found,) = await loop.run_in_executor(self._worker, detect_images, self, self._variant, [image])
        return found

    async def warm(self) -> None:
        """The first runs of a network take much longer than any after them."""
        height, width = canvas_size(self._variant.resolution)
        for _ in range(WARM_UP_RUNS):
            await self.run(np.zeros((height, width, 3), np.uint8))

    def close(self) -> None:
        """End the thread."""
        self._worker.shutdown(wait=True, cancel_futures=True)


class EdgeFleet:
    """The devices of one run, from their videos to their figures."""

    def __init__(
        self, config: DevicesConfig, inputs: Mapping[str, DeviceInputs], stack: contextlib.AsyncExitStack
    ) -> None:
        """`inputs`: of each device by its name."""
        self._config, self._inputs = config, inputs
        self._loop = asyncio.get_running_loop()
        weights = load_weights(config.weights)
        self._pool = ThreadPoolExecutor(max_workers=2 + 2 * len(config.devices), thread_name_prefix="device")
        stack.callback(self._pool.shutdown, wait=True, cancel_futures=True)  # before the files that its threads read
        self._networks = {name: _network(each.variant, weights) for name, each in inputs.items()}
        for network in self._networks.values():
            stack.callback(network.close)
        self._cloud_threshold = weights.score_threshold(weights.variants()[-1])
        self._devices: dict[str, EdgeDevice] = {}
        self._summary, self._tallies = RunSummary(), {each.name: FusionTally() for each in config.devices}

    @property
    def device_names(self) -> list[str]:
        """Small networks, for the run's header."""
        return [f"{name}: {network.name}" for name, network in self._networks.items()]

    async def go(
        self, http: aiohttp.ClientSession, url: str, writer: ResultWriter, windows: WindowLog, progress: ProgressReport
    ) -> Summary:
        """All devices from their start to their farewell, then the figures."""
        for network in self._networks.values():
            await network.warm()
        start_s = seconds_now() + START_PAUSE_S
        windows.start(writer.window, start_s)
        phases = random.Random(self._config.seed)
        async with running_beside(self._tell(start_s, progress)), asyncio.TaskGroup() as fleet:
            for config in self._config.devices:
                device = self._device(config, start_s, writer)
                self._devices[config.name] = device
                first_s = start_s + phases.random() / device.terms.fps
                fleet.create_task(device.run(http, url, first_s, start_s + self._config.duration_s))
        return self._figures(writer, windows)

    def _device(self, config: DeviceConfig, start_s: float, writer: ResultWriter) -> EdgeDevice:
        source, trace, _ = self._inputs[config.name]
        fps = config.fps or source.fps
        network = self._networks[config.name]
        terms = EdgeTerms(config.name, fps, config.slo_s, fps / config.period, HISTORY_STEPS / fps)
        parts = EdgeParts(
            source=source,
            network=network,
            fusion=DetectionFusion(network.threshold, self._cloud_threshold),
            filter=FILTERS[config.filter](config.period),
            uplink=Shaper(trace and trace.shifted(-start_s), config.delay_s),
            downlink=Shaper(None, config.delay_s),
            offload=partial(self._loop.run_in_executor, self._pool),
        )

        def emit(record: FrameRecord) -> None:
            writer.frame(record, seconds_now())
            self._summary.add(record)
            self._tallies[config.name].add(record)

        return EdgeDevice(terms, parts, start_s, emit)

    async def _tell(self, start_s: float, progress: ProgressReport) -> None:
        total = round(self._config.duration_s)
        words = f"{len(self._config.devices)} device{'s' * (len(self._config.devices) > 1)}, {total} s"
        while True:
            elapsed_s = max(0.0, seconds_now() - start_s)
            progress(words, min(total, int(elapsed_s)), total)
            await asyncio.sleep(PROGRESS_PERIOD_S)

    def _figures(self, writer: ResultWriter, windows: WindowLog) -> Summary:
        captured = {name: device.account.frames for name, device in self._devices.items()}
        figures = {
            name: tally.figures(self._config.duration_s, self._devices[name].score.f1())
            for name, tally in self._tallies.items()
        }
        planner = windows.tally.figures() if self._config.cloud is None else None
        summary = self._summary.summary(self._config.duration_s, captured, planner=planner)
        summary = msgspec.structs.replace(summary, fusion=figures)
        writer.summary(summary)
        for name, device in self._devices.items():
            if device.cloud.agrees is False:
                raise RunError(f"{name}: the server's account {device.cloud.stream.farewell} is not the device's")
        return summary

    def notes(self) -> list[str]:
        """What else a person should know: whether the cloud was there, and agrees."""
        lines = []
        for name, device in self._devices.items():
            if device.cloud.agrees is None:
                said = device.cloud.stream.refusal
                lines.append(f"{name}: no farewell from the cloud" + (f"; it last said: {said}" if said else "."))
        return lines or ["Devices and cloud agree on every frame that was sent."]


def _network(variant: Variant, weights: Weights) -> EngineNetwork:
    engine = DetectorEngine(weights, torch.device("cpu"))
    return EngineNetwork(engine, variant, weights.score_threshold(variant))
