"""All sessions and all devices of one server, and the two views the control loop has of them.

`observe` turns what the sessions and devices have measured into a planning problem, `apply` puts a plan
into force. Knows no sockets and no planner.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from statistics import median
from typing import NamedTuple

import msgspec

from jellyfish.clock import seconds_now
from jellyfish.config import DEFAULT_CARE, Limits
from jellyfish.control.capacity import worst_cases_s
from jellyfish.control.host import HostLoad, within_host
from jellyfish.control.host_sizes import FrameSizes
from jellyfish.control.learnt_care import LearntCare
from jellyfish.control.problem import OUT_OF_SERVICE_S, ClientDemand, DeviceOption, Plan, Problem
from jellyfish.core import Variant
from jellyfish.devices.health import DeviceState
from jellyfish.dispatch.dispatcher import DeviceStatistics, Dispatcher
from jellyfish.dispatch.nowhere import NOWHERE, FrameTaker
from jellyfish.errors import InputError, ProtocolError
from jellyfish.media.decoding_cost import weighed
from jellyfish.models.model import Description
from jellyfish.protocol import wire
from jellyfish.protocol.bucket import Bucket
from jellyfish.server.cameras.settings_book import SettingsBook
from jellyfish.server.decoding import Decoding, Weigh
from jellyfish.server.events import ClientRefused, MinutePassed, ServerEvent
from jellyfish.server.former_devices import FormerDevices
from jellyfish.server.frame_way import FrameWay
from jellyfish.server.host_meter import Decode, HostMeter, HostParts
from jellyfish.server.inference.requesters import Requesters
from jellyfish.server.session import Send, Session
from jellyfish.server.shared_devices import SharedDevices, other_fronts
from jellyfish.server.watching.hub import Hub

LEAST_DEVICE_CARE, MOST_DEVICE_CARE = 0.25, 1.0
"""Bounds of care that is learnt, for the times of batches. Rates are planned with them, too: without any, a device that
varies would be planned to be busy all the time."""
WELCOMES_PER_S, WELCOMES_AT_ONCE = 0.5, 24.0
"""Newcomers whose word is taken for what they will send."""
GOLDEN = 0.618034
"""Multiples of it, modulo 1, are spread evenly however many there are."""
DRAIN_S = 1.0
"""Longest wait for the batches that run when the server stops; a device that hangs is left behind."""


class Fared(NamedTuple):
    """Frames of clients."""

    ended: int
    """Those that have an outcome, as far as the server can tell."""
    on_time: int

    def plus(self, session: Session) -> Fared:
        """And those of one client more."""
        attained = session.attained
        return Fared(self.ended + attained.ended, self.on_time + attained.on_time)


class Service:
    """The server without its sockets."""

    def __init__(
        self,
        dispatchers: Iterable[Dispatcher],
        model: Description,
        decode: Decode,
        limits: Limits,
        care: float = DEFAULT_CARE,
        target: float | None = None,
        asked: Mapping[int, Variant] | None = None,
        narrowed: bool = False,
        host: HostParts | None = None,
        weigh: Weigh = weighed,
        decode_large: Decode | None = None,
    ) -> None:
        """`model`: with the sizes that are served. `care`: of plans. Where `target` is given they begin with it, and
        it is learnt, for each client, so that so many per cent of its captured frames are in time.

        `asked`: what frames of each resolution are run with, where clients choose; None where a plan decides.

        `narrowed`: whether they may be run with something else when time is short.

        `host`: what the machine's load is read by; None where it is short of nothing.

        `weigh`: what a frame takes to decode. `decode_large`: see `ServerParts`.
        """
        self.model, self.limits = model, limits
        self.told = model.ladder
        """What clients were told that the network takes at each resolution: as the first model does."""
        self.sessions: dict[str, Session] = {}
        self.settings = SettingsBook()
        """Of cameras by name, whether they are here or not; others may be put in at any time."""
        self.alternatives: tuple[str, ...] = ()
        """URLs of streams of other servers: there clients go on that are not served here any more, or not at all."""
        self.ready = self.draining = False
        self.awaited: Callable[[], list[str]] = list
        """Devices elsewhere that are to be there, and have never been."""
        self._left, self.drained = asyncio.Event(), asyncio.Event()
        """Set once all that was queued or running is answered: streams end then."""
        self.apply_s = 0.0
        """What putting the newest plan into force took."""
        self.on_change: Callable[[str], None] = lambda cause: None
        """Called with `join` or `leave` when the set of clients changes, with `device` when a worker is out or back."""
        self.on_event: Callable[[ServerEvent], None] = lambda event: None
        """Told what happens to clients, for people."""
        self.on_limits: Callable[[Limits], None] = lambda limits: None
        """Told when other limits hold."""
        self.on_frame: Callable[[FrameWay], None] | None = None
        """Told of each frame of clients that come from now on."""
        self.tracing: Callable[[wire.Hello], Callable[[FrameWay], str]] | None = None
        """Makes what clients that come from now on are traced by (`Session.trace`)."""
        self.on_left: Callable[[Session], None] = lambda session: None
        """Told of a client whose stream has ended."""
        self.hub = Hub(lambda: self.host.room)
        """Those who watch what cameras are answered."""
        self.refused: Counter[str] = Counter()
        """Connections and clients that were not let in, by cause."""
        self.received_bytes = self.sent_bytes = 0
        """Of the messages of all streams."""
        self._gone = self._told = Fared(0, 0)
        self.former, self._shared, self._requests = FormerDevices(), SharedDevices(), tuple[ClientDemand, ...]()
        self._serve_with(model, dispatchers)
        self._care, self.target = care, target
        """Per cent of captured frames in time that care is learnt for; None where it is not."""
        self._streams, self._welcomes = 0, Bucket(WELCOMES_PER_S, WELCOMES_AT_ONCE)
        self._plan: Plan | None = None
        self._asked = asked
        self.narrows = asked is not None and narrowed
        """Whether frames may be run with less than their clients ask for."""
        self.host = HostLoad(host.decoders) if host else HostLoad()
        self._sizes = FrameSizes(model.ladder)
        self._meter = HostMeter(host, self.host.occupancy) if host else None
        workers = host.decoders if host else sys.maxsize
        self.decoding = Decoding(decode, weigh, workers, limits, self.host, self._meter, decode_large)
        self.requesters = self._requesters(model, limits)

    def _requesters(self, model: Description, limits: Limits) -> Requesters:
        made = Requesters(model, limits, self.host, self.decoding, self.dispatchers, self._quietest)
        made.on_begin = partial(self.announce, "join")
        made.others = self.sessions.keys()
        return made

    def _serve_with(self, model: Description, dispatchers: Iterable[Dispatcher]) -> None:
        self.model = model
        self._variants = model.variants
        self._accuracy = tuple(size.accuracy for size in model.sizes)
        self.dispatchers = {dispatcher.device: dispatcher for dispatcher in dispatchers}
        for dispatcher in self.dispatchers.values():
            dispatcher.on_change = partial(self.announce, "device")

    def take_in(self, dispatcher: Dispatcher) -> None:
        """Serve with one more device: plans count with it from the next one on. InputError where its name is taken."""
        if dispatcher.device in self.dispatchers:
            raise InputError(f"there is a device {dispatcher.device} already: give this one another name")
        self.dispatchers[dispatcher.device] = dispatcher
        dispatcher.on_change = partial(self.announce, "device")
        self._move_from(NOWHERE)
        self.announce("device")

    def part_with(self, name: str) -> Dispatcher:
        """Serve without this device: nothing is sent there from now on. It stays among `former.leaving` until what is
        there has ended. InputError where there is none of this name."""
        if name not in self.dispatchers:
            raise InputError(f"there is no device {name}; there are {', '.join(self.dispatchers) or 'none'}")
        dispatcher = self.dispatchers.pop(name)
        self._leaves(dispatcher)
        self._move_from(dispatcher)
        self.announce("device")
        return dispatcher

    def _leaves(self, dispatcher: Dispatcher) -> None:
        dispatcher.on_change = lambda: None
        self.former.leaves(dispatcher)

    def _move_from(self, former: FrameTaker) -> None:
        """Send what would go to `former` elsewhere, until a plan says where."""
        for session in self.sessions.values():
            session.move(former, self._quietest())
        self.requesters.leave(former)

    def change_to(self, model: Description, dispatchers: Iterable[Dispatcher]) -> None:
        """Serve with another model from the next frame on; clients follow their plans until there are others.

        `model` fits what clients were told (`jellyfish.server.another_model`).
        """
        for former in self.dispatchers.values():
            self._leaves(former)
        self._serve_with(model, dispatchers)
        self._plan = None
        self.requesters.change_to(model, self.dispatchers)
        for session in self.sessions.values():
            session.change_to(model, self._quietest())

    def last_due_s(self, now: float) -> float:
        """When all frames and requests that are here by now have their outcome."""
        longest_s = max((session.slo_s for session in self.sessions.values()), default=0.0)
        return max(now + longest_s, self.requesters.latest_due_s)

    def join(self, hello: wire.Hello, send: Send) -> Session:
        """A session for a new client; ProtocolError when there is no room for it.

        A name that is in use gets a number, so that a client whose old connection is half dead can come back. Plans
        take notice of a client from its welcome, or its first frame on (`welcomed`).
        """
        if hello.model not in (None, self.model.name):
            raise ProtocolError("unknown_model", f"this server has the model {self.model.name}, not {hello.model}")
        if self.draining:
            raise ProtocolError("draining", "the server is shutting down")
        if len(self.sessions) >= self.limits.clients and not self._dismissed_one():
            raise ProtocolError("full", f"the server has its {self.limits.clients} clients; try again later")
        names = itertools.chain([hello.client], (f"{hello.client}#{number}" for number in itertools.count(2)))
        name = next(name for name in names if name not in self.sessions and self.requesters.named(name) is None)
        *_, largest = self.model.ladder.values()
        session = Session(
            name, hello, send, self.decoding.for_client(name, hello.fps, largest), self._quietest(), self.limits,
            self.model, self._asked, self.host, self.settings,
        )  # fmt: skip
        if self.target is not None:
            session.learnt = LearntCare(self._care, 1 - (hello.target or self.target) / 100)
        session.began = partial(self.announce, "join")
        session.on_frame, session.hub = self.on_frame, self.hub
        session.trace = None if self.tracing is None else self.tracing(hello)
        self.sessions[name] = session
        return session

    def _dismissed_one(self) -> bool:
        """Take the place of the client that has sent nothing for longest; False when all have sent something lately."""
        now = seconds_now()
        longest = max(self.sessions.values(), key=lambda session: session.idle_s(now))
        if longest.idle_s(now) < self.limits.idle_s:
            return False
        longest.dismissed.set()
        self.leave(longest)
        return True

    def welcomed(self, session: Session, now: float) -> None:
        """A client is let in. Plans count with it from now on, unless so many have come lately that only frames count:
        for whoever joins again and again, and sends nothing, others would be served less."""
        if self._welcomes.allows(1.0, now):
            session.offered.expect(now)
            self.announce("join")

    def next_phase(self) -> float:
        """When within the period the next stream's pings come (0..1): far from those of the streams before."""
        self._streams += 1
        return self._streams * GOLDEN % 1.0

    def offers(self, now: float) -> tuple[wire.Offer, ...]:
        """What a client may choose from, as things are now; nothing where a plan decides."""
        if self._asked is None:
            return ()
        serving = [each for each in self.dispatchers.values() if each.takes_frames] or self.dispatchers.values()
        tables = [dispatcher.latency_table(self._variants, now, care=0.0) for dispatcher in serving]

        def slowest_s(index: int) -> float:
            return max((table[index][0] for table in tables), default=OUT_OF_SERVICE_S)

        return tuple(
            wire.Offer(variant.resolution, variant.name, f1, 1000 * slowest_s(index))
            for index, (variant, f1) in enumerate(zip(self._variants, self._accuracy, strict=True))
        )

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """Where clients may go on without this server."""
        return tuple(dict.fromkeys((*self.alternatives, *other_fronts(self.dispatchers.values()))))

    def announce(self, cause: str) -> None:
        """Tell whoever plans that clients or devices have changed."""
        self.on_change(cause)

    def keep_to(self, limits: Limits) -> None:
        """These hold from now on; a stream that is open keeps what its welcome said."""
        self.limits = self.requesters.limits = limits
        self.on_limits(limits)

    def aim_at(self, target: float) -> None:
        """So many per cent of captured frames are to be in time from now on; what was learnt is where that begins."""
        if self.target is None:
            return
        self.target = target
        for session in self.sessions.values():
            if session.learnt is not None:
                session.learnt = LearntCare(session.learnt.care, 1 - (session.target or target) / 100)

    def happened(self, event: ServerEvent) -> None:
        """Something has happened to a client."""
        if isinstance(event, ClientRefused):
            self.refuse(event.code)
        self.on_event(event)

    def refuse(self, cause: str) -> None:
        """A connection was not let in."""
        self.refused[cause] += 1

    def leave(self, session: Session) -> None:
        """Forget a client whose stream has ended."""
        if self.sessions.get(session.client) is session:
            del self.sessions[session.client]
            self._left.set()
            self.on_left(session)
            self._gone = self._gone.plus(session)
            self.announce("leave")

    def last_minute(self) -> MinutePassed | None:
        """How clients fared since it was asked before; None where none was there and nothing ended."""
        fared = self._gone
        for session in self.sessions.values():
            fared = fared.plus(session)
        before, self._told = self._told, fared
        ended, on_time = (max(0, now - then) for now, then in zip(fared, before, strict=True))
        requests = self.requesters.since_told()
        if not self.sessions and not ended and not requests.ended:
            return None
        sizes = Counter(session.plan.variant for session in self.sessions.values() if session.plan.mapped)
        return MinutePassed(len(self.sessions), ended, min(on_time, ended), dict(sizes), *requests)

    def observe(self, now: float) -> Problem:
        """The clients, the devices and the host as they are now, for the planner."""
        told = self._read_host(now)
        for session in self.sessions.values():
            session.learn()
        asked = (session.demand(self._variants, now, self._care) for session in self.sessions.values())
        cameras = tuple(demand for demand in asked if demand is not None)
        whole = Problem(
            clients=cameras + self._requests,
            devices=self._options(now),
            variants=self._variants,
            accuracy=self._accuracy,
            host_share=self.host.share,
            host_resolution=self.host.resolution,
        )
        problem = self._shared.within(whole, self.dispatchers)
        self._requests = self.requesters.demands(now, cameras, problem.devices, self._accuracy)
        problem = msgspec.structs.replace(problem, clients=cameras + self._requests)
        if told and problem.devices:
            problem = self._sizes.within(now, self.host, problem, self._served(now))
        if self._plan is not None and self.target is not None:
            for client, seconds in worst_cases_s(within_host(problem), self._plan).items():
                if client in self.sessions:
                    self.sessions[client].expects(seconds, now)
        return problem

    def _read_host(self, now: float) -> bool:
        """Take in what the host has done; whether that tells something."""
        if self._meter is None:
            return False
        served_fps = sum(self.sessions[client].fps for client in self._served(now))
        served_fps += self.requesters.offered_fps(now)
        reading = self._meter.reading(now)
        told = self.host.observe(now, reading, served_fps)
        if told:
            self._sizes.observe(reading)
        return told

    def _served(self, now: float) -> dict[str, int]:
        """Resolution of each client that has a place and sends."""
        served = ((name, session) for name, session in self.sessions.items() if session.plan.mapped)
        return {name: session.plan.resolution for name, session in served if session.offered_fps(now) > 0}

    def _options(self, now: float) -> tuple[DeviceOption, ...]:
        """The devices. Those on probation are out of service where another one serves."""
        care = self._device_care()
        options = [
            DeviceOption(
                name,
                each.latency_table(self._variants, now, care),
                each.workers,
                each.occupancy_table(self._variants),
                each.spare,
            )
            for name, each in self.dispatchers.items()
        ]
        doubted = [each.on_probation(now) for each in self.dispatchers.values()]
        if not any(option.serves and not doubt for option, doubt in zip(options, doubted, strict=True)):
            return tuple(options)
        pairs = zip(options, doubted, strict=True)
        return tuple(option.out_of_service() if doubt else option for option, doubt in pairs)

    def _device_care(self) -> float:
        """How careful plans are with devices, which many clients share: as with the median client, within bounds.

        What has shown to be needed for one client's link is nothing that its neighbours should pay for.
        """
        cares = [session.learnt.care for session in self.sessions.values() if session.learnt is not None]
        return min(max(median(cares), LEAST_DEVICE_CARE), MOST_DEVICE_CARE) if cares else self._care

    def apply(self, plan: Plan) -> None:
        """Put `plan` into force: devices first, then the clients that it concerns."""
        began_s = time.perf_counter()
        self._plan = plan
        clients: dict[str, Counter[Variant]] = defaultdict(Counter)
        for client, device in plan.clients.items():
            clients[device][plan.variants.get(client, plan.devices[device].variant)] += 1
        for name, device_plan in plan.devices.items():
            self.dispatchers[name].apply(device_plan, clients[name])
        for client, session in list(self.sessions.items()):
            variant = plan.variant_of(client)
            if variant is None:
                session.assign(self._quietest(), min(self._variants), mapped=False)
            else:
                dispatcher = self.dispatchers[plan.clients[client]]
                session.assign(dispatcher, variant, mapped=True, fps=plan.rate_of(client, session.fps))
        self.requesters.apply(plan, seconds_now())
        self.apply_s = time.perf_counter() - began_s

    async def retire(self, patience_s: float) -> None:
        """Take no new clients, and wait until those that are here have gone, at most so long.

        They are served as before. Whoever asks whether the server is ready learns that it is draining. Cameras that it
        fetches itself go when it does: nobody waits for them.
        """
        self.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not all(session.fetched for session in self.sessions.values()):
                    self._left.clear()
                    await self._left.wait()

    async def drain(self) -> None:
        """Take no new clients, answer what is queued as dropped, and let running batches finish."""
        self.ready, self.draining = False, True
        self.decoding.close()
        devices = [*self.dispatchers.values(), *self.former.leaving]
        if devices:
            _, hanging = await asyncio.wait([asyncio.ensure_future(each.drain()) for each in devices], timeout=DRAIN_S)
            for device in hanging:
                device.cancel()
        self.drained.set()
        self.hub.close()

    @property
    def takes_frames(self) -> bool:
        """Whether clients are served: it is ready, is not shutting down, and some device works."""
        return self.ready and not self.draining and any(each.takes_frames for each in self.dispatchers.values())

    @property
    def device_states(self) -> dict[str, DeviceState]:
        """How each device is."""
        return {name: dispatcher.state for name, dispatcher in self.dispatchers.items()}

    def statistics(self) -> list[DeviceStatistics]:
        """What each device has done so far, also under the same name before."""
        return self.former.with_former(self.dispatchers.values())

    def all_statistics(self) -> list[DeviceStatistics]:
        """The same, with those that are not here any more."""
        here = self.statistics()
        return [*here, *(did for name, did in self.former.statistics().items() if name not in self.dispatchers)]

    def _quietest(self) -> FrameTaker:
        """The device with the shortest queue, of those that take frames if there are any."""
        devices = self.dispatchers.values()
        return min(devices, key=lambda each: (not each.takes_frames, each.queued), default=NOWHERE)
