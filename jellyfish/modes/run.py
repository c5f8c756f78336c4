"""One measured run: cameras and their ledgers, and the files and figures that their frames flow into.

The same for real cameras and simulated ones; where frames come from and how they are connected is handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec

from jellyfish.camera.emulated import emulate
from jellyfish.camera.frames import CameraFrames
from jellyfish.camera.ledger import Ledger
from jellyfish.camera.sender import FrameSender
from jellyfish.camera.sizing import FrameSizer, Sizer
from jellyfish.camera.steering import Steering
from jellyfish.camera.stream_log import StreamLog
from jellyfish.clock import seconds_now, unix_seconds_now
from jellyfish.config import CameraConfig, SecretUrl
from jellyfish.core import Answer, Detection
from jellyfish.dispatch.dispatcher import DeviceStatistics
from jellyfish.effects import effective
from jellyfish.errors import RunError
from jellyfish.link.shaper import Shaper
from jellyfish.link.trace import BandwidthTrace
from jellyfish.media.files import legible
from jellyfish.models.model import Description
from jellyfish.modes.window_log import WindowLog
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.emulation import EmulationFigures
from jellyfish.results.environment import machine, versions
from jellyfish.results.histogram import Percentiles
from jellyfish.results.planning import DeviceFigures
from jellyfish.results.records import FrameRecord, OutageRecord, RunInfo, Timeline, answering
from jellyfish.results.streams import AgreementFigures, OutageTally, agreement, agreement_in_words, outages_in_words
from jellyfish.results.summary import RunSummary, Summary
from jellyfish.results.writer import ResultWriter

START_PAUSE_S = 1.0
"""Between connecting and the first captured frame: time for hello, clock exchange and the first plan."""

STOPPING_S = 0.8
"""How long a run that is stopped waits for what is open."""
AT_ONCE, AT_MOST_S = 128, 0.25
"""Records that are taken in together, and the longest that one waits for that while others come."""


class EndedFrame(NamedTuple):
    """A frame that has its outcome."""

    record: FrameRecord
    detections: Sequence[Detection]
    """Of its answer."""
    classes: Sequence[str]
    """Names by label of what answered; empty where nothing did."""
    now: float


OnFrame = Callable[[EndedFrame], None]
"""Told each frame, beside what is written anyway."""
ExpectedF1 = Callable[[str, int], float]
"""(name of the variant, resolution that the frame was sent at) -> the frame's expected F1."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One camera before the run: what it is, what it sees, what it sends over. The trace starts with the run."""

    config: CameraConfig
    frames: CameraFrames
    trace: BandwidthTrace | None
    clock: Callable[[float], float] = lambda now: now
    steering: Steering | None = None
    sizer: Callable[[float, float], FrameSizer] = Sizer
    """(frames per second, SLO in seconds) -> how the camera backs off between plans."""


def run_info(
    mode: str,
    started: datetime,
    seed: int,
    config: Any,
    devices: list[str],
    profile: str,
    model: Description | None = None,
) -> RunInfo:
    """The header of a run by this process, now. `config`: a dataclass or Struct; `model`: what answers, where known."""
    return RunInfo(
        command=[legible(argument) for argument in sys.argv],
        mode=mode,
        started=started.isoformat(timespec="seconds"),
        seed=seed,
        config=effective(msgspec.to_builtins(config, enc_hook=_plain)),
        versions=versions(),
        machine=machine(),
        devices=devices,
        profile=profile,
        **({} if model is None else answering(model.name, model.version, model.task, model.classes)),
    )


def _plain(value: object) -> str:
    if isinstance(value, Path):
        return legible(value)
    if isinstance(value, SecretUrl):
        return str(value)
    raise NotImplementedError(type(value))


def timeline_from(start_s: float) -> Timeline:
    """The time of a run that starts at `start_s` of the event loop's clock."""
    unix_s = unix_seconds_now()
    return Timeline(start_s, None if unix_s is None else unix_s + start_s - seconds_now())


def logged_stream(client: str, timeline: Timeline, writer: ResultWriter, outages: OutageTally) -> StreamLog:
    """What writes down a client's plans and outages."""

    def out(record: OutageRecord) -> None:
        outages.add(record)
        writer.outage(record, seconds_now())

    return StreamLog(client, timeline, lambda record: writer.plan(record, seconds_now()), out)


@contextlib.asynccontextmanager
async def running_beside(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines for the time of the context. Raises what went wrong in it or in them, all of it."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    failed: list[Exception] = []
    try:
        yield
    except Exception as error:
        failed.append(error)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    failed += [error for error in ended if isinstance(error, Exception)]
    if failed:
        raise failed[0] if len(failed) == 1 else ExceptionGroup("several parts of a run failed", failed)


def end_early(running: Mapping[asyncio.Task[None], Callable[[], bool]]) -> None:
    """End clients' tasks before their time. Each is told to stop, and says whether it had begun: those that had may go
    on for `STOPPING_S`, to hear of what is open and to say goodbye.
    """
    for task, stop in running.items():
        if not stop():
            task.cancel()

    def give_up() -> None:
        for task in running:
            task.cancel()

    asyncio.get_running_loop().call_later(STOPPING_S, give_up)


class MeasuredRun:
    """Made on the event loop's clock: the first frames are captured `pause_s` after construction."""

    def __init__(
        self,
        setups: Iterable[Setup],
        duration_s: float,
        seed: int,
        writer: ResultWriter,
        windows: WindowLog,
        on_frame: OnFrame = lambda ended: None,
        expected_f1: ExpectedF1 | None = None,
        pause_s: float = START_PAUSE_S,
    ) -> None:
        """`expected_f1`: for runs without pictures, whose accuracy is that of the tables."""
        self._loop = asyncio.get_running_loop()
        self._pause_s = pause_s
        self.start_s = seconds_now() + pause_s
        self.duration_s = duration_s
        self._stopped = False
        self._writer, self._windows, self._on_frame = writer, windows, on_frame
        self._expected_f1 = expected_f1
        self._phases = random.Random(seed)
        self._last_s = self.start_s
        """When the newest frame ended: until then devices may be busy with the run."""
        self._summary, self._outages = RunSummary(), OutageTally()
        self._timeline = timeline_from(self.start_s)
        self._fresh: list[EndedFrame] = []
        self._ledgers: dict[str, Ledger] = {}
        self.cameras: dict[str, FrameSender] = {}
        self._setups: dict[str, Setup] = {}
        self._models: list[ServedModel] = []
        """What has answered, in the order of its coming."""
        self._drives: dict[asyncio.Task[None], Callable[[], bool]] = {}
        for setup in setups:
            self._add(setup)
        windows.start(writer.window, self._timeline)

    def _add(self, setup: Setup) -> None:
        config = setup.config
        uplink = Shaper(setup.trace and setup.trace.shifted(-self.start_s), config.delay_s)
        downlink = Shaper(None, config.delay_s)
        sizer = setup.sizer(config.fps, config.slo_s)
        arrivals = setup.steering is None and sizer.hears_arrivals
        hello = wire.Hello(config.name, config.fps, config.slo_s * 1000, arrivals)
        ledger = Ledger(
            config.name, config.slo_s, config.max_in_flight, self._timeline, self._ended, arrivals, setup.frames.classes
        )
        log = logged_stream(config.name, self._timeline, self._writer, self._outages)
        camera = FrameSender(hello, setup.frames, ledger, uplink, downlink, setup.clock, setup.steering, sizer, log)
        self._ledgers[config.name], self.cameras[config.name] = ledger, camera
        self._setups[config.name] = setup

    def _ended(self, record: FrameRecord, answer: Answer) -> None:
        """A frame has ended. Records are taken in many at a time, which is several times as quick as one by one."""
        now, model = seconds_now(), self.cameras[record.client].model
        self._know(model)
        self._fresh.append(EndedFrame(record, answer.detections, () if model is None else model.classes, now))
        if len(self._fresh) >= AT_ONCE or now - self._fresh[0].now >= AT_MOST_S:
            self._take_in()

    def _know(self, model: ServedModel | None) -> None:
        """Write down what answers, and another one that comes into service later."""
        if model is not None and model not in self._models:
            self._models.append(model)
            self._writer.model(model)

    def _take_in(self) -> None:
        """Write down and count the frames that have ended since."""
        fresh, self._fresh = self._fresh, []
        for ended in fresh:
            self._record(ended)

    def _record(self, ended: EndedFrame) -> None:
        record = ended.record
        if self._expected_f1 is not None and record.variant is not None and record.resolution is not None:
            f1 = self._expected_f1(record.variant, record.resolution)
            record = msgspec.structs.replace(record, expected_f1=f1)
        self._last_s = max(self._last_s, ended.now)
        self._writer.frame(record, ended.now)
        self._summary.add(record)
        self._on_frame(ended._replace(record=record))

    async def go(self, http: Callable[[str], aiohttp.ClientSession], url: str) -> None:
        """All cameras from start to farewell; `http` gives each, by its name, the session to connect with."""
        async with asyncio.TaskGroup() as fleet:
            for name, camera in self.cameras.items():
                self._drives[fleet.create_task(self._drive(name, http(name), url))] = camera.stop

    def stop(self) -> None:
        """Let the run end now, as at its end: `go` returns soon."""
        self._stopped = True
        self.duration_s = min(self.duration_s, max(0.0, seconds_now() - self.start_s))
        end_early(self._drives)

    async def _drive(self, name: str, http: aiohttp.ClientSession, url: str) -> None:
        """One camera from joining to leaving."""
        setup, camera = self._setups[name], self.cameras[name]
        config = setup.config
        # Real cameras are not in step: each starts at its own point of its frame interval.
        start_s = self.start_s + config.join_s + self._phases.random() / config.fps
        end_s = self.start_s + min(config.leave_s, self.duration_s)
        await asyncio.sleep(min(start_s, end_s) - self._pause_s - seconds_now())
        await emulate(camera, setup.frames, http, url, start_s, end_s)

    def finish(
        self,
        devices: Iterable[DeviceStatistics] | None,
        loop_lag_ms: Percentiles | None = None,
        emulation: Callable[[Summary], EmulationFigures] | None = None,
        incomplete_videos: Mapping[str, str] | None = None,
    ) -> Summary:
        """Sum up, check that nothing is missing, write the summary. `devices`: the server's, if it is at hand.

        RunError when a frame has no outcome or two, or when the server counted differently.
        """
        self._take_in()
        streaming = {
            name: ledger.streaming.counts for name, ledger in self._ledgers.items() if ledger.streaming is not None
        }
        summary = self._summary.summary(
            self.duration_s,
            {name: ledger.frames for name, ledger in self._ledgers.items()},
            streaming=streaming,
            planner=None if devices is None else self._windows.tally.figures(),
            devices=None if devices is None else _device_figures(devices, self._busy_span_s),
            loop_lag_ms=loop_lag_ms,
            host=None if devices is None else self._windows.host.figures(),
            agreement=self._agreement(),
            outages=self._outages.figures(),
        )
        losses = dict(incomplete_videos or {})
        summary = msgspec.structs.replace(summary, stopped=self._stopped, incomplete_videos=losses)
        if emulation is not None:
            summary = msgspec.structs.replace(summary, emulation=emulation(summary))
        self._writer.summary(summary)
        for name, camera in self.cameras.items():
            if camera.farewell is not None and not self._ledgers[name].agrees(camera.farewell):
                raise RunError(f"{name}: the server's account {camera.farewell} is not the client's")
        return summary

    def _agreement(self) -> AgreementFigures:
        return agreement([self._ledgers[name].account(camera.farewell) for name, camera in self.cameras.items()])

    @property
    def _busy_span_s(self) -> float:
        """The time that devices may have been busy in: they still are after the last frame was captured."""
        return max(self.duration_s, self._last_s - self.start_s)

    @property
    def model(self) -> ServedModel | None:
        """What answers; None while no server has said. Of several, the one that came into service last."""
        return self._models[-1] if self._models else None

    @property
    def hopeless(self) -> bool:
        """Whether the server has refused every camera for good: nothing more can come."""
        return all(camera.given_up for camera in self.cameras.values())

    def failure(self) -> str | None:
        """Why the run says nothing of the server; None where it does."""
        return failure_of(self.cameras, self._stopped)

    def notes(self) -> list[str]:
        """What else a person should know: how far the server agrees, when there was none, and whom it refused."""
        lines = [agreement_in_words(self._agreement()), *outages_in_words(self._outages.figures())]
        if len(self._models) > 1:
            met = ", then ".join(
                f"{model.name} {model.version}".strip() or "one without a name" for model in self._models
            )
            lines.append(f"The model in service changed: {met}.")
        elsewhere = Counter(camera.elsewhere for camera in self.cameras.values() if camera.elsewhere is not None)
        lines += [f"{many} camera{'s' * (many > 1)} went on at {url}." for url, many in sorted(elsewhere.items())]
        return lines + sorted({camera.refusal for camera in self.cameras.values() if camera.refusal})


def failure_of(cameras: Mapping[str, FrameSender], stopped: bool) -> str | None:
    """Why a run has failed: the server refused cameras for good, or never took any in; None where it has not."""
    refused = [name for name, camera in cameras.items() if camera.given_up]
    if refused:
        more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
        return f"{refused[0]}{more}: {cameras[refused[0]].refusal}"
    if stopped or any(camera.let_in for camera in cameras.values()):
        return None
    said = sorted({camera.refusal for camera in cameras.values() if camera.refusal})
    return f"the server took no camera in: {'; '.join(said) or 'no connection was held'}"


def _device_figures(devices: Iterable[DeviceStatistics], span_s: float) -> dict[str, DeviceFigures]:
    figures = {}
    for statistics in devices:
        share = statistics.busy_s / span_s / statistics.workers if span_s else 0.0
        busy = round(min(1.0, share), 4)  # a first frame came before the span
        figures[statistics.device] = DeviceFigures(busy, statistics.batches, round(statistics.mean_batch, 3))
    return figures
