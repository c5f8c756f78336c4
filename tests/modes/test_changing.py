"""Another model in the place of the one that serves: no stream is dropped, and each frame has one outcome."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.config import Limits, ServerConfig
from jellyfish.core import Answer, Outcome, Reason, Task, Variant
from jellyfish.devices.opening import OpenDevice
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.errors import InputError, RunError
from jellyfish.lab.simulation.network import at_url
from jellyfish.lab.simulation.timed_executor import TimedExecutor
from jellyfish.models.model import Description, Engine, EngineOptions, Model
from jellyfish.modes.assembly import ServerParts, assembly, policy
from jellyfish.modes.changing import ModelChanger
from jellyfish.server.another_model import in_its_place
from tests.camera.cameras import Setup
from tests.models.descriptions import described
from tests.server.peer import LARGE, MODEL, PROFILE, SMALL, decode
from tests.virtual import virtual

MIDDLE = Variant(448, "w050")
TIMES = {SMALL: 0.004, MIDDLE: 0.012, LARGE: 0.018}
WHOLE = replace(described(*TIMES), version="2")
NEW_PROFILE = LatencyProfile(
    "cpu",
    "a processor",
    "def",
    tuple(VariantLatency(each, *2 * ((s, 1.5 * s, 2 * s, 2.5 * s),)) for each, s in TIMES.items()),
)
NAMED = "tests.modes.test_changing:new_model"


class Engines(TimedExecutor):
    """A device that counts what it has run, and can be told to fail."""

    loading = ()

    def __init__(self, profile: LatencyProfile, model: Description, fails: str = "") -> None:
        super().__init__(profile)
        self.model, self._fails = model, fails
        self.ran, self.closed = 0, False

    async def run(
        self, variants: Sequence[Variant], images: Sequence[NDArray[np.uint8]], worker: int = 0
    ) -> list[Answer]:
        assert not self.closed, "a frame for a device that was given back"
        if self._fails:
            raise RunError(self._fails)
        self.ran += len(images)
        return await super().run(variants, images, worker)

    def close(self) -> None:
        self.closed = True


class Named:
    """A model that is only described: tests hand in what would be opened of it."""

    description = WHOLE

    def engine(self, options: EngineOptions) -> Engine:
        raise NotImplementedError


def new_model() -> Named:
    return Named()


class Beside:
    """A server, and what would be opened beside it."""

    def __init__(self, changer: ModelChanger, former: Engines) -> None:
        self.changer, self.former = changer, former
        self.service = changer.assembly.service


@contextlib.asynccontextmanager
async def serving(
    open_them: Callable[[ServerConfig, Model], list[OpenDevice]], planner: str = "exact"
) -> AsyncIterator[Beside]:
    former = Engines(PROFILE, MODEL)

    async def opened(config: ServerConfig, model: Model) -> list[OpenDevice]:
        await asyncio.sleep(1.0)  # of virtual time
        return open_them(config, model)

    parts = ServerParts(
        devices=[(former, PROFILE)],
        model=MODEL,
        max_batch=4,
        decode=decode,
        policy=policy(planner, None, 4, 0.5, seed=0, target=99.0),
        limits=Limits(),
    )
    devices = [OpenDevice("cpu", PROFILE, former)]  # type: ignore[arg-type]
    async with assembly(parts, lambda record, service: None) as whole, at_url(whole.service):

        def planned(config: ServerConfig, model: Description, max_batch: int) -> object:
            return policy(planner, None, max_batch, 0.5, seed=0, target=99.0)

        yield Beside(ModelChanger(whole, parts, devices, planned, opened), former)  # type: ignore[arg-type]


CONFIG = ServerConfig(model=NAMED)


def opening(engines: Engines) -> Callable[[ServerConfig, Model], list[OpenDevice]]:
    return lambda config, model: [OpenDevice("cpu", NEW_PROFILE, engines)]  # type: ignore[list-item, arg-type]


@virtual
async def test_no_stream_is_dropped_and_each_frame_has_one_outcome() -> None:
    new = Engines(NEW_PROFILE, WHOLE)
    cameras = [Setup(f"camera-{number}", fps=20.0) for number in range(3)]
    async with serving(opening(new)) as beside, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(camera.run(0.1 + 0.013 * number, 8.0)) for number, camera in enumerate(cameras)]
        await asyncio.sleep(2.0)
        served = await beside.changer.change(CONFIG)
        assert (served.version, beside.service.model.version) == ("2", "2")
        assert beside.former.closed and not new.closed and beside.former.ran > 0
        tried = new.ran
        await asyncio.wait(running)
        assert new.ran > tried + 100
    for camera in cameras:
        assert camera.complete(len(camera.records)) and len(camera.records) > 150
        assert camera.outages == [] and camera.camera.farewell is not None
        assert camera.camera.model is not None and camera.camera.model.version == "2"
        assert not {record.reason for record in camera.records} & {Reason.SHUTDOWN, Reason.DEVICE_ERROR, Reason.NETWORK}
        assert sum(record.outcome is not Outcome.ON_TIME for record in camera.records) <= 3
        accounted = camera.camera.farewell
        assert accounted.received == accounted.answered + sum(accounted.dropped.values())
    variants = {record.variant for camera in cameras for record in camera.records[-20:]}
    assert variants <= {each.name for each in WHOLE.variants} and MIDDLE.name not in {
        each.name for each in MODEL.variants
    }


@virtual
async def test_a_new_camera_is_welcomed_to_the_new_model_with_the_sizes_that_others_know() -> None:
    async with serving(opening(Engines(NEW_PROFILE, WHOLE))) as beside, asyncio.TaskGroup() as tasks:
        await beside.changer.change(CONFIG)
        camera = Setup("late", fps=20.0)
        start_s = asyncio.get_running_loop().time() + 0.1
        await tasks.create_task(camera.run(start_s, start_s + 3.0))
        model = camera.camera.model
        assert model is not None and (model.version, list(model.inputs)) == ("2", list(MODEL.ladder))
        assert sum(record.outcome is Outcome.ON_TIME for record in camera.records) > 50


@virtual
async def test_a_model_that_fails_on_a_frame_is_refused_and_the_former_one_goes_on() -> None:
    broken = Engines(NEW_PROFILE, WHOLE, fails="no memory left")
    camera = Setup("camera", fps=20.0)
    async with serving(opening(broken)) as beside, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(camera.run(0.1, 5.0))
        await asyncio.sleep(1.0)
        with pytest.raises(RunError, match="no memory left"):
            await beside.changer.change(CONFIG)
        assert broken.closed and not beside.former.closed and beside.service.model is MODEL
        await running
        assert not beside.changer.changing
    assert {record.outcome for record in camera.records} == {Outcome.ON_TIME}


@virtual
async def test_a_model_that_cannot_be_opened_or_changed_twice_at_once_is_refused() -> None:
    def cannot(config: ServerConfig, model: Model) -> list[OpenDevice]:
        raise InputError("the weights are of another network")

    async with serving(cannot) as beside:
        first = asyncio.create_task(beside.changer.change(CONFIG))
        await asyncio.sleep(0.5)
        with pytest.raises(InputError, match="is being changed already"):
            await beside.changer.change(CONFIG)
        with pytest.raises(InputError, match="weights are of another"):
            await first
        with pytest.raises(InputError, match="no model 'nowhere'"):
            await beside.changer.change(ServerConfig(model="nowhere"))
        with pytest.raises(InputError, match="choose from"):
            await beside.changer.change(replace(CONFIG, planner="client"))
        assert beside.service.model is MODEL and not beside.former.closed


def test_only_what_cameras_can_go_on_with_takes_the_place() -> None:
    told = MODEL.ladder
    assert in_its_place(MODEL, told, WHOLE, ()).variants == WHOLE.variants
    more = replace(WHOLE, sizes=(*WHOLE.sizes, replace(WHOLE.sizes[0], variant=Variant(64, "w"), input=_input(64))))
    assert in_its_place(MODEL, told, more, {"tested"}).variants == WHOLE.variants
    fewer = tuple(reversed(MODEL.classes[1:]))
    for new, wanted, said in (
        (replace(WHOLE, task=Task.CLASSIFICATION), (), "it does classification, and tested detection"),
        (replace(WHOLE, classes=("cat", *MODEL.classes[1:])), (), f"without {MODEL.classes[0]}; with cat"),
        (replace(WHOLE, classes=(*fewer, MODEL.classes[0])), (), "the same ones in another order"),
        (replace(WHOLE, name="other"), ("tested",), "cameras here have asked for tested by name"),
        (described(Variant(64, "w")), (), "no size of it takes what cameras were told to send"),
    ):
        with pytest.raises(InputError, match=said):
            in_its_place(MODEL, told, new, wanted)


def _input(resolution: int) -> object:
    return described(Variant(resolution, "w")).sizes[0].input
