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

from jellyfish.clock import seconds_now
from jellyfish.config import CLOUD_FILTERS, DeviceConfig, DevicesConfig
from jellyfish.edge.edge_device import EdgeDevice, EdgeParts, EdgeTerms
from jellyfish.edge.fusion.detections import HISTORY_STEPS
from jellyfish.edge.fusion.filters import Filter, Periodic, Transition
from jellyfish.edge.fusion.gain import ExpectedGain
from jellyfish.errors import InputError, RunError
from jellyfish.link.shaper import Shaper
from jellyfish.modes.device_inputs import DeviceInputs, small_model
from jellyfish.modes.edge_networks import small_network
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.run import START_PAUSE_S, end_early, logged_stream, running_beside, timeline_from
from jellyfish.modes.window_log import WindowLog
from jellyfish.program.stopping import Stop
from jellyfish.protocol import wire
from jellyfish.results.fusion import FusionTally
from jellyfish.results.records import FrameRecord, Timeline
from jellyfish.results.streams import AgreementFigures, OutageTally, agreement, agreement_in_words, outages_in_words
from jellyfish.results.summary import RunSummary, Summary
from jellyfish.results.writer import ResultWriter

FILTERS: dict[str, Callable[[int], Filter]] = dict(
    zip(CLOUD_FILTERS, (Periodic, Transition, ExpectedGain), strict=True)
)
MOST_OWN_FPS = 60.0
"""A device captures as many frames a second as its video has, if nobody says otherwise, but no more than cameras do."""
PROGRESS_PERIOD_S = 1.0


class EdgeFleet:
    """The devices of one run, from their videos to their figures."""

    def __init__(
        self, config: DevicesConfig, inputs: Mapping[str, DeviceInputs], stack: contextlib.AsyncExitStack
    ) -> None:
        """`inputs`: of each device by its name."""
        self._config, self._inputs = config, inputs
        self._loop = asyncio.get_running_loop()
        model = small_model(config.fusion, config.weights)
        self._sources = {name: each.source for name, each in inputs.items()}
        self._pool = ThreadPoolExecutor(max_workers=2 + 2 * len(config.devices), thread_name_prefix="device")
        stack.callback(self._pool.shutdown, wait=True, cancel_futures=True)  # before the files that its threads read
        self._networks = {
            name: small_network(config.fusion, model, each.variant, config.weights) for name, each in inputs.items()
        }
        for network in self._networks.values():
            stack.callback(network.close)
        self._terms = {each.name: edge_terms(each, self._sources[each.name].fps) for each in config.devices}
        self.model = model.description
        """What the small networks are sizes of."""
        self._devices: dict[str, EdgeDevice] = {}
        self._running: dict[asyncio.Task[None], Callable[[], bool]] = {}
        self._start_s, self._duration_s, self._stopped = 0.0, config.duration_s, False
        self._summary, self._tallies = RunSummary(), {each.name: FusionTally() for each in config.devices}
        self._outages = OutageTally()

    @property
    def device_names(self) -> list[str]:
        """Small networks, for the run's header."""
        return [f"{name}: {network.name}" for name, network in self._networks.items()]

    async def go(
        self,
        http: aiohttp.ClientSession,
        url: str,
        writer: ResultWriter,
        windows: WindowLog,
        progress: ProgressReport,
        stop: Stop,
    ) -> Summary:
        """All devices from their start to their farewell, then the figures."""
        for network in self._networks.values():
            await network.warm()
        self._start_s = seconds_now() + START_PAUSE_S
        timeline = timeline_from(self._start_s)
        windows.start(writer.window, timeline)
        with stop.in_order(self._stop):
            async with running_beside(self._tell(progress)), asyncio.TaskGroup() as fleet:
                self._begin(fleet, http, url, writer, timeline)
        return self._figures(writer, windows)

    def _begin(
        self, fleet: asyncio.TaskGroup, http: aiohttp.ClientSession, url: str, writer: ResultWriter, timeline: Timeline
    ) -> None:
        phases, end_s = random.Random(self._config.seed), self._start_s + self._config.duration_s
        for config in self._config.devices:
            device = self._device(config, timeline, writer)
            self._devices[config.name] = device
            first_s = self._start_s + phases.random() / device.terms.fps
            self._running[fleet.create_task(device.run(http, url, first_s, end_s))] = device.stop

    def _stop(self) -> None:
        self._stopped = True
        self._duration_s = min(self._duration_s, max(0.0, seconds_now() - self._start_s))
        end_early(self._running)

    def _device(self, config: DeviceConfig, timeline: Timeline, writer: ResultWriter) -> EdgeDevice:
        source, trace, _ = self._inputs[config.name]
        network = self._networks[config.name]
        parts = EdgeParts(
            source=source,
            network=network,
            fusion=network.fusion(),
            filter=FILTERS[config.filter](config.period),
            uplink=Shaper(trace and trace.shifted(-timeline.start_s), config.delay_s),
            downlink=Shaper(None, config.delay_s),
            offload=partial(self._loop.run_in_executor, self._pool),
        )

        def emit(record: FrameRecord) -> None:
            writer.frame(record, seconds_now())
            self._summary.add(record)
            self._tallies[config.name].add(record)

        stream = logged_stream(config.name, timeline, writer, self._outages)
        return EdgeDevice(self._terms[config.name], parts, timeline, emit, stream)

    async def _tell(self, progress: ProgressReport) -> None:
        total = round(self._config.duration_s)
        words = f"{len(self._config.devices)} device{'s' * (len(self._config.devices) > 1)}, {total} s"
        say_s = PROGRESS_PERIOD_S
        while True:
            elapsed_s = max(0.0, seconds_now() - self._start_s)
            away_s = self._away_s()
            note = "" if away_s is None else f"no server since {away_s:.0f} s"
            progress(words, min(total, int(elapsed_s)), total, note)
            if away_s is None:
                say_s = PROGRESS_PERIOD_S
            elif away_s >= say_s:
                progress.say(note)
                say_s = 2 * away_s
            await asyncio.sleep(PROGRESS_PERIOD_S)

    def _away_s(self) -> float | None:
        """For how long there has been no server, of whoever lacks one longest; None where all have one."""
        now = seconds_now()
        away = [device.cloud.stream.away_s(now) for device in self._devices.values()]
        return max((seconds for seconds in away if seconds is not None), default=None)

    def _figures(self, writer: ResultWriter, windows: WindowLog) -> Summary:
        captured = {name: device.account.frames for name, device in self._devices.items()}
        figures = {
            name: tally.figures(self._duration_s, self._devices[name].score.f1())
            for name, tally in self._tallies.items()
        }
        planner = windows.tally.figures() if self._config.cloud is None else None
        summary = self._summary.summary(
            self._duration_s,
            captured,
            planner=planner,
            agreement=self._agreement(),
            outages=self._outages.figures(),
        )
        losses = {file: words for source in self._sources.values() for file, words in source.losses.items()}
        summary = msgspec.structs.replace(summary, fusion=figures, stopped=self._stopped, incomplete_videos=losses)
        writer.summary(summary)
        for name, device in self._devices.items():
            if device.cloud.agrees is False:
                raise RunError(f"{name}: the server's account {device.cloud.stream.farewell} is not the device's")
        return summary

    def _agreement(self) -> AgreementFigures:
        return agreement([device.cloud.account for device in self._devices.values()])

    def refused(self) -> str | None:
        """What the cloud said to a device that it will not take; None where there is none such."""
        streams = {name: device.cloud.stream for name, device in self._devices.items()}
        return next((f"{name}: {stream.refusal}" for name, stream in streams.items() if stream.given_up), None)

    def notes(self) -> list[str]:
        """What else a person should know: how far the cloud agrees, when there was none and why, and of labels."""
        lines = [
            agreement_in_words(self._agreement(), "Devices and cloud"),
            *outages_in_words(self._outages.figures()),
        ]
        streams = {name: device.cloud.stream for name, device in self._devices.items()}
        said = {name: stream.refusal or stream.unreachable for name, stream in streams.items()}
        lines += [f"{name}: {words}" for name, words in said.items() if words]
        return lines + list(
            dict.fromkeys(note for source in self._sources.values() for note in source.label_notes(self.model.classes))
        )


def edge_terms(config: DeviceConfig, video_fps: float) -> EdgeTerms:
    """What a device captures and asks of its cloud. InputError for so few frames that no server would take it."""
    fps = config.fps or min(video_fps, MOST_OWN_FPS)
    cloud_fps, patience_s = fps / config.period, min(HISTORY_STEPS / fps, wire.LONGEST_SLO_MS / 1000)
    if cloud_fps < wire.LEAST_FPS:
        raise InputError(
            f"{config.name}: one in {config.period} of {fps:g} frames a second is too seldom for a server, which wants "
            f"{wire.LEAST_FPS:g} a second at least: give a smaller --period or more --fps"
        )
    return EdgeTerms(config.name, fps, config.slo_s, cloud_fps, patience_s)
