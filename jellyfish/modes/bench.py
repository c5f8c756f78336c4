"""`jellyfish bench`: a fleet of emulated cameras against a server, and what came of every captured frame."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import random
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from rich.console import Console

from jellyfish import wire
from jellyfish.client.camera import GOODBYE_S, Camera
from jellyfish.client.ledger import Ledger
from jellyfish.config import BenchConfig, CameraConfig
from jellyfish.core import Detection
from jellyfish.errors import InputError, RunError
from jellyfish.link.shaper import Shaper
from jellyfish.link.synthetic import resolve_trace
from jellyfish.media.source import VideoSource
from jellyfish.modes.detections import DetectionFile
from jellyfish.modes.loop_lag import LoopLagProbe
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.serving import RunningServer, serving
from jellyfish.modes.window_log import WindowLog
from jellyfish.results.environment import machine, versions
from jellyfish.results.live import LiveDisplay, LiveTally
from jellyfish.results.planning import DeviceFigures
from jellyfish.results.records import FrameRecord, RunInfo
from jellyfish.results.summary import RunSummary, Summary
from jellyfish.results.table import summary_table
from jellyfish.results.writer import ResultWriter, default_folder

START_PAUSE_S = 1.0
"""Between connecting and the first captured frame: time for hello, clock exchange and the first plan."""
LIVE_PERIOD_S = 0.25


async def bench(config: BenchConfig, console: Console) -> None:
    """Run the fleet, write the result files, print the table. RunError when the frames do not add up."""
    with contextlib.ExitStack() as sources:
        cameras = [_Prepared(camera, sources) for camera in config.cameras]
        windows = WindowLog("fixed" if config.server.variant else config.server.planner)
        async with contextlib.AsyncExitStack() as stack:
            server = None
            if config.connect is None:
                with ProgressReport(console) as progress:
                    server = await stack.enter_async_context(serving(config.server, windows, progress))
            started = datetime.now().astimezone()
            folder = config.results or default_folder("bench", started)
            writer = stack.enter_context(ResultWriter(folder, _run_info(config, server, started)))
            run = _Run(config, cameras, writer, windows, console)
            await run.go(server.url if server else str(config.connect))
            summary = run.finish(server)
    console.print(summary_table(summary, folder))
    console.print(run.remarks(), highlight=False)


class _Prepared:
    """A camera's configuration with its video opened and its trace read, before anything has started."""

    def __init__(self, config: CameraConfig, sources: contextlib.ExitStack) -> None:
        self.config = config
        self.trace = resolve_trace(config.trace, config.seed)
        self.source = sources.enter_context(VideoSource(config.video))


class _Run:
    """One run: the cameras with their ledgers, and everything that their records flow into."""

    def __init__(
        self,
        config: BenchConfig,
        prepared: Sequence[_Prepared],
        writer: ResultWriter,
        windows: WindowLog,
        console: Console,
    ) -> None:
        self._config, self._writer, self._windows, self._console = config, writer, windows, console
        self._loop = asyncio.get_running_loop()
        self._start_s = self._loop.time() + START_PAUSE_S
        self._summary = RunSummary()
        self._live = LiveTally(self._start_s, config.duration_s)
        self._lag = LoopLagProbe()
        self._detections = DetectionFile(writer.folder / "detections.json") if config.save_detections else None
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 2, thread_name_prefix="camera")
        self._ledgers = {camera.config.name: self._ledger(camera) for camera in prepared}
        self._cameras = {camera.config.name: self._camera(camera) for camera in prepared}

    def _ledger(self, camera: _Prepared) -> Ledger:
        record = partial(self._record, camera.source)
        return Ledger(
            camera.config.name, camera.config.slo_s, camera.config.max_in_flight, self._start_s, record
        )

    def _camera(self, camera: _Prepared) -> Camera:
        config = camera.config
        hello = wire.Hello(config.name, config.fps, config.slo_s * 1000)
        uplink = Shaper(camera.trace and camera.trace.shifted(-self._start_s), config.delay_s)
        downlink = Shaper(None, config.delay_s)
        offload = partial(self._loop.run_in_executor, self._pool)
        return Camera(hello, camera.source, self._ledgers[config.name], uplink, downlink, offload)

    def _record(self, source: VideoSource, record: FrameRecord, detections: Sequence[Detection]) -> None:
        """A frame has ended."""
        now = self._loop.time()
        self._writer.frame(record, now)
        self._summary.add(record)
        self._live.add(record, now)
        if self._detections is not None:
            self._detections.add(record, detections, source.width, source.height)

    async def go(self, url: str) -> None:
        """All cameras from start to farewell."""
        self._windows.start(self._writer.window, self._start_s)
        phases = random.Random(self._config.seed)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
            await _check_reachable(http, url)
            async with _running_beside(self._lag.run(), self._show()), asyncio.TaskGroup() as fleet:
                for camera in self._cameras.values():
                    # Real cameras are not in step: each starts at its own point of its frame interval.
                    start_s = self._start_s + phases.random() / camera.hello.fps
                    fleet.create_task(camera.run(http, url, start_s, self._start_s + self._config.duration_s))
        self._pool.shutdown(cancel_futures=True)

    async def _show(self) -> None:
        """Keep the live display up to date, until cancelled."""
        with LiveDisplay(self._console) as display:
            while True:
                now = self._loop.time()
                if now >= self._start_s:
                    plans = {name: camera.plan for name, camera in self._cameras.items()}
                    assigned = {
                        name: (plan.variant, plan.resolution)
                        for name, plan in plans.items()
                        if plan is not None and plan.mapped
                    }
                    display.show(self._live.numbers(now, assigned))
                await asyncio.sleep(LIVE_PERIOD_S)

    def finish(self, server: RunningServer | None) -> Summary:
        """Sum up, check that nothing is missing, write the last files."""
        streaming = {
            name: ledger.streaming.counts for name, ledger in self._ledgers.items() if ledger.streaming is not None
        }
        summary = self._summary.summary(
            self._config.duration_s,
            {name: ledger.frames for name, ledger in self._ledgers.items()},
            streaming=streaming,
            planner=self._windows.tally.figures() if server else None,
            devices=_device_figures(server, self._config.duration_s) if server else None,
            loop_lag_ms=self._lag.percentiles(),
        )
        self._check_farewells()
        self._writer.summary(summary)
        if self._detections is not None:
            self._detections.close()
        return summary

    def _check_farewells(self) -> None:
        """The server's count of each stream must be the client's; RunError if it is not."""
        for name, camera in self._cameras.items():
            if camera.farewell is not None and not self._ledgers[name].agrees(camera.farewell):
                raise RunError(f"{name}: the server's account {camera.farewell} is not the client's")

    def remarks(self) -> str:
        """What else a person should know of the run."""
        lag = self._lag.percentiles()
        lines = [f"Event loop: timers late by {lag.p50:.1f} ms (p50), {lag.p99:.1f} ms (p99)."] if lag else []
        silent = [name for name, camera in self._cameras.items() if camera.farewell is None]
        if silent:
            lines.append(f"No farewell from the server for {', '.join(silent)}: its account could not be compared.")
        else:
            lines.append("Client and server agree on every frame.")
        refusals = {camera.refusal for camera in self._cameras.values() if camera.refusal}
        return "\n".join([*lines, *sorted(refusals)])


@contextlib.asynccontextmanager
async def _running_beside(*coroutines: Any) -> AsyncIterator[None]:
    """Run coroutines for the time of the context."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _check_reachable(http: aiohttp.ClientSession, url: str) -> None:
    """InputError when there is nobody at `url`, instead of a run in which every frame is skipped."""
    try:
        async with asyncio.timeout(GOODBYE_S), http.get(_readiness_url(url)) as answer:
            if answer.status != 200:
                raise InputError(f"the server at {url} is not ready (status {answer.status})")
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise InputError(f"no Jellyfish server answers at {url}: {error or 'timeout'}; start one with `serve`") from error


def _readiness_url(url: str) -> str:
    return url.replace("ws", "http", 1).removesuffix("/v1/stream") + "/readyz"


def _device_figures(server: RunningServer, duration_s: float) -> dict[str, DeviceFigures]:
    figures = {}
    for dispatcher in server.dispatchers:
        statistics = dispatcher.statistics()
        busy = round(statistics.busy_s / duration_s, 4)
        figures[statistics.device] = DeviceFigures(busy, statistics.batches, round(statistics.mean_batch, 3))
    return figures


def _run_info(config: BenchConfig, server: RunningServer | None, started: datetime) -> RunInfo:
    return RunInfo(
        command=sys.argv,
        mode="bench",
        started=started.isoformat(timespec="seconds"),
        seed=config.seed,
        config=msgspec.to_builtins(dataclasses.asdict(config), enc_hook=_plain),
        versions=versions(),
        machine=machine(),
        devices=[profile.device for profile in server.profiles] if server else [],
        profile="; ".join(profile.hardware for profile in server.profiles) if server else str(config.connect),
    )


def _plain(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))
