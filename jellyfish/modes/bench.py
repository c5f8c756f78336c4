"""`jellyfish bench`: a fleet of emulated cameras against a server, and what came of every captured frame."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.text import Text

from jellyfish.camera.controllers import controller_named
from jellyfish.camera.credentials import http_session
from jellyfish.camera.reaching import require_ready
from jellyfish.camera.steering import Steering
from jellyfish.clock import seconds_now
from jellyfish.config import BenchConfig
from jellyfish.devices.process import roam_behind, usable_cores
from jellyfish.errors import RunError
from jellyfish.modes.fleet import Fleet
from jellyfish.modes.pictures import Moments, write_pictures
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.run import START_PAUSE_S, EndedFrame, MeasuredRun, run_info, running_beside
from jellyfish.modes.running_server import RunningServer, Serving
from jellyfish.modes.window_log import WindowLog
from jellyfish.program.stopping import Stop
from jellyfish.results.detections import DetectionFile
from jellyfish.results.emulation import EmulationFigures, in_words
from jellyfish.results.live import NOTHING_KNOWN, LiveDisplay, LiveServer, LiveTally
from jellyfish.results.records import RunInfo
from jellyfish.results.summary import Summary, emulation_figures, incomplete_in_words
from jellyfish.results.table import summary_table, what_is_left
from jellyfish.results.writer import ResultWriter, default_folder, require_empty
from jellyfish.server.loop_lag import LoopLagProbe

LIVE_PERIOD_S = 0.5
Draw = Callable[[Sequence[Path], Path, Console], Path]
"""Shows runs as a page in a folder: `jellyfish.modes.report`."""
PAUSE_PER_CAMERA_S = 0.02
"""So much longer, for each camera, the first frame waits: all connect at once, and clips are made ready."""


async def bench(
    config: BenchConfig, console: Console, stop: Stop, serving: Serving | None, draw: Draw | None = None
) -> None:
    """Run the fleet, write the result files, print the table. RunError when the frames do not add up.

    Raises Stopped when it was told to stop; files and table are of the frames until then. `serving`: starts
    the server that `config` has here. `draw`: draws the run as a page, too.
    """
    started = datetime.now().astimezone()
    folder = config.results or default_folder("bench", started)
    summary, notes = await measured(serving, config, folder, console, stop)
    console.print(summary_table(summary, folder))
    console.print("\n".join(notes), highlight=False, markup=False)
    if summary.emulation is not None and summary.emulation.bottleneck:
        console.print(Text(in_words(summary.emulation, len(config.cameras)), style="bold yellow"), soft_wrap=True)
    stop.leave(what_is_left(summary, folder))
    if draw is not None:
        page = draw([folder], folder / "report", console)
        console.print(Text.assemble("The report is ", (str(page), "bold")), soft_wrap=True)
    else:
        console.print(f"As a page of figures: jellyfish report {folder}", soft_wrap=True, markup=False, highlight=False)


async def measured(
    serving: Serving | None, config: BenchConfig, folder: Path, console: Console, stop: Stop
) -> tuple[Summary, list[str]]:
    """One run from its start to its figures, shown as it goes; what else a person should know of it."""
    started = datetime.now().astimezone()
    require_empty(folder)  # before minutes of measuring
    steering = None if config.controller is None else Steering(controller_named(config.controller))
    async with contextlib.AsyncExitStack() as stack:
        files = stack.enter_context(contextlib.ExitStack())
        cores = usable_cores()
        pool = ThreadPoolExecutor(len(cores), "camera", partial(roam_behind, cores))
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)  # before the files that its threads read
        fleet = Fleet(config, steering, partial(asyncio.get_running_loop().run_in_executor, pool), files)
        windows = WindowLog("" if config.server is None else config.server.planned_by)
        server = None
        if config.server is not None and serving is not None:
            with ProgressReport(console) as progress:
                server = await stack.enter_async_context(
                    serving(replace(config.server, cameras_beside=True), windows, stop.watched(progress))
                )
        url = server.url if server else str(config.connect)
        http = await stack.enter_async_context(http_session(config.reach, url, os.environ))
        await require_ready(http, url)
        if server is not None:
            await _prepared(fleet, config, server, console, stop)
        writer = stack.enter_context(ResultWriter(folder, _run_info(config, server, started)))
        detections = _detection_file(fleet.sizes, writer, stack) if config.save_detections else None
        moments = Moments(config.cameras, config.duration_s)
        watch = _Watch(config.duration_s, detections, moments, server)
        summary, notes = await _measure(
            config, fleet, writer, windows, server, partial(_same, http), url, watch, console, stop
        )
        pictures = await asyncio.to_thread(write_pictures, folder, moments, fleet.starts_s, fleet.another)
        return summary, [*notes, *filter(None, (pictures,))]


def _same(http: aiohttp.ClientSession, name: str) -> aiohttp.ClientSession:
    return http


async def _measure(
    config: BenchConfig,
    fleet: Fleet,
    writer: ResultWriter,
    windows: WindowLog,
    server: RunningServer | None,
    http: Any,
    url: str,
    watch: _Watch,
    console: Console,
    stop: Stop,
) -> tuple[Summary, list[str]]:
    """The run itself, shown as it goes."""
    lag = LoopLagProbe()
    pause_s = START_PAUSE_S + PAUSE_PER_CAMERA_S * len(config.cameras)
    run = MeasuredRun(fleet.setups, config.duration_s, config.seed, writer, windows, watch.frame, pause_s=pause_s)
    gc.collect()
    gc.freeze()  # what is there by now stays: the collector need not look through labels and modules again and again
    try:
        async with running_beside(lag.run(), watch.show(run, console), *fleet.working()):
            with stop.in_order(run.stop):
                await run.go(http, url)
    finally:
        gc.unfreeze()  # a search for the most clients makes many runs in this process
    devices = None if server is None else server.service.all_statistics()
    slos_ms = {camera.name: 1000 * camera.slo_s for camera in config.cameras}

    def emulation(summary: Summary) -> EmulationFigures:
        return emulation_figures(summary.clients, slos_ms, config.encode, fleet.figures())

    summary = run.finish(devices, lag.percentiles(), emulation, fleet.losses())
    if (said := run.failure()) is not None:
        raise RunError(f"{said}; what was captured is in {writer.folder}")
    late = summary.loop_lag_ms
    notes = [] if late is None else [f"Event loop: timers late by {late.p50:.1f} ms (p50), {late.p99:.1f} ms (p99)."]
    notes += incomplete_in_words(summary.incomplete_videos)
    notes += run.notes() + ([] if server is None else server.notes())
    return summary, notes + fleet.label_notes(run.model)


async def _prepared(fleet: Fleet, config: BenchConfig, server: RunningServer, console: Console, stop: Stop) -> None:
    """Cameras that share a machine with their server take as little of it as can be while it is measured."""
    with ProgressReport(console) as progress:
        async with running_beside(*fleet.working()):
            told = partial(stop.watched(progress), "preparing videos")
            await fleet.prepare(server.model.ladder.values(), config.duration_s, told)


class _Watch:
    """Follows the frames of a run for the live display, its pictures and, if asked for, the file of detections."""

    def __init__(
        self, duration_s: float, detections: DetectionFile | None, moments: Moments, server: RunningServer | None
    ) -> None:
        """`server`: where it runs in this process."""
        self._duration_s, self._detections, self._moments = duration_s, detections, moments
        self._service = None if server is None else server.service
        self._live: LiveTally | None = None

    def frame(self, ended: EndedFrame) -> None:
        """A frame has ended."""
        if self._live is not None:
            self._live.add(ended.record, ended.now)
        self._moments.add(ended)
        if self._detections is not None:
            self._detections.add(ended.record, ended.detections, ended.classes)

    async def show(self, run: MeasuredRun, console: Console) -> None:
        """Keep the live display up to date, until cancelled."""
        self._live = LiveTally(run.start_s, self._duration_s)
        with LiveDisplay(console) as display:
            await asyncio.sleep(run.start_s - seconds_now())
            while True:
                await asyncio.sleep(LIVE_PERIOD_S)
                if run.hopeless:
                    run.stop()
                    return
                if not display.due(seconds_now() - run.start_s):
                    continue
                plans = {name: camera.plan for name, camera in run.cameras.items()}
                mapped = {name: plan for name, plan in plans.items() if plan is not None and plan.mapped}
                assigned = {name: (plan.variant, plan.resolution) for name, plan in mapped.items()}
                now = seconds_now()
                away = {name: camera.away_s(now) for name, camera in run.cameras.items()}
                display.show(self._live.numbers(now, assigned, self._server_now(), away))

    def _server_now(self) -> LiveServer:
        """How busy its host is, where that is what binds; its target, and how careful it is for that in the mean."""
        if self._service is None:
            return NOTHING_KNOWN
        host = self._service.host
        busy = host.use.busiest if host.use is not None and host.binds else None
        cares = [session.learnt.care for session in self._service.sessions.values() if session.learnt is not None]
        return LiveServer(self._service.target, sum(cares) / len(cares) if cares else None, busy)


def _detection_file(
    sizes: Mapping[str, tuple[int, int]], writer: ResultWriter, stack: contextlib.AsyncExitStack
) -> DetectionFile:
    """The file of detections, open until the run has ended."""
    return stack.enter_context(contextlib.closing(DetectionFile(writer.folder / "detections.json", dict(sizes))))


def _run_info(config: BenchConfig, server: RunningServer | None, started: datetime) -> RunInfo:
    profiles = server.profiles if server else ()
    hardware = "; ".join(profile.measured_on for profile in profiles) if server else str(config.connect)
    model = server.model if server else None
    return run_info("bench", started, config.seed, config, [profile.device for profile in profiles], hardware, model)
