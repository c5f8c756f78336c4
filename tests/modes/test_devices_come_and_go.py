"""Devices that come and go while cameras stream: each frame has one outcome, and clients are served by who is there."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from jellyfish.config import CLIENTS_CHOOSE, Limits
from jellyfish.control.capacity import violations
from jellyfish.control.loop import WindowRecord
from jellyfish.control.planners import make_planner
from jellyfish.control.problem import Plan, Problem
from jellyfish.control.solving import Solved
from jellyfish.core import Answer, Outcome, Reason, Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.errors import InputError, RunError
from jellyfish.lab.simulation.network import HOST, PORT, at_url
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.modes.assembly import Assembly, PlanningPolicy, ServerParts, adapting, as_answered, assembly, policy
from jellyfish.server.former_devices import MOST_FORMER
from jellyfish.server.metrics.families import families
from jellyfish.server.metrics.meter import Meter
from jellyfish.server.service import Service
from tests.camera.cameras import Setup
from tests.server.inference.asking import RISING, ask, decode
from tests.server.inference.asking import http as asking
from tests.server.peer import LARGE, PROFILE, SMALL
from tests.virtual import run_virtual, virtual

END_S = 8.0
SOON_S = 2.0
"""A client of a device that is gone is served on time again within so long."""


class Device(TimedExecutor):
    """It can be told to fail, or to hang, and takes nothing once it was given back."""

    def __init__(self, profile: LatencyProfile) -> None:
        super().__init__(profile)
        self.name, self.profile = profile.device, profile
        self.ran, self.closed, self.fails, self.hangs = 0, False, False, False

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        assert not self.closed, "a frame for a device that was given back"
        if self.fails:
            raise RunError("the device is broken")
        if self.hangs:
            await asyncio.Event().wait()
        answers = await super().run(variants, images, worker)
        self.ran += len(images)
        return answers


def device(name: str, slower: float = 1.0, batches: int = 4, variants: Sequence[Variant] = (SMALL, LARGE)) -> Device:
    def times(of: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(slower * seconds for seconds in of[:batches])

    entries = (PROFILE.of(variant) for variant in variants)
    known = tuple(VariantLatency(each.variant, times(each.p50_s), times(each.p99_s)) for each in entries)
    return Device(LatencyProfile(name, "a processor", "abc", known))


class Site:
    """A server, the devices that are with it, and whether its plans name others."""

    def __init__(self, whole: Assembly) -> None:
        self.whole, self.service = whole, whole.service
        self.devices: dict[str, Device] = {}
        self.checked = 0
        inner = self.service.apply

        def checked_apply(plan: Plan) -> None:
            assert plan.devices.keys() == self.service.dispatchers.keys() == self.devices.keys()
            assert set(plan.clients.values()) <= self.devices.keys()
            self.checked += 1
            inner(plan)

        whole._control._apply = checked_apply

    def add(self, new: Device) -> Device:
        self.devices[new.name] = new
        self.whole.add_device(new, new.profile)
        return new

    async def remove(self, name: str, lost: bool = False) -> None:
        gone = self.devices.pop(name)
        await self.whole.remove_device(name, lost)
        gone.closed = True

    async def status(self) -> tuple[int, str]:
        async with asking() as session, session.get(f"http://{HOST}:{PORT}/readyz") as answer:
            return answer.status, msgspec.json.decode(await answer.read())["status"]


SHARED = policy("shared", None, 4, 0.5, seed=0, target=99.0)


@contextlib.asynccontextmanager
async def site(
    *devices: Device,
    planning: PlanningPolicy = SHARED,
    on_window: Callable[[WindowRecord, Service], None] = lambda record, service: None,
) -> AsyncIterator[Site]:
    parts = ServerParts(
        devices=[(each, each.profile) for each in devices],
        model=RISING,
        max_batch=4,
        decode=decode,
        policy=planning,
        limits=Limits(),
    )
    async with assembly(parts, on_window) as whole, at_url(whole.service):
        here = Site(whole)
        here.devices = {each.name: each for each in devices}
        yield here


@contextlib.asynccontextmanager
async def streaming(*cameras: Setup, end_s: float = END_S) -> AsyncIterator[None]:
    """Cameras at work; leaves when they have said goodbye."""
    async with asyncio.TaskGroup() as tasks:
        for number, camera in enumerate(cameras):
            tasks.create_task(camera.run(0.1 + 0.013 * number, end_s))
        yield


def cameras(count: int, fps: float = 20.0) -> list[Setup]:
    return [Setup(f"camera-{number}", fps) for number in range(count)]


def accounted(camera: Setup) -> bool:
    """Each frame has one outcome, on both ends, over one stream."""
    told = camera.camera.farewell
    assert told is not None and camera.outages == []
    return camera.complete(len(camera.records)) and told.received == told.answered + sum(told.dropped.values())


def first_on_time_s(camera: Setup, after_s: float) -> float:
    """How long after that the first frame that was captured since was answered on time."""
    on_time = (each for each in camera.records if each.outcome is Outcome.ON_TIME)
    return min((camera.ended_s[each.frame] - after_s for each in on_time if each.captured_s >= after_s), default=9e9)


def missed(camera: Setup, begin_s: float = 0.0, end_s: float = 9e9) -> int:
    span = (each for each in camera.records if begin_s <= each.captured_s < end_s)
    return sum(each.outcome is not Outcome.ON_TIME for each in span)


@virtual
async def test_clients_of_a_device_that_is_taken_away_are_served_by_the_others_and_lose_nothing() -> None:
    all_cameras = cameras(4)
    async with site(device("a"), device("b")) as here:
        async with streaming(*all_cameras):
            await asyncio.sleep(3.0)
            before = dict(here.whole._control.running.clients)  # type: ignore[union-attr]
            assert set(before.values()) == {"a", "b"}
            gone = here.devices["b"]
            removing = asyncio.create_task(here.remove("b"))
            await asyncio.sleep(0)
            assert before.keys() == here.whole._control.running.clients.keys()  # type: ignore[union-attr]
            assert set(here.whole._control.running.clients.values()) == {"a"}  # type: ignore[union-attr]
            await removing
            ran = gone.ran
            assert set(here.whole._control.running.clients.values()) == {"a"}  # type: ignore[union-attr]
            assert await here.status() == (200, "ready")
            joined = here.add(device("c"))
        assert gone.ran == ran and joined.ran > 50 and here.checked > 10
        did = {each.device: each.frames for each in here.service.all_statistics()}
        assert did["b"] >= 50 and did["a"] >= 50 and set(did) == {"a", "b", "c"}
    for camera in all_cameras:
        assert accounted(camera) and first_on_time_s(camera, 3.0) < SOON_S
        assert not {each.reason for each in camera.records} & {Reason.SHUTDOWN, Reason.DEVICE_ERROR}
        assert missed(camera) <= 2


@virtual
async def test_what_is_on_a_lost_device_is_dropped_at_once_and_its_clients_are_served_elsewhere() -> None:
    moved, other = cameras(2)
    async with site(device("a"), device("b")) as here, streaming(moved, other):
        await asyncio.sleep(3.0)
        clients = here.whole._control.running.clients  # type: ignore[union-attr]
        lost = clients["camera-0"]
        assert clients["camera-1"] != lost
        here.devices[lost].hangs = True
        await asyncio.sleep(0.07)
        now = asyncio.get_running_loop().time()
        await here.remove(lost, lost=True)
        assert asyncio.get_running_loop().time() == now
    assert accounted(moved) and accounted(other)
    assert first_on_time_s(moved, 3.07) < 0.5
    assert {each.reason for each in moved.records if each.outcome is Outcome.DROPPED} == {Reason.DEVICE_ERROR}
    assert missed(moved) <= 5 and missed(other) == 0


@virtual
async def test_without_a_device_cameras_stay_and_are_served_when_one_comes() -> None:
    (camera,) = cameras(1)
    async with site(device("a")) as here:
        here.service.ready = True
        async with streaming(camera):
            await asyncio.sleep(2.0)
            await here.remove("a")
            assert await here.status() == (503, "no device")
            assert here.service.sessions.keys() == {"camera-0"}
            async with asking() as session:
                reply = await ask(session, timeout_ms=500)
                assert reply.status == 503 and reply.seconds < 0.4
            await asyncio.sleep(1.0)
            came_s = asyncio.get_running_loop().time()
            here.add(device("b"))
            assert here.service.takes_frames
    without = [each for each in camera.records if 2.1 <= each.captured_s < came_s - 0.2]
    assert {each.reason for each in without if each.outcome is Outcome.DROPPED} == {Reason.DEVICE_ERROR}
    assert accounted(camera) and first_on_time_s(camera, came_s) < 0.5
    assert missed(camera, came_s + 0.5) == 0


@virtual
async def test_a_server_begins_without_a_device() -> None:
    (camera,) = cameras(1)
    windows: list[WindowRecord] = []
    async with site(on_window=lambda record, service: windows.append(record)) as here, streaming(camera):
        await asyncio.sleep(2.0)
        assert here.service.statistics() == [] and windows[-1].problem.devices == ()
        here.add(device("a"))
    assert accounted(camera) and first_on_time_s(camera, 2.0) < 0.5 and missed(camera, 2.5) == 0


@pytest.mark.parametrize(
    "planning",
    [
        policy("shared", SMALL, 4, 0.5, seed=0),
        policy(CLIENTS_CHOOSE, None, 4, 0.5, seed=0),
        policy("annealing", None, 4, 0.5, seed=0),
        policy("exact", None, 4, 0.5, seed=0),
    ],
    ids=["one variant", "clients choose", "annealing", "exact"],
)
def test_whoever_plans_devices_come_and_go(planning: PlanningPolicy) -> None:
    async def run() -> None:
        all_cameras = cameras(3, fps=10.0)
        async with site(device("a"), device("b"), planning=planning) as here, streaming(*all_cameras):
            await asyncio.sleep(2.0)
            await here.remove("a", lost=True)
            here.add(device("c", batches=2))
            await asyncio.sleep(1.0)
            await here.remove("b")
            await here.remove("c")
            here.add(device("a"))
            away_s = asyncio.get_running_loop().time()
        for camera in all_cameras:
            assert accounted(camera) and first_on_time_s(camera, 2.0) < 0.5
            assert first_on_time_s(camera, away_s) < SOON_S and missed(camera, away_s + SOON_S) == 0

    run_virtual(run())


@pytest.mark.parametrize("own", [True, False], ids=["own planner", "shared"])
def test_an_answer_that_names_a_device_that_is_gone_by_then_is_made_to_fit(own: bool) -> None:
    late = 0

    async def slowly(problem: Problem, running: Plan | None, budget_s: float) -> Solved:
        nonlocal late
        plan = make_planner("shared", 0, time_budget_s=math.inf).plan(problem, running)
        await asyncio.sleep(1.5)
        late += plan.devices.keys() != here.devices.keys()
        return Solved(plan)

    async def run() -> None:
        nonlocal here
        planning = as_answered(slowly, 0.5, 1.0, None)
        if not own:
            planning = PlanningPolicy(slowly, adapting("shared", math.inf), violations, 0.5)
        all_cameras = cameras(4)
        async with site(device("a"), device("b"), planning=planning) as here, streaming(*all_cameras):
            await asyncio.sleep(4.0)
            await here.remove("b", lost=True)
            here.add(device("c"))
            await asyncio.sleep(1.0)
            await here.remove("a", lost=True)
        assert late and here.checked > 5
        for camera in all_cameras:
            assert accounted(camera) and max(first_on_time_s(camera, at_s) for at_s in (4.0, 5.0)) < 0.5

    here: Site = None  # type: ignore[assignment]
    run_virtual(run())


@virtual
async def test_where_planning_fails_clients_of_a_device_that_is_gone_go_elsewhere() -> None:
    def broken() -> Problem:
        raise RuntimeError("planning fails")

    all_cameras = cameras(2, fps=4.0)
    async with site(device("a"), device("b")) as here, streaming(*all_cameras):
        await asyncio.sleep(2.0)
        here.whole._control._observe = broken
        await here.remove("a", lost=True)
        here.add(device("c"))
        await asyncio.sleep(1.0)
        await here.remove("b", lost=True)
    for camera in all_cameras:
        assert accounted(camera) and missed(camera, 2.5) <= 1


@virtual
async def test_a_device_that_does_not_fit_is_refused_and_nothing_has_changed() -> None:
    async with site(device("a")) as here:
        with pytest.raises(InputError, match="there is a device a already"):
            here.whole.add_device(device("a"), device("a").profile)
        with pytest.raises(InputError, match=f"lacks the variant {LARGE.name}"):
            here.whole.add_device(device("b"), device("b", variants=[SMALL]).profile)
        with pytest.raises(InputError, match="there is no device b; there are a"):
            await here.whole.remove_device("b")
        assert here.service.dispatchers.keys() == {"a"}


@virtual
async def test_a_thousand_devices_leave_nothing_behind_and_no_count_falls() -> None:
    (camera,) = cameras(1, fps=2.0)
    meter = Meter()
    async with site() as here, meter.watching(here.service), streaming(camera, end_s=60.0):
        await asyncio.sleep(0.2)
        tasks, counted = len(asyncio.all_tasks()), 0.0
        for number in range(1000):
            name = f"gpu-{number % 3 if number < 900 else number}"
            here.add(device(name))
            await asyncio.sleep(0.05)
            await here.remove(name, lost=True)
        here.add(device("gpu-0"))
        assert len(asyncio.all_tasks()) <= tasks + 10 and len(here.whole._tasks) == 2
        assert here.service.former.leaving == []
        first = {each.device: each.frames for each in here.service.all_statistics()}
        assert sum(first.values()) > 60 and len(first) <= MOST_FORMER + 1
        page = [sample for family in families(here.service, meter, {}) for sample in family.samples]
        assert {each.labels["device"] for each in page if "device" in each.labels} == {"gpu-0"}
        (counted,) = (each.value for each in page if each.name == "jellyfish_device_frames_total")
        assert counted == first["gpu-0"] > 10
    assert accounted(camera)


@st.composite
def troubles(draw: st.DrawFn) -> list[tuple[float, str, str, bool]]:
    """Pauses, each with what happens after it, to which device, and whether a leaving one is lost."""
    step = st.tuples(
        st.floats(0.0, 0.6), st.sampled_from(["join", "leave", "fail", "hang"]), st.sampled_from("abcd"), st.booleans()
    )
    return draw(st.lists(step, min_size=3, max_size=9))


@settings(max_examples=8, deadline=None)
@given(troubles())
def test_whatever_comes_goes_or_fails_each_frame_has_one_outcome_and_service_resumes(
    steps: list[tuple[float, str, str, bool]],
) -> None:
    async def run() -> None:
        all_cameras = cameras(3)
        async with site(device("a"), device("b", slower=1.5)) as here:
            leaving = set[asyncio.Task[None]]()
            async with streaming(*all_cameras, end_s=11.0):
                await asyncio.sleep(1.0)
                for pause_s, what, name, lost in steps:
                    await asyncio.sleep(pause_s)
                    if what == "join" and name not in here.devices:
                        here.add(device(name, slower=1.0 if lost else 2.0, batches=2 if lost else 4))
                    elif what == "leave" and name in here.devices:
                        leaving.add(asyncio.create_task(here.remove(name, lost)))
                        await asyncio.sleep(0)
                    elif name in here.devices:
                        setattr(here.devices[name], "fails" if what == "fail" else "hangs", True)
                here.add(device("whole"))
                whole_s = asyncio.get_running_loop().time()
                await asyncio.gather(*leaving)
            assert all(session.account.open == 0 for session in here.service.sessions.values())
            assert here.service.former.leaving == []
        for camera in all_cameras:
            assert accounted(camera)
            assert first_on_time_s(camera, whole_s) < SOON_S
            assert missed(camera, whole_s + SOON_S, 10.9) <= 2

    run_virtual(run())


@virtual
async def test_requests_go_on_while_devices_come_and_go() -> None:
    async with site(device("a"), device("b")) as here:
        here.service.ready = True
        statuses = []

        async def requests() -> None:
            async with asking() as session:
                for _ in range(60):
                    statuses.append((await ask(session, timeout_ms=1000)).status)
                    await asyncio.sleep(0.05)

        asked = asyncio.create_task(requests())
        await asyncio.sleep(1.0)
        await here.remove("a")
        here.add(device("c"))
        await here.remove("b", lost=True)
        await asked
        counts = here.service.requesters.totals()
        assert statuses.count(200) >= 58 and counts["answered"] == statuses.count(200)


@virtual
async def test_a_device_may_leave_while_another_model_is_put_in_its_place() -> None:
    (camera,) = cameras(1)
    async with site(device("a"), device("b")) as here, streaming(camera):
        await asyncio.sleep(2.0)
        new = [device("a"), device("c")]
        parts = ServerParts([(each, each.profile) for each in new], RISING, 4, decode, SHARED, Limits())
        giving = asyncio.create_task(here.whole.give(parts))
        await asyncio.sleep(0)
        with pytest.raises(InputError, match="another model is being put in"):
            here.whole.add_device(device("d"), device("d").profile)
        here.devices.pop("b")
        removing = asyncio.create_task(here.whole.remove_device("b"))
        await asyncio.gather(giving, removing)
        assert here.service.dispatchers.keys() == {"a", "c"} and here.service.former.leaving == []
        await here.whole.remove_device("a")
        here.whole.add_device(device("b"), device("b").profile)
        assert len(here.whole._tasks) == 3
    assert accounted(camera) and missed(camera) <= 2
