"""One client's way for its frames: the newest is sent whenever the stream is open and the window allows, and answered
or accounted for.

Where frames come from is the owner's business: an emulated camera's (`jellyfish.camera.emulated`), or a program's that
has one (`jellyfish.api.camera`). A timer sees to it that no frame waits for its answer for ever. All decisions are the
ledger's and the sizer's; here is only their order in time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import aiohttp
import msgspec

from jellyfish.camera.controllers.controller import Controller, OnTheWay
from jellyfish.camera.frames import FrameEncoder
from jellyfish.camera.ledger import LATE_S, Captured, Ledger
from jellyfish.camera.server_choice import ServerChoice
from jellyfish.camera.sizing import FrameSizer, Sizer
from jellyfish.camera.steering import Steering, feedback
from jellyfish.camera.stream import Stream
from jellyfish.camera.stream_log import StreamLog
from jellyfish.camera.thinning import Thinner
from jellyfish.clock import call_at, seconds_now
from jellyfish.core import InputSize, Reason, SourceState
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import ServedModel
from jellyfish.waiting import Signal

GOODBYE_S = LATE_S + 0.1
"""Longest wait for what is still due when a run ends, beyond the SLO: what was sent has its outcome by then."""


class FrameSender:
    """One client. `go` once; afterwards `farewell` holds the server's own account, if it could give one."""

    def __init__(
        self,
        hello: wire.Hello,
        frames: FrameEncoder,
        ledger: Ledger,
        uplink: Shaper,
        downlink: Shaper,
        clock: Callable[[float], float] = lambda now: now,
        steering: Steering | None = None,
        sizer: FrameSizer | None = None,
        log: StreamLog | None = None,
        choice: ServerChoice | None = None,
    ) -> None:
        """`clock` turns the event loop's time into the camera's own, which is what it tells the server.

        Without `steering` the camera follows the server's plan, and without `sizer` it backs off from it by a `Sizer`.
        `log`, `choice`: as of its `Stream`.
        """
        self.hello = hello
        self._frames, self._ledger, self._clock = frames, ledger, clock
        self._stream = Stream(self, hello, uplink, downlink, clock, log, choice)
        self._sizer = sizer or Sizer(hello.fps, hello.slo_ms / 1000)
        self._thinner = Thinner()
        self._steering, self._uplink = steering, uplink
        self._controller: Controller | None = None
        self._inputs: Mapping[int, InputSize] = {}
        """What the network takes at each resolution, by the newest welcome."""
        self._loop = asyncio.get_running_loop()
        self._sendable = Signal(self._loop)
        """Set when a frame may have become sendable."""
        self._deadline: asyncio.TimerHandle | None = None
        """Runs while a frame is on its way: one timer at a time, for a task would take three times as long."""
        self._failed: asyncio.Future[None] = self._loop.create_future()
        """What went wrong at a deadline, for whoever runs the camera."""
        self._ended = Signal(self._loop)
        """Set when a frame has ended, or the stream has."""
        self._next_probe_s = float("-inf")
        self._capturing: asyncio.Task[None] | None = None
        self.on_change: Callable[[], None] = lambda: None
        """Called when there is a new plan, and when the connection is gone."""
        self.source: SourceState | None = None
        """Whether frames come, for the server; None where that is not to be told."""

    @property
    def plan(self) -> wire.PlanMessage | None:
        """The server's newest; None while the stream is not open."""
        return self._stream.plan

    @property
    def model(self) -> ServedModel | None:
        """What answers, or last did; None before the first welcome."""
        return self._stream.model

    @property
    def farewell(self) -> wire.Farewell | None:
        """The server's own account; None while it has given none."""
        return self._stream.farewell

    @property
    def refusal(self) -> str | None:
        """What the server last said when it ended the stream; None when it never did."""
        return self._stream.refusal

    def away_s(self, now: float) -> float | None:
        """For how long there has been no server; None while there is one."""
        return self._stream.away_s(now)

    @property
    def let_in(self) -> bool:
        """Whether the server has ever taken this camera in."""
        return self._stream.let_in

    @property
    def given_up(self) -> bool:
        """Whether the server has refused this camera for good."""
        return self._stream.given_up

    @property
    def elsewhere(self) -> str | None:
        """The address of the server that it is at, unless that is the one it was told."""
        return self._stream.elsewhere

    async def go(
        self, http: aiohttp.ClientSession, url: str, capturing: Coroutine[Any, Any, None], start_s: float, end_s: float
    ) -> None:
        """Send what is captured until `capturing` has ended, then wait for what is open, and leave.

        `start_s`, `end_s`: when frames are wanted (by the clock), and a server missing is an outage.
        """
        connected = False
        self._stream.log.wanted(start_s)
        try:
            async with asyncio.TaskGroup() as tasks:  # so that a failure of either ends both at once
                beside = [tasks.create_task(self._stream.run(http, url)), tasks.create_task(self._failing())]
                self._capturing = tasks.create_task(capturing)
                await asyncio.wait([self._capturing])
                await self._say_goodbye()
                connected = self.plan is not None
                self._stream.stop()
                for task in beside:
                    task.cancel()
        finally:
            if self._deadline is not None:
                self._deadline.cancel()
            self._ledger.finish(connected)
            self._stream.end_log(min(end_s, seconds_now()))

    def stop(self) -> bool:
        """Capture nothing more: the end has come. Whether it had begun to run; else it need not any more."""
        if self._capturing is None:
            return False
        self._capturing.cancel()
        return True

    # --- frames --------------------------------------------------------------------------------------------

    def captured(self, frame: Captured) -> None:
        """A new frame, to be sent if it can be in time; what still waits is not."""
        self._ledger.captured(frame)
        if self.plan is None:
            self._ledger.take()
            self._ledger.skip(Reason.DISCONNECTED)
        self._sendable.set()

    def left_out(self, frame: Captured, reason: Reason) -> None:
        """A frame that nobody is to look at."""
        self._ledger.left_out(frame, reason)

    def wants(self, captured_s: float) -> bool:
        """Whether the plan's frame rate has room for a frame of that moment. Asked once for each, in their order."""
        return self._thinner.takes(captured_s, None if self.plan is None else self.plan.fps)

    async def _say_goodbye(self) -> None:
        """Wait for the answers that are still due, then close the stream in order.

        The last report goes with the goodbye, so all that has no outcome then has to get one before.
        """
        patience_s = self.hello.slo_ms / 1000 + GOODBYE_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not self._ledger.settled and self.plan is not None:
                    self._ended.clear()
                    await self._ended.wait()
        self._ledger.end_unsent(connected=self.plan is not None)
        await self._stream.say_goodbye(patience_s)

    # --- deadlines ---------------------------------------------------------------------------------------

    def _watch_deadlines(self) -> None:
        """Have the ledger told when the next deadline has passed."""
        if self._deadline is None and (due_s := self._ledger.next_deadline_s) is not None:
            self._deadline = call_at(self._loop, due_s, self._deadline_passed)

    def _deadline_passed(self) -> None:
        self._deadline = None
        try:
            changed = self._ledger.expire(seconds_now())
        except Exception as error:  # a record could not be written
            if not self._failed.done():
                self._failed.set_exception(error)
            return
        if changed:
            self._ended.set()
            self._sendable.set()
        self._watch_deadlines()

    async def _failing(self) -> None:
        """Return never; raise what went wrong at a deadline."""
        await self._failed

    # --- what the stream hands in ------------------------------------------------------------------------

    async def talk(self) -> None:
        """Send the newest frame whenever the window has room for one."""
        while True:
            await self._sendable.wait()
            self._sendable.clear()
            while self._stream.open and (frame := self._ledger.take()) is not None:
                await self._send_frame(frame)
                self._ended.set()  # it may have been skipped

    def welcomed(self, welcome: wire.Welcome, model: ServedModel) -> None:
        """Learn how many frames may be unanswered, which sizes there are, and what is to be found."""
        self._ledger.welcomed(welcome.max_in_flight, model)
        self._inputs, self._sizer.ladder = model.inputs, tuple(model.inputs)
        if self._steering is not None:
            self._controller = self._steering.controller(self.hello, welcome, self._uplink)

    def planned(self, plan: wire.PlanMessage) -> None:
        """See whether this plan lets a frame go that the one before did not."""
        self._sizer.paced(min(self.hello.fps, plan.fps or self.hello.fps))
        if self._controller is None:
            self._ledger.planned(plan)
            self._frames.expect(self._inputs[plan.resolution])
        self._sendable.set()
        self.on_change()

    def report(self) -> wire.Report:
        """What became of this stream's frames so far, and whether there are any."""
        report = self._ledger.report
        return report if self.source is None else msgspec.structs.replace(report, source=self.source.value)

    def arrived(self, arrival: wire.Arrived, now: float) -> None:
        """The frame has left the link: learn how fast that was."""
        sent = self._ledger.arrived(now, arrival.frame)
        if sent is None:
            return
        self._sizer.arrived(arrival.bandwidth_kbps * 1000, now - sent.sent_s - arrival.uplink_ms / 1000)
        if sent.freed:
            self._sendable.set()

    def answered(self, result: wire.Result, now: float) -> None:
        """Close the frame's account, and learn from it for the next one."""
        sent = self._ledger.answered(now, result)
        if sent is None:
            return
        if self._controller is None:
            self._sizer.answered(result.bandwidth_kbps * 1000, now - sent.sent_s - result.uplink_ms / 1000)
        else:
            self._controller.answered(now, feedback(sent, result, now))
        self._ended.set()
        if self._ledger.waits:
            self._sendable.set()

    def disconnected(self) -> None:
        """Give up the frames that were open."""
        self._ledger.disconnected()
        self._ended.set()
        self.on_change()

    async def _send_frame(self, frame: Captured) -> None:
        """Send the frame taken up, or skip it for a reason."""
        plan = self.plan
        assert plan is not None
        if not plan.mapped:
            if seconds_now() < self._next_probe_s:
                self._ledger.skip(Reason.PAUSED)
                return
            self._next_probe_s = seconds_now() + plan.probe_interval_ms / 1000
        resolution = self._choose(seconds_now(), frame.captured_s, plan)
        if resolution is None:
            self._ledger.skip_stale(seconds_now())
            return
        jpeg = await self._frames.encoded(frame.picture, self._inputs[resolution])
        if not self._stream.open:  # goodbye was said meanwhile
            return
        if jpeg is None:
            self._ledger.skip(Reason.CAMERA_BUSY)
            return
        now, size_bytes = seconds_now(), wire.FRAME_OVERHEAD_BYTES + len(jpeg)
        self._ledger.sent(now, resolution, size_bytes)
        (self._controller or self._sizer).sent(now, resolution, size_bytes)
        self._watch_deadlines()
        times = (self._clock(frame.captured_s), self._clock(now))
        await self._stream.send(wire.Frame(frame.frame, resolution, *times, jpeg))

    def _choose(self, now: float, captured_s: float, plan: wire.PlanMessage) -> int | None:
        """The resolution to send a frame at, by the controller or by the plan; None to leave it out."""
        if self._controller is not None:
            on_the_way = [OnTheWay(sent.sent_s, sent.size_bytes) for sent in self._ledger.unanswered]
            return self._controller.choose(now, captured_s, on_the_way)
        return self._sizer.choose(now, plan.resolution, captured_s, self._ledger.on_link)
