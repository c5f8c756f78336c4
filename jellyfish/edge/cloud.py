"""A device's way to the large network: frames that are offered go there when there is room, answers come when they do.

The async rim of `jellyfish.edge.fusion.requests`. Nothing here ever makes the device wait: to offer and to take return
at once, and a server that is slow, silent or gone only means that there is nothing to take.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.frames import Encode, Offload, scaled_jpeg
from jellyfish.camera.sizing import PublishedSizer
from jellyfish.camera.stream import Stream
from jellyfish.camera.stream_log import StreamLog
from jellyfish.classes import ClassMap
from jellyfish.clock import seconds_now
from jellyfish.core import Answer, InputSize, Task
from jellyfish.edge.fusion.requests import MOST_OUTSTANDING, Fate, Requests
from jellyfish.errors import ProtocolError
from jellyfish.link.shaper import Shaper
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.streams import StreamAccount

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what becomes of the frames that were offered."""

    sent: Callable[[int, int, int, wire.PlanMessage], None]
    """(frame, resolution, bytes, the plan by which it was sent)"""
    heard: Callable[[int, Answer, float], None]
    """(frame, answer, now): an answer has come, whether or not it will be used."""
    ended: Callable[[int, Fate], None]


@dataclass(frozen=True, slots=True)
class _Offered:
    frame: int
    captured_s: float
    image: Image


class Cloud:
    """One device's stream to a server. `run` beside the device; `finish` when that is done."""

    def __init__(
        self,
        hello: wire.Hello,
        task: Task,
        classes: tuple[str, ...],
        uplink: Shaper,
        downlink: Shaper,
        offload: Offload,
        listener: Listener,
        encode: Encode = scaled_jpeg,
        log: StreamLog | None = None,
    ) -> None:
        """`hello.fps`: the mean rate of frames that are sent. `hello.slo_ms`: an answer that is older is of no use.

        `task` and `classes`: of the device's own network; classes by label. What the cloud finds of others is left out.
        """
        self._task, self._classes = task, classes
        self._of_cloud, self._inputs = ClassMap((), classes), dict[int, InputSize]()
        """By the newest welcome."""
        self._patience_s = hello.slo_ms / 1000
        self._offload, self._encode, self._listener = offload, encode, listener
        self._sizer = PublishedSizer(hello.fps, self._patience_s)
        self._requests = Requests[Answer](MOST_OUTSTANDING, self._ended)
        self._offered: _Offered | None = None
        self._captured_s: dict[int, float] = {}
        self._given = Counter[str]()
        self._stream = Stream(self, hello, uplink, downlink, lambda now: now, log)
        self._client, self._sent = hello.client, 0
        self._wake = asyncio.Event()
        self._next_probe_s = float("-inf")

    @property
    def stream(self) -> Stream:
        """The connection, with what the server last said of it."""
        return self._stream

    @property
    def agrees(self) -> bool | None:
        """Whether the server's account of the last connection is this one; None when it gave none."""
        farewell = self._stream.farewell
        if farewell is None:
            return None
        answered = {"answered": farewell.answered} if farewell.answered else {}
        return dict(self._given) == answered | farewell.dropped and farewell.received == self._given.total()

    @property
    def account(self) -> StreamAccount:
        """How much of what was sent the cloud's account tells of."""
        farewell = self._stream.farewell
        return StreamAccount(self._client, self._sent, 0 if farewell is None else farewell.received)

    async def run(self, http: aiohttp.ClientSession, url: str) -> None:
        """Keep the connection; a server that is gone is tried again and again."""
        await self._stream.run(http, url)

    def offer(self, frame: int, captured_s: float, image: Image) -> None:
        """This frame is worth asking about. It takes the place of one that still waits to be sent."""
        self._requests.offer(frame)
        self._offered = _Offered(frame, captured_s, image)
        self._wake.set()

    def take(self, now: float) -> tuple[int, Answer] | None:
        """(frame, answer): the newest answer that has come since the last one taken."""
        for frame in self._requests.outstanding:
            if now - self._captured_s[frame] > self._patience_s:
                self._requests.lost(frame)
                self._wake.set()
        return self._requests.take()

    async def finish(self, patience_s: float) -> None:
        """Say goodbye, waiting for the server at most so long, and give up whatever is open."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self.give_up)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    while self._requests.outstanding and self._stream.plan is not None:
                        self._wake.clear()
                        await self._wake.wait()
            await self._stream.say_goodbye(patience_s)
            self._stream.stop()

    def give_up(self) -> None:
        """Nothing more is sent, and no answer used."""
        self._requests.finish()

    # --- what the stream tells -----------------------------------------------------------------------------

    async def talk(self) -> None:
        """Send the newest frame offered whenever there is room for one."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._stream.open and (plan := self._stream.plan) and (offered := self._next(plan)) is not None:
                await self._send(offered, plan)

    def welcomed(self, welcome: wire.Welcome, model: ServedModel) -> None:
        """Learn what the server takes and finds. ProtocolError if its answers are of no use to the device."""
        if model.task is not self._task:
            raise ProtocolError("terms", f"the server's model does {model.task}, the small network here {self._task}")
        self._inputs, self._sizer.ladder = dict(model.inputs), tuple(model.inputs)
        self._of_cloud = ClassMap(model.classes, self._classes)
        if not self._of_cloud.common:  # all that it does not speak of would count as not there
            raise ProtocolError(
                "terms", f"the server's model knows none of the classes here: {', '.join(self._classes)}"
            )
        self._given.clear()

    def planned(self, plan: wire.PlanMessage) -> None:
        """There may be room now."""
        self._wake.set()

    def report(self) -> None:
        """None: the device answers its frames itself; those that go to the cloud are the server's to count."""

    def arrived(self, arrival: wire.Arrived, now: float) -> None:
        """Not asked for: there is no hurry."""

    def answered(self, result: wire.Result, now: float) -> None:
        """An answer, or the word that there will be none."""
        self._given[result.reason or "answered"] += 1
        self._sizer.answered(result.bandwidth_kbps * 1000, 0.0)
        if result.reason is not None:
            self._requests.dropped(result.frame)
        elif result.frame in self._requests.outstanding:
            answer = Answer(
                tuple(self._of_cloud.detections(result.detections)), tuple(self._of_cloud.scores(result.scores))
            )
            self._listener.heard(result.frame, answer, now)
            self._requests.answered(result.frame, answer)
        self._wake.set()

    def disconnected(self) -> None:
        """What was on its way is lost; what waits is sent when the connection is back, if it is still the newest."""
        for frame in self._requests.outstanding:
            self._requests.lost(frame)
        self._given.clear()
        self._wake.set()

    def _ended(self, frame: int, fate: Fate) -> None:
        self._captured_s.pop(frame, None)
        self._listener.ended(frame, fate)

    def _next(self, plan: wire.PlanMessage) -> _Offered | None:
        """The frame to send now, which is on its way from here on; None while there is none, or no room."""
        now = seconds_now()
        if not plan.mapped and now < self._next_probe_s:
            return None
        if self._requests.send() is None:
            return None
        self._next_probe_s = now + plan.probe_interval_ms / 1000
        offered, self._offered = self._offered, None
        assert offered is not None
        self._captured_s[offered.frame] = offered.captured_s
        return offered

    async def _send(self, offered: _Offered, plan: wire.PlanMessage) -> None:
        resolution = self._sizer.choose(seconds_now(), plan.resolution, offered.captured_s, ())
        assert resolution is not None  # this sizer sends every frame
        jpeg = await self._offload(self._encode, offered.image, self._inputs[resolution])
        size_bytes = wire.FRAME_OVERHEAD_BYTES + len(jpeg)
        self._sizer.sent(seconds_now(), resolution, size_bytes)
        if self._stream.open and offered.frame in self._requests.outstanding:
            self._sent += 1
            self._listener.sent(offered.frame, resolution, size_bytes, plan)
            await self._stream.send(wire.Frame(offered.frame, resolution, offered.captured_s, seconds_now(), jpeg))
