"""The async rim of one device: feeds its workers batches as the batcher decides and answers every request.

The only place of this package that reads the clock. Each submitted request's `done` is settled
exactly once, whatever happens: answered, dropped with a reason, or left alone when the client has cancelled it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

import msgspec
import numpy as np

from jellyfish.clock import call_at, seconds_now
from jellyfish.control.care import batch_s
from jellyfish.control.problem import OUT_OF_SERVICE_S, DevicePlan, Share
from jellyfish.core import Answer, Reason, Variant
from jellyfish.devices.executor import DeviceGrant, DistantExecutor, Executor, PipelinedExecutor, Shape, SharedExecutor
from jellyfish.devices.health import DeviceState, Health
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.devices.slowdown import Pace
from jellyfish.dispatch.batcher import Batcher
from jellyfish.dispatch.lanes import lane_of, make_lanes
from jellyfish.dispatch.queue import FrameQueue
from jellyfish.dispatch.request import Answered, Dropped, Request
from jellyfish.dispatch.warmth import Warmth, all_warm
from jellyfish.errors import DeviceLostError, ImageError, InputError, JellyfishError
from jellyfish.models.model import Image

logger = logging.getLogger(__name__)
QUEUE_CAPACITY = 64
"""Requests that may wait for one device."""
SUSPECT_FACTOR = 1.5
OVERDUE = 2.0
"""A batch that has taken so many times its profiled time, and still runs, slows the device down in plans."""
LEAVE_S = 0.5
"""A worker that is not used for being slower than the others is tested this often."""
TEST_PERIOD_S = 0.05
"""A device so much slower than its profile is tested this often while nothing is sent to it."""
BLANK = np.zeros((9, 16, 3), dtype=np.uint8)
LEADS = 2.0
"""Times what it takes to prepare a batch, before a worker is expected to be free, it is given the next one."""
LEAST_LEFT_S = 0.001
"""What a batch that should be done is taken to need yet."""
Table = tuple[tuple[float, ...], ...]
"""Seconds of each variant at each batch size."""


class DeviceStatistics(msgspec.Struct, frozen=True):
    """What one device has done so far. Counts are since the start."""

    device: str
    shares: tuple[Share, ...]
    """The plan in force: variants that have their turn, with the largest batch of each."""
    workers: int
    """All of them, whether or not plans count with them."""
    busy_s: float
    """Of all workers together."""
    batches: int
    frames: int
    """Frames of clients run with success; the device's tests of itself are not among them."""
    batch_sizes: dict[int, int]
    """Frames of a batch -> batches."""
    dropped: dict[Reason, int]
    queued: int
    slow_down: float
    way_s: float = 0.0
    """What a message to a device behind a stream, and back, takes; 0 for others."""
    gone: int = 0
    """How often its worker was not there any more."""
    share: float = 1.0
    """What this server has of it, where others use it, too."""

    @property
    def mean_batch(self) -> float:
        """Frames per batch; 0 before the first."""
        return self.frames / self.batches if self.batches else 0.0


class Dispatcher:
    """One device's queue and the workers that empty it, each with one batch at a time.

    A worker whose executor prepares batches while another runs (`PipelinedExecutor`) is given the next one shortly
    before it is expected to be free: as late as its device need not wait, so that as many frames as can be are there.

    `variant` and `batch` hold from the start, so that frames which arrive before the first plan are served too.
    Variants whose `accuracy` is given may run in place of the planned ones, batch by batch, where that saves frames or
    time is to spare; without any, frames are run with what was planned or not at all.
    """

    def __init__(
        self,
        executor: Executor,
        profile: LatencyProfile,
        variant: Variant,
        batch: int,
        queue: FrameQueue | None = None,
        accuracy: Mapping[Variant, float] | None = None,
        warmth: Warmth | None = None,
    ) -> None:
        """`queue`: who decides what runs next; None takes a `Batcher`. `warmth`: None where all has run."""
        self._executor, self._profile = executor, profile
        self._distant = executor if isinstance(executor, DistantExecutor) else None
        self._warmth = warmth or all_warm(profile)
        self._queue = Batcher(QUEUE_CAPACITY) if queue is None else queue
        self._max_batch = batch
        self._accuracy = accuracy or {}
        self._mixes = frozenset(profile.mixes)
        least_s = min(entry.p50_s[0] for entry in profile.latencies)
        self._pace = Pace(profile.workers, profile.sharing, least_s)
        self._health = Health(profile.workers)
        self._looking: asyncio.TimerHandle | None = None
        self._batches_of: dict[int, list[list[Request]]] = {}
        """Worker -> what it runs, and what waits for that."""
        self._pipelined = executor if isinstance(executor, PipelinedExecutor) and executor.in_flight > 1 else None
        self._shared = executor if isinstance(executor, SharedExecutor) else None
        self._over = [asyncio.Event() for _ in range(profile.workers)]
        """Of each worker: set whenever a batch of it has ended."""
        self._over_s = [-math.inf] * profile.workers
        """When that was."""
        self._testing: set[int] = set()
        self._there_again = asyncio.Event()
        self._gone = 0
        if self._distant is not None:
            self._distant.on_there = self._there
            self._distant.on_grant = lambda: self.on_change()
        self._tables: dict[str, tuple[object, Table]] = {}
        """For planning, each with what it was made of."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when a worker is out, or back in service."""
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._refusal = Reason.SHUTDOWN
        """Why frames are given up while it drains."""
        self._busy_s, self._batches, self._frames = 0.0, 0, 0
        self._batch_sizes: Counter[int] = Counter()
        self._dropped: Counter[Reason] = Counter()
        self.apply(DevicePlan(variant, batch), {})

    @property
    def device(self) -> str:
        """The device's name."""
        return self._profile.device

    @property
    def max_batch(self) -> int:
        """The largest batch that the device was made ready for: the one at construction."""
        return self._max_batch

    @property
    def state(self) -> DeviceState:
        """Whether it works."""
        return self._health.state

    @property
    def decodes(self) -> bool:
        """Whether the device decodes images itself: requests have them as they came."""
        return self._distant is not None

    @property
    def grant(self) -> DeviceGrant:
        """What this server has of the device."""
        return DeviceGrant() if self._distant is None else self._distant.grant

    def want(self, wanted: float, weight: float) -> None:
        """Say what could be used of it, where others use it, too."""
        if self._distant is not None:
            self._distant.want(wanted, weight)

    @property
    def takes_frames(self) -> bool:
        """False while it fails or hangs: what is submitted is dropped at once then."""
        return not self._health.all_out

    def on_probation(self, now: float) -> bool:
        """See `Health.on_probation`."""
        return self._health.on_probation(now)

    @property
    def workers(self) -> int:
        """Batches that plans may count with at once; workers that share their processor come on top."""
        return len(self._pace.counted)

    @property
    def spare(self) -> float:
        """What those add to each of the others, as a share of it."""
        return self._pace.spare

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._queue)

    def quickest_s(self, variant: Variant | None) -> float:
        """The least that a frame planned for `variant` takes, as things are now."""
        lane = self._lanes[lane_of(self._lanes, variant, self._profile)]
        return self._pace.cautious_factor * lane.quickest.latency_s[0]

    def latency_table(self, variants: Sequence[Variant], now: float, care: float) -> Table:
        """For planning: seconds of each variant at each batch size that may run, with so much `care`.

        The profile's spread with the slow-down that lasts, or the slow-down's own spread if that is more. Batches that
        are overdue on all workers slow the device down before they are done: one that hangs must not get more clients.
        """
        self._look_from_here()
        if self._health.all_out or all(self._health.hangs(worker, now) for worker in self._pace.counted):
            return ((OUT_OF_SERVICE_S,) * self._max_batch,) * len(variants)
        overdue = min(self._health.overdue(worker, now) for worker in self._pace.counted)
        overdue = overdue if overdue > OVERDUE else 0.0
        return self._table("latency", variants, (care, overdue), lambda: self._latencies(variants, care, overdue))

    def _latencies(self, variants: Sequence[Variant], care: float, overdue: float) -> Table:
        usual, careful = self._pace.beyond(0.0), self._pace.beyond(care)

        def row(variant: Variant) -> Iterator[float]:
            entry, may = self._profile.of(variant), self._may(variant)
            for p50_s, p99_s in zip(entry.p50_s[:may], entry.p99_s[:may], strict=True):
                fitted_s = self._pace.fitted_s(p50_s)
                slower = max(usual * fitted_s / p50_s, overdue)
                yield max(slower * batch_s(care, p50_s, p99_s), careful * fitted_s)
            yield from (OUT_OF_SERVICE_S,) * (self._max_batch - may)

        return tuple(tuple(row(variant)) for variant in variants)

    def _look_from_here(self) -> None:
        """What lies between here and a device behind a stream may have become longer, or shorter."""
        if self._distant is None:
            return
        seen = self._distant.seen()
        if seen is not self._profile:
            self._profile = seen
            self._make_lanes()

    def _may(self, variant: Variant) -> int:
        """The largest batch of it that has run before."""
        return min(self._warmth.depth(variant), self._max_batch)

    def occupancy_table(self, variants: Sequence[Variant]) -> Table:
        """For planning: how long a batch of each variant and size usually keeps a worker from the next one."""
        return self._table("occupancy", variants, (), lambda: self._occupancies(variants))

    def _occupancies(self, variants: Sequence[Variant]) -> Table:
        usual = self._pace.beyond(0.0)

        def row(variant: Variant) -> Iterator[float]:
            entry, may = self._profile.of(variant), self._may(variant)
            for keeps_s, p50_s in zip(entry.keeps_s[:may], entry.p50_s[:may], strict=True):
                yield usual * self._pace.fitted_s(p50_s) * keeps_s / p50_s
            yield from (OUT_OF_SERVICE_S,) * (self._max_batch - may)

        return tuple(tuple(row(variant)) for variant in variants)

    def _table(self, kind: str, variants: Sequence[Variant], of: tuple[float, ...], made: Callable[[], Table]) -> Table:
        """A table as it was made before, where nothing has changed that it is made of."""
        based = of, variants, self._profile, self._pace.changes, tuple(map(self._may, variants))
        known = self._tables.get(kind)
        if known is None or known[0] != based:
            known = self._tables[kind] = based, made()
        return known[1]

    def apply(self, plan: DevicePlan, clients: Mapping[Variant, int]) -> None:
        """Run `plan` from the next batch on. InputError if it is not profiled.

        `clients`: how many there are on each variant. Frames that wait from an earlier plan run with what is nearest.
        """
        for variant, batch in ((share.variant, share.batch) for share in plan.shares):
            if variant not in self._profile.variants or not 1 <= batch <= self._profile.max_batch:
                raise InputError(
                    f"{self._profile.device}: {variant.name} in batches of {batch} is not in its profile; "
                    f"measure one with this variant and batches up to {batch}"
                )
        self._plan, self._on_variant = plan, clients
        self._make_lanes()

    def _make_lanes(self) -> None:
        depth = self._warmth.depth
        self._lanes = make_lanes(self._plan, self._on_variant, self._profile, self._accuracy, self._max_batch, depth)

    def submit(self, request: Request) -> None:
        """Queue `request`; it and any frame that has to leave for it are answered through their `done`."""
        if self._draining or self._health.all_out:
            self._drop([(request, self._refusal if self._draining else Reason.DEVICE_ERROR)])
            return
        self._drop(self._queue.push(request, seconds_now()))
        self._work.set()

    async def run(self) -> None:
        """Serve until `drain` or cancellation."""
        try:
            async with asyncio.TaskGroup() as workers:
                for worker in range(self._profile.workers):
                    workers.create_task(self._work_as(worker))
                    for _ in range(1, self._pipelined.in_flight if self._pipelined else 1):
                        workers.create_task(self._work_beside(worker))
        finally:
            if self._looking is not None:
                self._looking.cancel()

    async def _work_as(self, worker: int) -> None:
        while not self._draining:
            if worker in self._health.lost:
                await self._work_within(None)
            elif self._health.doubtful(worker):
                await self._test_in_time(worker)
            elif not self._pace.uses(worker):
                if not await self._prepare(worker):
                    await asyncio.sleep(LEAVE_S)
                await self._test(worker)
            elif len(self._queue) or await self._work_within(self._patience_s(worker)):
                await self._serve(worker)
            elif not self._suspect:
                await self._prepare(worker)
            elif self._testing <= self._health.out:
                await self._test(worker)

    async def _work_beside(self, worker: int) -> None:
        """Serve the batches of `worker` that another way of it has no hand for; all else is that one's."""
        while not self._draining and worker not in self._health.lost:
            if not self._may_serve(worker):
                await asyncio.sleep(LEAVE_S)
            elif len(self._queue) or await self._work_within(None):
                await self._serve(worker)

    async def _serve(self, worker: int) -> None:
        """Have it run batches as long as frames wait and it may."""
        while len(self._queue) and self._may_serve(worker):
            await self._serve_batch(worker)

    def _may_serve(self, worker: int) -> bool:
        """Whether it is to be given frames."""
        return self._pace.uses(worker) and not self._health.doubtful(worker)

    def _patience_s(self, worker: int) -> float | None:
        """How long to wait for frames before something else is done."""
        if self._suspect or worker in self._batches_of:
            return TEST_PERIOD_S
        if self._warmth.idle(worker):
            return None
        return TEST_PERIOD_S if self._cold_shape(worker) is None else 0.0

    def _cold_shape(self, worker: int) -> Shape | None:
        """What `worker` may run for the first time now."""
        return self._warmth.next(worker, lambda shape: self._profiled_s(*shape), any(self._on_variant.values()))

    def _profiled_s(self, variant: Variant, batch: int) -> float:
        return self._profile.of(variant).p50_s[batch - 1]

    async def _prepare(self, worker: int) -> bool:
        """Run empty frames as a batch that has not run yet, if there is time for that."""
        shape = self._cold_shape(worker)
        if shape is None or worker in self._batches_of:
            return False
        variant, batch = shape
        began_s = seconds_now()
        empty = [self._empty(began_s) for _ in range(batch)]
        if await self._execute(worker, empty, [variant] * batch, began_s, first=True):
            if self._warmth.ran(worker, shape, seconds_now() - began_s, self._profiled_s(variant, batch)):
                self._make_lanes()
        else:
            self._warmth.failed(worker)
        return True

    async def _work_within(self, patience_s: float | None) -> bool:
        """Wait for a request; False when none has come."""
        try:
            async with asyncio.timeout(patience_s):
                await self._work.wait()
        except TimeoutError:
            return False
        self._work.clear()
        return True

    @property
    def _suspect(self) -> bool:
        """The device was much slower than its profile when it was last used, or is on probation."""
        return self._pace.cautious_factor > SUSPECT_FACTOR or self.on_probation(seconds_now())

    async def _test_in_time(self, worker: int) -> None:
        """Test a worker that is doubtful, after a pause; where it has a batch, what comes of that is the test."""
        if worker in self._batches_of:
            await self._one_over(worker)
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._health.pause_s(worker)):
                    await self._there_again.wait()
            await self._test(worker)

    async def _test(self, worker: int) -> None:
        """Run an empty frame, to learn whether a device that nobody is sent to any more has recovered; not while
        it runs something."""
        if self._draining or worker in self._batches_of:
            return
        now = seconds_now()
        self._testing.add(worker)
        try:
            await self._execute(worker, [self._empty(now)], [self._plan.variant], now)
        finally:
            self._testing.discard(worker)

    def _empty(self, now: float) -> Request:
        """A frame for which nobody waits, and of whose outcomes none counts."""
        done: asyncio.Future[Answered | Dropped] = asyncio.get_running_loop().create_future()
        done.cancel()
        return Request("", 0, now, now, BLANK, done)

    async def drain(self, reason: Reason = Reason.SHUTDOWN) -> None:
        """Give up everything queued and all that is still submitted; returns when what runs is answered."""
        self._draining, self._refusal = True, reason
        self._drop((request, reason) for request in self._queue.clear())
        self._work.set()
        await self._idle.wait()

    def abandon(self) -> None:
        """The device is gone: give up what is queued, what runs, and all that is still submitted."""
        self._draining, self._refusal = True, Reason.DEVICE_ERROR
        running = [request for batches in self._batches_of.values() for batch in batches for request in batch]
        self._drop((request, Reason.DEVICE_ERROR) for request in [*self._queue.clear(), *running])
        self._work.set()

    def statistics(self) -> DeviceStatistics:
        """A snapshot."""
        return DeviceStatistics(
            device=self._profile.device,
            shares=self._plan.shares,
            workers=self._profile.workers,
            busy_s=self._busy_s,
            batches=self._batches,
            frames=self._frames,
            batch_sizes=dict(self._batch_sizes),
            dropped=dict(self._dropped),
            queued=len(self._queue),
            slow_down=self._pace.lasting,
            way_s=0.0 if self._distant is None else self._distant.exchange_s,
            gone=self._gone,
            share=self.grant.share,
        )

    async def _serve_batch(self, worker: int) -> None:
        """Take the next batch and run it, or wait as the queue says.

        A batch is expected to take its profiled median times the cautious slow-down factor: with the median alone,
        half of the batches that just fit would be late. It begins when what the worker runs already has ended.
        """
        if worker in self._batches_of:
            await self._until_nearly_free(worker)
            if not self._may_serve(worker) or self._draining:
                return
        now = seconds_now()
        cautious, slower = self._pace.of(worker).cautious_factor, self._pace.slower(worker)
        begins_s = max(now, self._health.free_s(worker, cautious) or now)
        others_s = self._others_s(worker, begins_s)
        mixes = self._mixes if self._warmth.complete else frozenset[int]()
        decision = self._queue.take(
            begins_s, self._lanes, self._lane_of, cautious / slower, mixes, self._max_batch, others_s, slower
        )
        self._drop(decision.drop)
        if not decision.run:
            if decision.resume_s is not None:
                await self._work_within(decision.resume_s - now)
            return
        if await self._execute(worker, decision.run, decision.variants, now):
            self._batches += 1
            self._frames += len(decision.run)
            self._batch_sizes[len(decision.run)] += 1

    async def _until_nearly_free(self, worker: int) -> None:
        """Wait until one of its batches ends, or the last one is expected to, less what it takes to prepare another:
        that twice, as a batch may end sooner than is expected."""
        assert self._pipelined is not None
        now = seconds_now()
        ends_s = self._health.free_s(worker, self._pace.of(worker).factor) or now
        left_s = ends_s - LEADS * self._pipelined.lead_s(worker) - now
        if left_s > 0.0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._one_over(worker)

    async def _one_over(self, worker: int) -> None:
        """Wait until one of its batches ends."""
        self._over[worker].clear()
        await self._over[worker].wait()

    def _others_s(self, worker: int, now: float) -> list[float]:
        """Seconds until each other worker that is used is expected to be free; 0 for those that are idle."""
        frees_s = {
            other: self._health.free_s(other, self._pace.of(other).cautious_factor)
            for other in self._health.running
            if other != worker and self._pace.uses(other)
        }
        busy_s = [max(free_s - now, LEAST_LEFT_S) for free_s in frees_s.values() if free_s is not None]
        return busy_s + [0.0] * (self._pace.count - 1 - len(busy_s))

    def _lane_of(self, request: Request) -> int:
        return lane_of(self._lanes, request.variant, self._profile)

    async def _execute(
        self, worker: int, batch: list[Request], variants: list[Variant], started: float, first: bool = False
    ) -> bool:
        """Run `batch` and answer it; False when the device failed, which costs its batch, never the loop.

        `first`: it runs for the first time, which tells nothing of how long it takes later.

        `variants`: what each is to be run with. Where a network has yet to be loaded, another runs, and the answers say
        so.
        """
        variants = [self._executor.ready(variant) for variant in variants]
        groups = Counter(variants)
        behind = worker in self._batches_of  # prepared beside another one, it takes what it keeps the worker
        entries = [(self._profile.of(variant), size) for variant, size in groups.items()]
        profiled_s = sum((entry.keeps_s if behind else entry.p50_s)[size - 1] for entry, size in entries)
        self._begin(worker, batch, started, profiled_s)
        try:
            found, waited_s = await self._run(variants, batch, worker)
            answers = list(zip(batch, variants, found, strict=True))
        except asyncio.CancelledError:
            self._health.cancelled(worker, seconds_now())
            self._drop((request, Reason.SHUTDOWN) for request in batch)
            raise
        except Exception as error:
            self._failed(worker, batch, ", ".join(variant.name for variant in groups), error)
            return False
        finally:
            started = max(started, self._over_s[worker])  # before, the worker was busy with another one
            execute_s = self._end(worker, batch) - started
            self._busy_s += execute_s
        self._worked(worker)
        if not first and not any(isinstance(found, ImageError) for _, _, found in answers):
            self._pace.observe(worker, max(0.0, execute_s - waited_s), profiled_s)
        self._answer(answers, started, execute_s, on_top=worker >= self._profile.workers - self._profile.sharing)
        return True

    async def _run(
        self, variants: list[Variant], batch: list[Request], worker: int
    ) -> tuple[Sequence[Answer | ImageError], float]:
        """What was found, and how long the batch had to wait for those of other servers."""
        images = [request.image for request in batch]
        if self._distant is not None:
            return await self._distant.run_undecoded(variants, images, worker)
        found = await self._executor.run(variants, cast("list[Image]", images), worker)
        return found, 0.0 if self._shared is None else self._shared.waited_s(worker)

    # --- devices that fail or hang -----------------------------------------------------------------------

    def _there(self, is_there: bool) -> None:
        """A device behind a stream has gone, which is known before a batch fails; or it may be tried again."""
        if not is_there:
            self._gone += 1
            self._health.gone(seconds_now())
            self._out_has_changed()
            self._work.set()  # workers that wait for frames look after themselves now
        else:  # whoever waits for that goes on, and whoever will do so later waits
            self._there_again.set()
            self._there_again.clear()

    def _begin(self, worker: int, batch: list[Request], started: float, profiled_s: float) -> None:
        grant = self.grant
        self._health.began(worker, started, profiled_s, profiled_s / grant.share + grant.waiting_s)
        self._batches_of.setdefault(worker, []).append(batch)
        self._idle.clear()
        if self._looking is None:
            self._look_later()

    def _end(self, worker: int, batch: list[Request]) -> float:
        """It is over, however; when."""
        left = [each for each in self._batches_of.pop(worker) if each is not batch]
        if left:
            self._batches_of[worker] = left
        if not self._batches_of:
            self._idle.set()
        self._over_s[worker] = now = seconds_now()
        self._over[worker].set()
        return now

    def _look_later(self) -> None:
        """Have a timer for the time at which a batch that runs now would hang. Most look after the batches of seconds:
        by then those that it was set for have ended, and it is set for a newer one."""
        self._looking = call_at(asyncio.get_running_loop(), self._health.next_look_s(), self._look)

    def _look(self) -> None:
        """Take batches that have run for too long for hanging."""
        self._looking = None
        hanging, given_up = self._health.look(seconds_now())
        for worker in hanging:
            if not self._health.failures(worker):
                logger.warning("%s hangs: a batch has not ended in %.1f s", self._name(worker), self._age_s(worker))
            self._drop((request, Reason.DEVICE_ERROR) for batch in self._batches_of[worker] for request in batch)
            self._out_has_changed()
        for worker in given_up:
            self._executor.give_up(worker)
        if self._health.next_look_s() < math.inf:
            self._look_later()

    def _age_s(self, worker: int) -> float:
        return seconds_now() - self._health.running[worker][0].started_s

    def _failed(self, worker: int, batch: list[Request], names: str, error: Exception) -> None:
        """Say so when it begins, not each time: a device that stays broken is tested for weeks maybe.

        What says in words why it failed needs no traceback.
        """
        where, now = self._name(worker), seconds_now()
        if isinstance(error, DeviceLostError):
            if worker not in self._health.lost:
                logger.error("%s is lost until this server is started again: %s", where, error)
            self._health.lost_for_good(worker, now)
        else:
            if not self._health.doubtful(worker):
                trace = None if isinstance(error, JellyfishError) else error
                logger.warning("%s failed on %d frames of %s: %s", where, len(batch), names, error, exc_info=trace)
            self._health.ended(worker, now, failed=True)
        self._drop((request, Reason.DEVICE_ERROR) for request in batch)
        self._out_has_changed()

    def _worked(self, worker: int) -> None:
        doubtful = self._health.doubtful(worker)
        self._health.ended(worker, seconds_now(), failed=False)
        if doubtful and not self._health.doubtful(worker):
            logger.warning("%s works again", self._name(worker))
            self._out_has_changed()

    def _out_has_changed(self) -> None:
        """Where nobody is left who would run them, frames that wait are given up."""
        self._pace.leaves_out(self._health.out)
        self.on_change()
        if self._health.all_out:
            self._drop((request, Reason.DEVICE_ERROR) for request in self._queue.clear())

    def _name(self, worker: int) -> str:
        return self.device if self._profile.workers == 1 else f"{self.device}, worker {worker + 1},"

    def _answer(
        self,
        answers: list[tuple[Request, Variant, Answer | ImageError]],
        started: float,
        execute_s: float,
        on_top: bool,
    ) -> None:
        device, batch = self._profile.device, len(answers)
        for request, variant, found in answers:
            if isinstance(found, ImageError):
                self._drop([(request, Reason(found.reason))], str(found))
            elif not request.done.done():
                queue_s = started - request.queued_s
                self._warmth.spare(started + execute_s, request.deadline_s - started - execute_s)
                request.done.set_result(Answered(found, variant, device, batch, queue_s, execute_s, on_top))

    def _drop(self, dropped: Iterable[tuple[Request, Reason]], message: str = "") -> None:
        """Tell the clients that still wait."""
        for request, reason in dropped:
            if not request.done.done():
                request.done.set_result(Dropped(reason, message))
                self._dropped[reason] += 1
                self._warmth.spare(seconds_now(), 0.0)
