"""What the server's own machine can carry beside its devices: event loop and decoders. Pure: times are arguments.

A host with more to do than it can makes every frame late, whatever its network. Answered with smaller networks that is
a spiral: overheads climb, budgets shrink, plans fall, and the host has as much to do as before. So it is answered with
fewer frames: a share of each client's rate, the same for all (where some are more important than others: theirs last),
that keeps the host occupied for no more than `ALLOWED` of the time; or with smaller ones
(`jellyfish.control.host_sizes`). And what waiting takes from a budget is bounded by what it takes at that utilisation.

Occupation is measured, not modelled: the loop is occupied while it runs and while it is ready and has no processor, a
decoder while a frame is with it. So a host that is starved by others is seen like one that has too many clients, and so
is the end of it. The share follows in steps: down to what was really carried, up by how much was free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from jellyfish.control.importance import differ
from jellyfish.control.problem import ClientDemand, Problem

ALLOWED = 0.9
"""Share of the time that the busiest part of the host may be occupied: what is aimed at."""
BUSY, CALM = 0.95, 0.8
"""Above the one fewer frames are asked for, below the other more; between them nothing changes."""
LEAST_SHARE = 0.2
"""Of a client's frames that are asked for, however little the host can do: with fewer nothing would be known of it."""
MOST_RISE, RISE = 2.5, 0.7
"""One step up is at most the first, and the free part of the host to the power of the second: waiting for processors
grows faster than the number of frames."""
MOST_FALL = 2.0
"""One step down."""
KEPT = 0.8
"""Of what was known of a frame's work, with each span."""
LEAST_SPAN_S = 0.4
"""Readings closer together are not compared: a few frames say little."""
LEAST_ROOM, ROOM_FALL, ROOM_RISE = 0.1, 4.0, 1.25
"""Of what clients may cost beyond the frames of plans: at least, and its steps down and up."""


class HostReading(NamedTuple):
    """What the host has done so far. All rise with time; the first three are seconds of a processor."""

    loop_s: float
    """The event loop's work."""
    waited_s: float
    """The event loop was ready and had no processor."""
    decoding_s: float
    """The decoders' work."""
    occupied_s: float
    """Decoders had a frame, whether or not they had a processor; of all together."""
    decoded: int
    """Frames that are done with, also those that were refused."""
    images: int = 0
    """Those of which images came,"""
    megapixels: float = 0.0
    """and how large these are together."""


class PartCosts(NamedTuple):
    """What a frame costs the part of the host that is busiest: so much of its own work, and of the other part's, for
    which it waits where they share processors."""

    loop_s: float
    """The event loop's work for a frame."""
    with_loop: float
    with_decoders: float
    """Shares (0..1) of the event loop's and of a decoder's work for a frame."""


class HostUse(msgspec.Struct, frozen=True):
    """Of one span of time."""

    loop: float
    """Share of the time that the event loop was occupied."""
    decoders: float
    """The same, of all decoders."""

    @property
    def busiest(self) -> float:
        """Of the part that had most to do."""
        return max(self.loop, self.decoders)


class Occupancy:
    """For how long the workers of a pool had something to do, from when each job came and went."""

    def __init__(self, workers: int) -> None:
        self.workers, self.jobs = workers, 0
        """Of the pool; that are with it, waiting ones too."""
        self._since_s = 0.0
        self._occupied_s = 0.0

    def came(self, now: float) -> None:
        """A job for the pool."""
        self.until(now)
        self.jobs += 1

    def went(self, now: float) -> None:
        """A job is done."""
        self.until(now)
        self.jobs -= 1

    def until(self, now: float) -> float:
        """Seconds of all workers together, until `now`."""
        self._occupied_s += min(self.jobs, self.workers) * (now - self._since_s)
        self._since_s = now
        return self._occupied_s


class HostLoad:
    """What is known of the host. Until it has been read twice nothing is, and it is taken to be short of nothing."""

    def __init__(self, decoders: int = 1) -> None:
        self.share = 1.0
        """Of each client's frames that the host can carry."""
        self.possible = 1.0
        """The same, were there more of them: what there is room for."""
        self.resolution: int | None = None
        """Longest side of the frames that are asked for (`jellyfish.control.host_sizes`); None where any will do."""
        self.parts: PartCosts | None = None
        """Of the newest span with frames."""
        self.room = 1.0
        """Of what clients may cost beyond the frames of plans: large pictures, many bytes, requests. Only when there is
        none left does the share fall: whoever asks for more than a camera gives way to all others."""
        self.use: HostUse | None = None
        """Of the newest span."""
        self.occupancy = Occupancy(decoders)
        """Of the decoders."""
        self._work_s = self._decoders_s = self._frames = 0.0
        """Of the last spans that had frames, older ones for less: work, time with a decoder, and how many."""
        self._before: tuple[float, HostReading] | None = None

    @property
    def work_s(self) -> float | None:
        """Processor seconds for a frame, of event loop and decoder; None before the first frame."""
        return self._work_s / self._frames if self._frames else None

    @property
    def over(self) -> bool:
        """It had more to do than it may: what frames waited for in it says nothing of their clients."""
        return self.use is not None and self.use.busiest > BUSY

    @property
    def binds(self) -> bool:
        """Clients are served less than the devices could because of it."""
        return self.over or self.share < 1.0 or self.resolution is not None

    @property
    def most_s(self) -> float:
        """The longest that a frame is in the host where that is occupied as allowed; infinite where nothing is known.

        Of a queue that work of varying length comes to at random (M/M/1), which is no less than others take.
        """
        work_s = self.work_s
        return math.inf if work_s is None else work_s / (1.0 - ALLOWED)

    @property
    def ahead_s(self) -> float:
        """How long the next frame will wait for a decoder."""
        waiting = self.occupancy.jobs + 1 - self.occupancy.workers
        if waiting <= 0 or not self._frames:
            return 0.0
        return waiting / self.occupancy.workers * self._decoders_s / self._frames

    def observe(self, now: float, reading: HostReading, offered_fps: float) -> bool:
        """Take in a reading; whether it told something. `offered_fps`: of all clients together that are served, as many
        as they would send."""
        if self._before is None:
            self._before = now, reading
            return False
        then_s, before = self._before
        span_s = now - then_s
        if span_s < LEAST_SPAN_S:
            return False
        self._before = now, reading
        frames = reading.decoded - before.decoded
        loop_s = reading.loop_s - before.loop_s
        occupied_s = reading.occupied_s - before.occupied_s
        if frames:
            self._work_s = KEPT * self._work_s + loop_s + reading.decoding_s - before.decoding_s
            self._decoders_s = KEPT * self._decoders_s + occupied_s
            self._frames = KEPT * self._frames + frames
        waited_s = reading.waited_s - before.waited_s
        self.use = HostUse((loop_s + waited_s) / span_s, occupied_s / (self.occupancy.workers * span_s))
        no_room = self.room == LEAST_ROOM
        self.room = max(LEAST_ROOM, self.room / ROOM_FALL) if self.over else min(1.0, self.room * ROOM_RISE)
        carried = (reading.images - before.images) / span_s / offered_fps if offered_fps else 1.0
        self.possible = self.share
        if no_room or not self.over:  # one busy span may be clients that connect
            self.possible = next_share(self.share, self.use.busiest, carried)
        self.share = min(1.0, self.possible)
        if frames:
            self._compare(loop_s / frames, loop_s, waited_s, reading.decoding_s - before.decoding_s, occupied_s)
        return True

    def _compare(self, frame_s: float, loop_s: float, waited_s: float, decoding_s: float, occupied_s: float) -> None:
        """Say what a frame costs the busiest part, of which so much was work and the rest waiting for processors."""
        if self.use is not None and self.use.loop >= self.use.decoders:
            self.parts = PartCosts(frame_s, 1.0, waited_s / max(loop_s + waited_s, 1e-9))
        else:
            self.parts = PartCosts(frame_s, max(0.0, 1.0 - decoding_s / max(occupied_s, 1e-9)), 1.0)


def next_share(share: float, occupied: float, carried: float) -> float:
    """The share of the clients' frames that there is room for, where `share` was asked for and `carried` came through.

    `occupied`: of the time, by the busiest part of the host. What came through while it was too busy tells what it can
    do, also while frames are still waiting that came before fewer were asked for.
    """
    if occupied > BUSY:
        return max(min(share, carried * ALLOWED / occupied), share / MOST_FALL, LEAST_SHARE)
    if occupied < CALM:
        free = ALLOWED / occupied if occupied else math.inf
        return share * min(MOST_RISE, math.pow(free, RISE))
    return share


def within_host(problem: Problem) -> Problem:
    """`problem` with the rates, and of the sizes, that its host can carry. Who can have none of these keeps his."""
    most = problem.host_resolution
    if problem.host_share == 1.0 and most is None:
        return problem
    small = [most is None or variant.resolution <= most for variant in problem.variants]
    shares = host_shares(problem.clients, problem.host_share)

    def within(demand: ClientDemand) -> ClientDemand:
        budget_s = tuple(each if fits else 0.0 for each, fits in zip(demand.budget_s, small, strict=True))
        budget_s = budget_s if any(budget_s) else demand.budget_s
        share = shares.get(demand.client, problem.host_share)
        return msgspec.structs.replace(demand, fps=share * demand.fps, budget_s=budget_s)

    clients = tuple(within(demand) for demand in problem.clients)
    return msgspec.structs.replace(problem, clients=clients, host_shares=shares)


def host_shares(clients: Sequence[ClientDemand], share: float) -> dict[str, float]:
    """Client -> the share of its frames, where `share` of all together can be carried; of nobody where all are alike.

    The least important are asked for fewer first, down to `LEAST_SHARE`, then the next; those that are as important as
    each other for the same share.
    """
    if share == 1.0 or not differ(clients):
        return {}
    least = min(LEAST_SHARE, share)
    left_fps = (share - least) * sum(demand.fps for demand in clients)
    shares: dict[str, float] = {}
    for importance in sorted({demand.importance for demand in clients}, reverse=True):
        alike = [demand for demand in clients if demand.importance == importance]
        fps = sum(demand.fps for demand in alike)
        more = min(1.0 - least, left_fps / fps)
        left_fps = max(0.0, left_fps - more * fps)
        shares.update((demand.client, least + more) for demand in alike)
    return shares
