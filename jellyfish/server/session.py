"""One client on the server: its estimate, its plan, and the way of each of its frames.

A session decides nothing about time-sharing of devices and reads no socket; it is given messages and a
`send`. One coroutine per frame: `answer` is the whole way of a frame from arrival to reply.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from jellyfish.clock import seconds_now, timeout_at, unix_seconds_now
from jellyfish.config import CameraSettings, Limits
from jellyfish.control.estimator import MARGIN_S, ClientEstimator
from jellyfish.control.host import HostLoad
from jellyfish.control.learnt_care import LearntCare
from jellyfish.control.problem import ClientDemand
from jellyfish.core import FOR_WANT_OF_TIME, Answer, Reason, SourceState, Variant
from jellyfish.dispatch.nowhere import FrameTaker
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.errors import ImageError
from jellyfish.models.model import Description
from jellyfish.protocol import wire
from jellyfish.protocol.bucket import Bucket
from jellyfish.server.attained import LATE, NOT_SENT, Attained, Attainment
from jellyfish.server.cameras.answer_filter import AnswerFilter, Kept
from jellyfish.server.cameras.settings_book import SettingsBook
from jellyfish.server.decoding import ClientImages
from jellyfish.server.frame_way import FrameWay
from jellyfish.server.offered import RATE_TOLERANCE, OfferedRate
from jellyfish.server.watching.hub import Hub
from jellyfish.server.watching.seeing import seen_of

Send = Callable[[wire.Message], Awaitable[None]]

PROBE_INTERVAL_S = 0.25
"""How often a client without a place in the plan may send a frame, so that its link stays known."""
HELD_UP_S = 0.5
"""Frames of so much time may come at once: this machine may have been late to read them, or a plan to reach the
client."""
SPARED_BY_CARE = {LATE, NOT_SENT, *(reason.value for reason in FOR_WANT_OF_TIME)}
"""Misses that a client's care is learnt from."""


@dataclass(slots=True)
class Account:
    """The server's own count of a stream's frames: received = answered + dropped + abandoned + open."""

    received: int = 0
    answered: int = 0
    abandoned: int = 0
    """Frames whose client was gone before the answer."""
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def open(self) -> int:
        """Frames that have no outcome yet."""
        return self.received - self.answered - self.abandoned - self.dropped.total()

    def close(self, outcome: Answered | Dropped) -> None:
        """Enter a frame's outcome."""
        if isinstance(outcome, Answered):
            self.answered += 1
        else:
            self.dropped[outcome.reason.value] += 1


class FrameEnding(NamedTuple):
    """What became of a frame."""

    outcome: Answered | Dropped
    queued_s: float | None = None
    """Since when it waited for a device; None where it never did."""


class Session:
    """One client's stream. Created after its hello; `answer` is called once per received frame."""

    def __init__(
        self,
        name: str,
        hello: wire.Hello,
        send: Send,
        images: ClientImages,
        dispatcher: FrameTaker,
        limits: Limits,
        model: Description,
        asked: Mapping[int, Variant] | None = None,
        host: HostLoad | None = None,
        book: SettingsBook | None = None,
    ) -> None:
        """`asked`: what frames of each resolution are run with, where clients choose instead of a plan.

        `book`: where the settings of cameras stand, by what they call themselves.
        """
        self.client = name
        self.says = hello.client
        """What the client calls itself; `client` may have a number behind it."""
        self.fetched = False
        """Whether the server fetches the camera itself."""
        self.fps = hello.fps
        self.slo_s = hello.slo_ms / 1000
        self.wants_model = hello.model
        """The name of the model that the client asked for; None: whichever."""
        self.target = hello.target
        """Per cent of its captured frames that the client wants in time; None: it leaves that to the server."""
        self.learnt: LearntCare | None = None
        """How careful its plans are; None where that is not learnt."""
        self._known = 0, 0
        self._learnt_of = 0
        self.account = Account()
        self.estimator = ClientEstimator()
        self._host = host or HostLoad()
        self.began: Callable[[], None] = lambda: None
        """Called when frames begin to come: at first, and after a silence."""
        self.on_frame: Callable[[FrameWay], None] | None = None
        """Told of each frame that has been dealt with."""
        self.trace: Callable[[FrameWay], str] | None = None
        """Told of it, too; says under which `traceparent` it is traced, or nothing."""
        self.hub = Hub()
        """Those who watch; told of its frames as long as there are some."""
        self.offered = OfferedRate(hello.fps)
        self._seen = False
        """Whether plans know of it."""
        self.source: SourceState | None = None
        """How its source is, where its reports say so."""
        self.joined_s = seconds_now()
        self.said_goodbye = False
        self.dismissed = asyncio.Event()
        """Set when another client has got its place."""
        self.plan_changed = asyncio.Event()
        self._attainment = Attainment(hello.fps, self.joined_s)
        self._send, self._images, self._limits = send, images, limits
        self._dispatcher = dispatcher
        self._variant: Variant | None = None
        self._asked = asked or {}
        self._rate = Bucket(hello.fps, limits.in_flight + HELD_UP_S * hello.fps)
        self._tells_arrivals = hello.arrivals
        self._model = model
        self._book = book or SettingsBook()
        self._filter = AnswerFilter(self.settings, model.classes)
        smallest = next(iter(model.ladder))
        self._plan = wire.PlanMessage(
            smallest, "", mapped=False, probe_interval_ms=self._begin_ms, model=model.name, version=model.version
        )

    # --- control -----------------------------------------------------------------------------------------

    @property
    def settings(self) -> CameraSettings:
        """What was said about a camera of this name, as it is now."""
        return self._book.of(self.says)

    @property
    def importance(self) -> float:
        """How much it counts in the plan."""
        return self.settings.importance

    def offered_fps(self, now: float) -> float:
        """Frames a second that it sends, or would if the plan let it; 0 while it is silent."""
        return self.offered.fps(now, self._asked_fps)

    def idle_s(self, now: float) -> float:
        """Since when it has sent no frame."""
        return now - max(self.offered.last_s, self.joined_s)

    def demand(self, variants: tuple[Variant, ...], now: float, care: float) -> ClientDemand | None:
        """This client as the planner sees it, with `care` where none was learnt; None while it is silent."""
        fps = self.offered_fps(now)
        self._seen = self._seen or fps > 0
        if fps == 0:
            return None
        taken = care if self.learnt is None else self.learnt.care
        demand = self.estimator.demand(now, self.client, fps, self.slo_s, variants, taken)
        importance = self.importance
        return demand if importance == 1.0 else msgspec.structs.replace(demand, importance=importance)

    def beside_device_s(self, resolution: int, now: float) -> float:
        """What a frame of `resolution` takes beside waiting and running on a device, with as much care as was learnt;
        with none where care is not learnt."""
        usual_s, allowance_s = self.estimator.beside_device_s(now, resolution)
        return usual_s + (0.0 if self.learnt is None else self.learnt.care * allowance_s)

    def margin_s(self, now: float) -> float:
        """Time that its plans keep free for what varies beside the device; 0 where care is not learnt."""
        _, allowance_s = self.estimator.beside_device_s(now, self._plan.resolution)
        return 0.0 if self.learnt is None else self.learnt.care * allowance_s

    def expects(self, device_s: float, now: float) -> None:
        """By the plan in force, waiting and running on the device take no longer than `device_s`."""
        if self.learnt is not None and self._variant is not None:
            usual_s, allowance_s = self.estimator.beside_device_s(now, self._variant.resolution)
            self.learnt.expects(usual_s + device_s, allowance_s)

    def learn(self) -> None:
        """Take in what has become of frames since the last time: those that want of time has cost, and all others.

        Not while the host has more to do than it can, for no care would help; nor where frames that a plan has left out
        cannot be told from those that the client could not send.
        """
        if self.learnt is None or self._learnt_of == self._attainment.told:
            return
        self._learnt_of = self._attainment.told
        attained = self.attained
        missed = sum(frames for reason, frames in attained.missed_by_reason.items() if reason in SPARED_BY_CARE)
        before, self._known = self._known, (attained.on_time, missed)
        on_time, missed = (max(0, now - then) for now, then in zip(self._known, before, strict=True))
        untold = attained.estimated and self._plan.fps is not None
        if self._plan.mapped and not self._host.over and not untold:
            self.learnt.ended(on_time + missed, missed)

    def assign(self, dispatcher: FrameTaker, variant: Variant, mapped: bool, fps: float | None = None) -> None:
        """Serve this client on `dispatcher` from now on, at most `fps` frames a second; an unmapped one may only probe,
        or begin if it has been silent.

        None: as many as it offers.
        """
        self._dispatcher = dispatcher
        self._variant = variant if mapped else None
        begins = not mapped and (not self._seen or self.offered_fps(seconds_now()) == 0)
        pause_ms = self._begin_ms if begins else PROBE_INTERVAL_S * 1000
        fps = fps if mapped else None
        model = self._model
        plan = wire.PlanMessage(variant.resolution, variant.name, mapped, pause_ms, fps, model.name, model.version)
        if plan != self._plan:
            self._plan = plan
            self.plan_changed.set()

    def move(self, former: FrameTaker, other: FrameTaker) -> None:
        """`former` takes no more frames: if this client's went there they go to `other`, until a plan says where."""
        if self._dispatcher is former:
            self._dispatcher = other

    def change_to(self, model: Description, dispatcher: FrameTaker) -> None:
        """Another model answers from the next frame on: with its smallest size, until it is planned for."""
        self._model, self._dispatcher, self._variant = model, dispatcher, None

    @property
    def plan(self) -> wire.PlanMessage:
        """What the client is to send from now on."""
        return self._plan

    def pong(self, pong: wire.Pong, now: float) -> None:
        """A ping came back: one more exchange for the clock offset."""
        self.estimator.exchange(pong.server_s, pong.received_s, pong.sent_s, now)

    def reported(self, report: wire.Report, now: float) -> None:
        """The client has told how its frames fared."""
        self._attainment.reported(report, now)
        self.source = None if report.source is None else SourceState(report.source)

    @property
    def attained(self) -> Attained:
        """How many of the client's frames were answered in time, as far as is known here."""
        return self._attainment.attained

    # --- the way of a frame ------------------------------------------------------------------------------

    async def answer(self, frame: wire.Frame, arrived_s: float) -> None:
        """Take `frame` all the way from its arrival to its reply. Every frame gets exactly one."""
        self.account.received += 1
        self._attainment.arrived(frame.frame, arrived_s)
        if self.offered.came(arrived_s, self._asked_fps):
            self.began()
        size_bytes = len(frame.jpeg) + wire.FRAME_OVERHEAD_BYTES
        self.estimator.frame_arrived(frame.sent_s, arrived_s, size_bytes, frame.resolution)
        try:
            ending = await self._in_time(frame, arrived_s)
        except BaseException:
            self.account.abandoned += 1
            raise
        self.account.close(ending.outcome)
        self._close(frame, arrived_s, ending.outcome)
        result = self._result(frame, arrived_s, ending.outcome)
        watched = self.hub.wanted(self.client, self.says)
        if watched or self.on_frame is not None or self.trace is not None:
            way = self._way(frame, arrived_s, ending)
            result = self._told(way, result)
            if watched:
                self._tell_watchers(way, result, frame.jpeg)
        await self._send(result)

    def _told(self, way: FrameWay, result: wire.Result) -> wire.Result:
        """Tell whoever wants to know of a frame's way; its result, with the `traceparent` where it is traced."""
        if self.on_frame is not None:
            self.on_frame(way)
        traceparent = "" if self.trace is None else self.trace(way)
        return msgspec.structs.replace(result, traceparent=traceparent) if traceparent else result

    def _tell_watchers(self, way: FrameWay, result: wire.Result, jpeg: bytes) -> None:
        """Somebody watches: this is what became of a frame, as its client is told."""
        unix_s = unix_seconds_now()
        ahead_s = 0.0 if unix_s is None else unix_s - seconds_now()
        self.hub.publish(seen_of(way, result, self.says, jpeg, self._model, ahead_s))

    def _close(self, frame: wire.Frame, arrived_s: float, outcome: Answered | Dropped) -> None:
        """Enter a frame's outcome as the client will probably see it."""
        if isinstance(outcome, Dropped):
            self._attainment.dropped(outcome.reason)
        else:
            back_s = self.estimator.clock.round_trip_s / 2
            slack_s = self._due(frame, arrived_s) - back_s - seconds_now()
            self._attainment.answered(slack_s)
            if self.learnt is not None and not self._host.over and not outcome.on_top:
                self.learnt.took(self.slo_s - slack_s)

    def _way(self, frame: wire.Frame, arrived_s: float, ending: FrameEnding) -> FrameWay:
        """When the frame was where. Estimates of the client's clock are put right where they cannot be."""
        clock = self.estimator.clock
        sent_s = min(clock.to_server(frame.sent_s), arrived_s)
        captured_s = min(clock.to_server(frame.captured_s), sent_s)
        return FrameWay(
            self.client, frame.frame, self.slo_s, captured_s, sent_s, arrived_s, ending.queued_s,
            ending.outcome, seconds_now(), clock.round_trip_s / 2,
        )  # fmt: skip

    async def _in_time(self, frame: wire.Frame, arrived_s: float) -> FrameEnding:
        """What becomes of `frame`, at the latest when its client wants to have the answer, whatever holds it up.

        Not sooner: that is later than the device's deadline, and an answer that was delayed may still be in time.
        """
        try:
            async with timeout_at(self._due(frame, arrived_s)) as limit:
                if self._tells_arrivals:
                    await self._send(self._arrival(frame, arrived_s))
                return await self._infer(frame, arrived_s)
        except TimeoutError:
            if not limit.expired():
                raise
            return FrameEnding(Dropped(Reason.EXPIRED))

    async def _infer(self, frame: wire.Frame, arrived_s: float) -> FrameEnding:
        """Decode and run `frame`, or say why not."""
        if self.account.open > self._limits.in_flight:
            why = f"at most {self._limits.in_flight} frames may be unanswered"
            return FrameEnding(Dropped(Reason.TOO_MANY_IN_FLIGHT, why))
        self._rate.rate = allowed_fps = RATE_TOLERANCE * self._asked_fps
        if not self._rate.allows(1.0, arrived_s):
            why = f"at most {allowed_fps:.3g} frames per second are served now"
            return FrameEnding(Dropped(Reason.TOO_FAST, why))
        loop = asyncio.get_running_loop()
        deadline_s = self._deadline(frame, arrived_s)
        dispatcher, variant = self._dispatcher, self._asked.get(frame.resolution, self._variant)
        if arrived_s + self._host.ahead_s + dispatcher.quickest_s(variant) > deadline_s:
            return FrameEnding(Dropped(Reason.EXPIRED))
        try:
            size = self._model.input_of(frame.resolution)
            until_s = deadline_s - dispatcher.quickest_s(variant)
            image = await self._images.as_taken(frame.jpeg, size, until_s, dispatcher.decodes)
        except ImageError as error:
            return FrameEnding(Dropped(Reason(error.reason), str(error)))
        queued_s = seconds_now()
        done: asyncio.Future[Answered | Dropped] = loop.create_future()
        dispatcher.submit(Request(self.client, frame.frame, deadline_s, queued_s, image, done, variant))
        outcome = await done
        if isinstance(outcome, Answered):
            on_device = outcome.queue_s + outcome.execute_s
            self._took_beside(frame.sent_s - frame.captured_s, seconds_now() - arrived_s - on_device)
        return FrameEnding(outcome, queued_s=queued_s)

    def _took_beside(self, client_s: float, host_s: float) -> None:
        """A frame took so long in its client before it was sent, and here outside the device.

        Only as much as plans can do something about is learnt: waiting that comes of a host with too much to do is
        answered with fewer frames (`jellyfish.control.host`). The client waits for it too, for earlier answers.
        """
        client_s = min(max(0.0, client_s), self.slo_s)  # its clock may have been set between
        if self._host.over:
            client_s = min(client_s, self.estimator.client_overhead_s)
        self.estimator.overhead_sample(client_s, min(host_s, self._host.most_s))

    @property
    def _asked_fps(self) -> float:
        """What the client is to send now: its own or its planned rate, or its probes'."""
        plan = self._plan
        return min(self.fps, (plan.fps or self.fps) if plan.mapped else 1000 / plan.probe_interval_ms)

    @property
    def _begin_ms(self) -> float:
        """Between the frames of a client that begins, before there is a plan for it: it need not leave any out."""
        return 500 / self.fps

    def _deadline(self, frame: wire.Frame, arrived_s: float) -> float:
        """When the device must be done with `frame`, on the server's clock."""
        return self._due(frame, arrived_s) - self.estimator.clock.round_trip_s / 2 - MARGIN_S

    def _due(self, frame: wire.Frame, arrived_s: float) -> float:
        """When the client wants the answer to be there, on the server's clock.

        No later than one SLO after the arrival, whatever the client's clock says.
        """
        return min(self.estimator.clock.to_server(frame.captured_s), arrived_s) + self.slo_s

    def _arrival(self, frame: wire.Frame, arrived_s: float) -> wire.Arrived:
        return wire.Arrived(frame.frame, self._uplink_ms(frame, arrived_s), self._bandwidth_kbps)

    def _uplink_ms(self, frame: wire.Frame, arrived_s: float) -> float:
        return 1000 * max(0.0, arrived_s - self.estimator.clock.to_server(frame.sent_s))

    @property
    def _bandwidth_kbps(self) -> float:
        return self.estimator.newest_bandwidth_bps / 1000

    def _result(self, frame: wire.Frame, arrived_s: float, outcome: Answered | Dropped) -> wire.Result:
        uplink_ms, server_ms = self._uplink_ms(frame, arrived_s), (seconds_now() - arrived_s) * 1000
        if isinstance(outcome, Dropped):
            return wire.Result(
                frame.frame,
                outcome.reason,
                outcome.message,
                uplink_ms=uplink_ms,
                server_ms=server_ms,
                bandwidth_kbps=self._bandwidth_kbps,
            )
        kept = self._kept(outcome.answer)
        return wire.Result(
            frame.frame,
            variant=outcome.variant.name,
            device=outcome.device,
            batch=outcome.batch,
            uplink_ms=uplink_ms,
            server_ms=server_ms,
            execute_ms=outcome.execute_s * 1000,
            bandwidth_kbps=self._bandwidth_kbps,
            detections=kept.detections,
            scores=kept.scores,
            zones=kept.zones,
        )

    def _kept(self, answer: Answer) -> Kept:
        """What of an answer is told, by the settings and classes of this moment."""
        if not self._filter.holds(self.settings, self._model.classes):
            self._filter = AnswerFilter(self.settings, self._model.classes)
        return self._filter.kept(answer)
