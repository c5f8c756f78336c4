"""`jellyfish camera`: a real camera's newest frames to a server, until it is stopped, and what became of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import replace
from datetime import datetime

import aiohttp
from rich.console import Console
from rich.text import Text

from jellyfish.camera.credentials import http_session
from jellyfish.camera.live_camera import LiveCamera
from jellyfish.camera.reaching import require_ready
from jellyfish.camera.sources.allowed import terms, without_credentials
from jellyfish.camera.stream_log import StreamLog
from jellyfish.camera.stream_url import check_stream_url
from jellyfish.clock import seconds_now
from jellyfish.config import LiveConfig
from jellyfish.core import Answer, SourceState
from jellyfish.errors import InputError, RunError
from jellyfish.modes.run import logged_stream, run_info, running_beside, timeline_from
from jellyfish.program.stopping import Stop
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.live import LiveDisplay, LiveNumbers, LiveTally, headline
from jellyfish.results.records import FrameRecord
from jellyfish.results.streams import OutageTally, agreement, agreement_in_words, outages_in_words
from jellyfish.results.summary import RunSummary, Summary
from jellyfish.results.table import summary_table
from jellyfish.results.writer import ResultWriter

PERIOD_S = 0.5
PLAIN_INTERVAL_S = 60.0
"""Where nobody looks on, such a line is for a log that grows for months."""


async def camera(config: LiveConfig, console: Console, stop: Stop) -> None:
    """Send until told to stop, or for as long as was asked; then print the table. That it is stopped is no failure."""
    check_stream_url(config.connect)
    terms(config.source.url)
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(http_session(config.reach, config.connect, os.environ))
        recording = _Recorded(config, stack)
        told = _SourceLines(console)
        live = LiveCamera(config.source, http, config.connect, told.state, recording)
        recording.camera = live
        await _say_where(config, http, console)
        async with running_beside(_show(live, recording, told, console), _stop_after(live, config.duration_s)):
            with stop.in_order(live.stop):
                await live.run()
        summary = recording.finish()
    console.print(summary_table(summary, config.results))
    console.print("\n".join(recording.notes()), highlight=False, markup=False)
    why = why_for_nothing(live.let_in, live.frames, told.now, told.words)
    if stop.number is None and why is not None:
        raise RunError(why)


def why_for_nothing(let_in: bool, frames: int, state: SourceState, words: str) -> str | None:
    """Why a run was for nothing, of whose frames none had an outcome; None where some had. Pure.

    `let_in`: whether a server has taken the camera in. `state`, `words`: of its source, in the end.
    """
    if let_in:
        return None
    if frames:
        return "the server took no camera in"
    if state is SourceState.LIVE:
        return "the run ended while the source's frames were still counted: give --fps, or a longer --duration"
    return f"no frame was captured: the source is {state}" + (f" ({words})" if words else "")


async def _say_where(config: LiveConfig, http: aiohttp.ClientSession, console: Console) -> None:
    """What is sent where; that no server answers yet is no reason not to begin."""
    shown = without_credentials(config.source.url)
    console.print(Text(f"{config.source.name}: {shown} to {config.connect} (Ctrl-C stops)"), soft_wrap=True)
    try:
        await require_ready(http, config.connect)
    except InputError as error:
        console.print(Text(f"{error}; tried again until one does"), soft_wrap=True)


async def _stop_after(live: LiveCamera, duration_s: float | None) -> None:
    if duration_s is not None:
        await asyncio.sleep(duration_s)
        live.stop()


class _SourceLines:
    """Says what the source does, in a line each time that changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.now, self.words = SourceState.OPENING, ""
        """The newest state before the end."""

    def state(self, name: str, state: SourceState, words: str) -> None:
        """See `jellyfish.camera.live_camera.OnState`."""
        if state not in (SourceState.STOPPED, SourceState.OPENING):
            time = datetime.now().strftime("%H:%M:%S")
            self._console.print(Text(f"{time} source {state}" + (f": {words}" if words else "")), soft_wrap=True)
        if state is not SourceState.STOPPED:
            self.now, self.words = state, words


async def _show(live: LiveCamera, recording: _Recorded, told: _SourceLines, console: Console) -> None:
    """One line that is kept up to date, until cancelled."""

    def line(numbers: LiveNumbers) -> str:
        sender = live.sender
        plan = None if sender is None else sender.plan
        if told.now is not SourceState.LIVE:
            doing = f"source {told.now}"
        elif sender is None:
            doing = "counting its frames"
        elif plan is None:
            doing = f"no server since {sender.away_s(seconds_now()) or 0:.0f} s"
        else:
            doing = f"{plan.variant} at {plan.resolution} px" if plan.mapped else "no place on the server now"
        return f"{headline(numbers)} | {doing}"

    with LiveDisplay(console, PLAIN_INTERVAL_S, line) as display:
        while True:
            await asyncio.sleep(PERIOD_S)
            now = seconds_now()
            if display.due(now - recording.start_s):
                display.show(recording.tally.numbers(now, {}))


class _Recorded:
    """See `jellyfish.camera.live_camera.CameraRecording`: counted, and written where files were asked for."""

    def __init__(self, config: LiveConfig, stack: contextlib.ExitStack | contextlib.AsyncExitStack) -> None:
        self.start_s = seconds_now()
        self.timeline = timeline_from(self.start_s)
        self.tally = LiveTally(self.start_s, config.duration_s)
        self.camera: LiveCamera | None = None
        self._summary, self._outages = RunSummary(), OutageTally()
        self._model: ServedModel | None = None
        self._writer: ResultWriter | None = None
        if config.results is not None:
            shown = replace(config, source=replace(config.source, url=without_credentials(config.source.url)))
            info = run_info("camera", datetime.now().astimezone(), 0, shown, [], config.connect)
            self._writer = stack.enter_context(ResultWriter(config.results, info))

    def frame(self, record: FrameRecord, answer: Answer) -> None:
        """See `CameraRecording.frame`."""
        now = seconds_now()
        self._summary.add(record)
        self.tally.add(record, now)
        if self._writer is not None:
            self._know(self._writer)
            self._writer.frame(record, now)

    def log(self, camera: str) -> StreamLog:
        """See `CameraRecording.log`."""
        if self._writer is None:
            return StreamLog(camera, self.timeline, out=self._outages.add)
        return logged_stream(camera, self.timeline, self._writer, self._outages)

    def finish(self) -> Summary:
        """Sum up. RunError when a frame has no outcome, or two."""
        assert self.camera is not None
        summary = self._summary.summary(
            seconds_now() - self.start_s,
            {self.camera.config.name: self.camera.frames},
            agreement=agreement([self.camera.account]),
            outages=self._outages.figures(),
        )
        if self._writer is not None:
            self._writer.summary(summary)
        return summary

    def notes(self) -> list[str]:
        """What else a person should know."""
        assert self.camera is not None
        outages = outages_in_words(self._outages.figures(), written=self._writer is not None)
        return [agreement_in_words(agreement([self.camera.account])), *outages]

    def _know(self, writer: ResultWriter) -> None:
        """Write down what answers, and another model that comes into service later."""
        model = None if self.camera is None or self.camera.sender is None else self.camera.sender.model
        if model is not None and model != self._model:
            self._model = model
            writer.model(model)
