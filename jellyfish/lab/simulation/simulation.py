"""A server with its cameras and its control loop, as in `bench`, in virtual time with simulated devices."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import numpy as np
from numpy.typing import NDArray

from jellyfish.camera.controllers import controller_named
from jellyfish.camera.frames import OwnFrames
from jellyfish.camera.sizing import FrameSizer, PublishedSizer, Sizer
from jellyfish.camera.steering import Steering
from jellyfish.config import CLIENTS_CHOOSE, DEFAULT_PLANNING_SHARE, CameraConfig, CameraSettings, Limits
from jellyfish.control.adaptation import EachAnew
from jellyfish.control.allowance import search_s
from jellyfish.control.capacity import violations
from jellyfish.control.loop import WindowRecord
from jellyfish.control.planners import make_planner
from jellyfish.control.planners.counted import CountedClock
from jellyfish.control.planners.fixed import accept
from jellyfish.control.problem import Plan, Planner, Problem
from jellyfish.control.solving import Solve, Solved
from jellyfish.core import InputSize, Variant
from jellyfish.devices.executor import Executor
from jellyfish.devices.profile.table import LatencyProfile
from jellyfish.dispatch.batcher import Batcher
from jellyfish.errors import InputError
from jellyfish.lab.simulation.faults import UnreliablePlanner, camera_clock, device_disturbance
from jellyfish.lab.simulation.foresight import ForesightPlanner, ForesightSizer
from jellyfish.lab.simulation.frames import NO_PICTURE, FrameWeights, NoPictures, resolution_of
from jellyfish.lab.simulation.lazy_queue import LazyQueue
from jellyfish.lab.simulation.links import CameraLink, camera_link
from jellyfish.lab.simulation.model import load_model
from jellyfish.lab.simulation.network import PORT, URL, MemoryConnector, at_url
from jellyfish.lab.simulation.place import place_of
from jellyfish.lab.simulation.position import CameraPart, Position
from jellyfish.lab.simulation.scenario import Bystander, Cut, PlannerSlow, Scenario, SimulatedDevice
from jellyfish.lab.simulation.strangers import misbehave
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.lab.simulation.virtual_loop import VirtualLoop
from jellyfish.media.decoding_cost import weightless
from jellyfish.modes.assembly import Assembly, PlanningPolicy, ServerParts, adapting, assembly, clients_choose, policy
from jellyfish.modes.run import START_PAUSE_S, ExpectedF1, MeasuredRun, Setup, run_info
from jellyfish.modes.window_log import WindowLog
from jellyfish.program.stopping import Stop
from jellyfish.protocol import wire
from jellyfish.results.records import RunInfo
from jellyfish.results.summary import Summary
from jellyfish.results.writer import ResultWriter
from jellyfish.server.service import Service

GRACE_S = 0.5
"""Virtual time after the last farewell in which the server's side winds up."""
PROGRESS_PERIOD_S = 1.0

OnService = Callable[[Service], None]
"""Given the service when everything is over, for checks on what it is left with."""


class Simulation:
    """One server with its cameras, on the clock of the loop that runs."""

    def __init__(self, scenario: Scenario, planner: Planner | None, position: Position) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop, self._scenario, self._position = loop, scenario, position
        self._make = None if scenario.controller is None else controller_named(scenario.controller)
        self._models = {device.name: load_model(device.model) for device in scenario.devices}
        self._variants = self._offered()
        self._place = place_of(scenario.host, self._models, loop)
        self._planner = planner or make_planner(scenario.planner, scenario.seed, time_budget_s=math.inf)
        self._links = {each.name: camera_link(scenario, each.group, each.number) for each in position.cameras}
        if scenario.foresight:
            groups = [group for group in scenario.clients for _ in range(group.count)]
            slos_s = dict(zip(self._links, (group.slo_ms / 1000 for group in groups), strict=True))
            fixed_s = (scenario.host.encode_ms + scenario.host.decode_ms) / 1000
            window_s = scenario.window_ms / 1000
            self._planner = ForesightPlanner(self._planner, self._links, slos_s, fixed_s, window_s, self._run_s)
        self._connectors: dict[str, MemoryConnector] = {}
        self._start_s = START_PAUSE_S

    def _offered(self) -> tuple[Variant, ...]:
        """What frames may be run with."""
        variants = next(iter(self._models.values())).variants
        if any(model.variants != variants for model in self._models.values()):
            raise InputError("all devices of a scenario must have the same variants; choose models that fit together")
        wanted = self._scenario.variant
        fixed = tuple(variant for variant in variants if variant.name == wanted)
        if wanted is not None and not fixed:
            names = ", ".join(variant.name for variant in variants)
            raise InputError(f"unknown variant {wanted!r}: choose one of {names}")
        return fixed or variants

    async def run(
        self, folder: Path, progress: Callable[[int, int], None], on_service: OnService, stop: Stop
    ) -> tuple[Summary, list[str]]:
        """From start to summary; what else is worth a word."""
        scenario, position = self._scenario, self._position
        windows = WindowLog(scenario.planner if scenario.controller is None else CLIENTS_CHOOSE)

        def on_window(record: WindowRecord, service: Service) -> None:
            windows(record, service)
            if record.plan is not None:
                position.on_plan(record.problem, record.plan)

        async with contextlib.AsyncExitStack() as stack:
            writer = stack.enter_context(ResultWriter(folder, self._info()))
            whole = await stack.enter_async_context(assembly(self._parts(), on_window))
            service = whole.service
            service.settings.replace(self._importances())
            await stack.enter_async_context(at_url(service, host=position.address))
            self._start_s = self._loop.time() + START_PAUSE_S
            setups = [self._setup(camera) for camera in position.cameras]
            seed = scenario.seed + position.phases
            run = MeasuredRun(
                setups, scenario.duration_s, seed, writer, windows, position.on_frame, expected_f1=self._expected_f1()
            )
            async with asyncio.TaskGroup() as beside:
                tasks = [beside.create_task(task) for task in self._beside(progress, whole)]
                with stop.in_order(run.stop):
                    await run.go(self._http(stack), URL)
                for task in tasks:
                    task.cancel()
            await asyncio.sleep(GRACE_S)
            on_service(service)
            return run.finish(service.all_statistics()), run.notes()

    # --- what stands in for the real things --------------------------------------------------------------

    def _parts(self) -> ServerParts:
        scenario = self._scenario
        return ServerParts(
            devices=[self._device(device.name) for device in scenario.devices if device.join_s == 0.0],
            model=next(iter(self._models.values())).description.offering(self._variants),
            max_batch=self._max_batch,
            decode=self._decode,
            policy=self._policy(),
            limits=Limits(clients=max(128, 2 * len(self._position.cameras)), per_address=None),
            actuation=scenario.actuation,
            queue=LazyQueue if scenario.dispatch == "lazy" else Batcher,
            host=self._place.host(),
            weigh=weightless,
            within=self._position.within,
        )

    def _device(self, name: str) -> tuple[Executor, LatencyProfile]:
        scenario, model = self._scenario, self._models[name]
        measured = model.profile.beside_cameras() if scenario.host.cameras else model.profile
        profile = msgspec.structs.replace(measured, device=name)
        disturbance = device_disturbance(profile, scenario.faults, name, f"{scenario.seed}/{name}", self._run_s)
        take = self._position.taking(name, self._place.taking(measured))
        return TimedExecutor(profile, disturbance, take), profile

    @property
    def _max_batch(self) -> int:
        return min(self._scenario.max_batch, *(model.profile.max_batch for model in self._models.values()))

    def _policy(self) -> PlanningPolicy:
        """Published dispatch comes with published planning: every window anew, for nothing. So does foresight, whose
        plans fit the truth, not the estimates."""
        scenario, window_s = self._scenario, self._scenario.window_ms / 1000
        if self._make is not None:
            return clients_choose(window_s)
        if scenario.variant is not None:
            return policy(scenario.planner, self._variants[0], self._max_batch, window_s, scenario.seed, scenario.care)
        anew = scenario.foresight or scenario.dispatch == "lazy"
        adaptation = EachAnew() if anew else adapting(scenario.planner, DEFAULT_PLANNING_SHARE)
        check = accept if scenario.foresight else violations
        return PlanningPolicy(self._solving(), adaptation, check, window_s, scenario.care, scenario.target)

    def _run_s(self) -> float:
        """Seconds of the run."""
        return self._loop.time() - self._start_s

    def _solving(self) -> Solve:
        """Plans in place, once the time that is charged for it has passed: to the end, or as far as that gets."""
        scenario = self._scenario
        seeds = itertools.count(scenario.seed + 1)

        async def solve(problem: Problem, running: Plan | None, budget_s: float) -> Solved:
            charged_s = 0.0 if math.isinf(budget_s) else min(budget_s, search_s(problem))
            await asyncio.sleep(self._slowed_s())
            await self._place.plan(charged_s)
            planner = self._planner
            if scenario.search == "charged" and charged_s:
                planner = make_planner(scenario.planner, next(seeds), CountedClock(), charged_s)
            return Solved(UnreliablePlanner(planner, scenario.faults, self._run_s).plan(problem, running), charged_s)

        return solve

    def _slowed_s(self) -> float:
        """What faults add to the time of a solve that begins now."""
        slow = [fault for fault in self._scenario.faults if isinstance(fault, PlannerSlow)]
        return sum(fault.takes_s for fault in slow if fault.at_s <= self._run_s() < fault.at_s + fault.for_s)

    async def _decode(self, jpeg: bytes, size: InputSize) -> NDArray[np.uint8]:
        await self._place.decode(resolution_of(jpeg))
        return NO_PICTURE

    async def _camera_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a camera does off the event loop: it decodes the next frame, or encodes one."""
        if isinstance(function, FrameWeights):
            await self._place.encode(arguments[1].resolution)
        else:
            await self._place.capture()
        return function(*arguments)

    def _importances(self) -> dict[str, CameraSettings]:
        """What is said about each camera."""
        return {each.name: CameraSettings(importance=each.group.importance) for each in self._position.cameras}

    def _setup(self, camera: CameraPart) -> Setup:
        scenario, group, name = self._scenario, camera.group, camera.name
        link = self._links[name]
        config = CameraConfig(
            name, Path(), group.fps, group.slo_ms / 1000, group.trace, link.delay_s + camera.further_s, link.seed,
            join_s=camera.join_s, leave_s=camera.leave_s,
        )  # fmt: skip
        clock = camera_clock(scenario.faults, name, self._start_s)
        frames = link.frames()
        steering = None if self._make is None else Steering(self._make, _message_bytes(frames))
        shown = OwnFrames(NoPictures(), self._camera_thread, frames)
        return Setup(config, shown, link.trace, clock, steering, self._sizers(link, frames))

    def _sizers(self, link: CameraLink, frames: FrameWeights) -> Callable[[float, float], FrameSizer]:
        """Frame rate, SLO -> how one camera steps down between plans."""
        if isinstance(self._planner, ForesightPlanner):
            foresight, encode_s = self._planner, self._scenario.host.encode_ms / 1000
            return lambda fps, slo_s: ForesightSizer(link, frames, foresight, self._start_s, encode_s)
        return PublishedSizer if self._scenario.back_off == "published" else Sizer

    def _http(self, stack: contextlib.AsyncExitStack) -> Callable[[str], aiohttp.ClientSession]:
        """Each camera's own connections, so that they can be cut."""
        cameras = {camera.name: camera for camera in self._position.cameras}

        def session(name: str) -> aiohttp.ClientSession:
            self._connectors[name] = self._position.connector(cameras[name], self._start_s)
            http = aiohttp.ClientSession(connector=self._connectors[name])
            stack.push_async_callback(http.close)
            return http

        return session

    def _expected_f1(self) -> ExpectedF1:
        """A frame that was sent smaller than its variant's resolution counts as run at what it was sent at.

        Where the model lacks the network at that resolution, it counts as run at the next smaller one, or, without
        any, as run with the least accurate variant.
        """
        model = next(iter(self._models.values()))
        named = {variant.name: variant for variant in self._variants}

        @functools.cache  # it is asked for with each frame
        def expected_f1(name: str, resolution: int) -> float:
            ran = named[name]
            limit = min(ran.resolution, resolution)
            fitting = [each for each in self._variants if each.network == ran.network and each.resolution <= limit]
            return model.accuracy(max(fitting)) if fitting else min(model.f1)

        return expected_f1

    # --- what happens beside the cameras -----------------------------------------------------------------

    def _beside(self, progress: Callable[[int, int], None], whole: Assembly) -> Sequence[Any]:
        faults = self._scenario.faults
        cuts = [self._cut(fault) for fault in faults if isinstance(fault, Cut)]
        strangers = [
            misbehave(fault, f"stranger-{number}", self._start_s, self._scenario.seed + number)
            for number, fault in enumerate(faults)
        ]
        bystanders = self._place.beside(self._start_s, [each for each in faults if isinstance(each, Bystander)])
        fails_s = self._position.fails_s
        failing = [] if fails_s is None else [self._fail(fails_s)]
        devices = [self._come_and_go(whole, device) for device in self._scenario.devices if not device.stays]
        return [self._tell(progress), *cuts, *failing, *strangers, *bystanders, *devices]

    async def _come_and_go(self, whole: Assembly, device: SimulatedDevice) -> None:
        if device.join_s:
            await asyncio.sleep(device.join_s - self._run_s())
            whole.add_device(*self._device(device.name))
        await asyncio.sleep(device.leave_s - self._run_s())
        await whole.remove_device(device.name, device.lost)

    async def _tell(self, progress: Callable[[int, int], None]) -> None:
        total = round(self._scenario.duration_s)
        for second in range(total + 1):
            progress(second, total)
            await asyncio.sleep(PROGRESS_PERIOD_S)

    async def _cut(self, fault: Cut) -> None:
        await self._at(fault.at_s)
        self._connectors[fault.client].cut()

    async def _fail(self, fails_s: float) -> None:
        """The server is gone from one moment to the next."""
        await self._at(fails_s)
        self._loop.listen_no_more(self._position.address, PORT)
        for connector in self._connectors.values():
            connector.cut()

    async def _at(self, run_s: float) -> None:
        """Wait for that time of the run."""
        await asyncio.sleep(self._start_s + run_s - self._loop.time())

    def _info(self) -> RunInfo:
        origins = "; ".join(sorted({model.origin for model in self._models.values()}))
        started = datetime.now().astimezone()
        return run_info("simulate", started, self._scenario.seed, self._scenario, list(self._models), origins)


def _message_bytes(frames: FrameWeights) -> Callable[[int], int]:
    return lambda resolution: frames.weight(resolution) + wire.FRAME_OVERHEAD_BYTES
