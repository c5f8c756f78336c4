"""`jellyfish.Server`: the command's server, by names or objects; what is wrong is said, and nothing is left running."""

from __future__ import annotations

import asyncio
import inspect
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish import (
    Answer,
    Camera,
    Description,
    Detection,
    EngineOptions,
    FrameAnswer,
    InputError,
    InputSize,
    Plan,
    Problem,
    RunError,
    Server,
    Size,
    Task,
    Variant,
    WholeBatches,
    violations,
)
from jellyfish.cli import serving as commands
from jellyfish.config import Limits, ServerConfig
from jellyfish.control.planners import make_planner
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FRAME = np.full((90, 160, 3), 250, np.uint8)
VARIANT = Variant(160, "plain")


class Plain:
    """A model that finds one thing in all of a bright frame, and takes no time."""

    description = Description(
        "plain", "1", Task.DETECTION, ("light",), (Size(VARIANT, InputSize(160, 160), 0.5),), identity="plain 1"
    )

    def engine(self, options: EngineOptions) -> WholeBatches:
        return WholeBatches(found)


def found(images: Sequence[NDArray[np.uint8]], variant: Variant) -> list[Answer]:
    return [Answer((Detection(0, 0.9, 0.0, 0.0, 1.0, 1.0),) if image.mean() > 128 else ()) for image in images]


class Remembering:
    """The planner `exact`; it remembers which cameras it was asked for, and on which thread."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.threads: set[str] = set()

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        self.asked.append(tuple(demand.client for demand in problem.clients))
        self.threads.add(threading.current_thread().name)
        plan = make_planner("exact", 0).plan(problem, running)
        assert not violations(problem, plan)
        return plan


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """So that nothing is measured."""
    latencies = VariantLatency(VARIANT, (0.002, 0.003), (0.003, 0.004))
    path = tmp_path / "profile.json"
    path.write_bytes(msgspec.json.encode(LatencyProfile("cpu", "a processor", "plain 1", (latencies,))))
    return path


def served(profile: Path, **options: Any) -> Server:
    return Server(Plain(), profile=profile, **({"port": 0, "max_batch": 2} | options))


async def planned_for(camera: Camera) -> FrameAnswer:
    """An answer by a plan. Without one a camera may only probe: of two frames in succession one is paused."""
    in_succession = 0
    while in_succession < 2:
        answer = await camera.infer(FRAME)
        in_succession = in_succession + 1 if answer.on_time else 0
    return answer


async def test_objects_are_served_and_planned_by_and_nothing_is_left_running(profile: Path) -> None:
    planner, interval = Remembering(), sys.getswitchinterval()
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with served(profile, planner=planner) as server:
        assert server.model.name == "plain"
        async with Camera(server.url, fps=30, slo_ms=5000, name="mine") as camera:
            answer = await planned_for(camera)
    assert (answer.detections[0].label, answer.variant) == (0, "plain-160")
    assert ("mine",) in planner.asked
    assert planner.threads == {"planner"}
    assert asyncio.all_tasks() == tasks
    assert sys.getswitchinterval() == interval
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive(), thread.name


async def test_a_planner_of_a_file_has_a_process_of_its_own(profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    planner = f"{EXAMPLES / 'my_planner.py'}:AlikePlanner"
    async with served(profile, planner=planner) as server, Camera(server.url, fps=30, slo_ms=5000) as camera:
        answer = await planned_for(camera)
    assert answer.variant == "plain-160"


async def test_a_port_in_use_is_told_in_words(profile: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="cannot listen on 127"):
        async with served(profile, port=taken.getsockname()[1]):
            pass


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"port": 65_536}, r"port"),
        ({"port": "8765"}, r"port"),
        ({"devices": "cpu"}, "devices"),
        ({"devices": []}, "devices"),
        ({"target": 100}, "target"),
        ({"colour": "red"}, "no option 'colour': it has actuation, care"),
        ({"planner": Remembering}, "is no planner"),
        ({"planner": 3}, "planner=3 is no planner"),
    ],
)
def test_a_bad_option_is_refused_at_once(profile: Path, options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError, match=wrong):
        served(profile, **options)


@pytest.mark.parametrize(
    ("model", "options", "wrong"),
    [
        (Plain(), {"devices": ["tpu"]}, "tpu"),
        (Plain(), {"planner": "clever"}, "unknown planner 'clever'"),
        (Plain(), {"variant": "w999"}, "w999"),
        (Plain, {}, "no model"),
        (object(), {}, "gives a object that is no model"),
        ("nothing", {}, "there is no model 'nothing'"),
    ],
)
async def test_what_cannot_be_served_is_told_before_anything_begins(
    profile: Path, model: Any, options: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(InputError, match=wrong):
        async with Server(model, **({"port": 0} | options)):
            pass


async def test_a_server_that_does_not_run_has_no_address(profile: Path) -> None:
    server = served(profile)
    with pytest.raises(RunError, match="does not run"):
        _ = server.url
    async with server:
        pass
    with pytest.raises(RunError, match="make another one"):
        async with server:
            pass


async def test_whoever_is_stopped_while_it_begins_leaves_nothing(profile: Path) -> None:
    tasks, begun = asyncio.all_tasks(), asyncio.Event()
    loop = asyncio.get_running_loop()
    server = served(profile, progress=lambda words, done, total: loop.call_soon_threadsafe(begun.set))
    opening = asyncio.create_task(server.__aenter__())
    await begun.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert asyncio.all_tasks() == tasks


def test_defaults_are_those_of_the_command() -> None:
    """Which has units of its own: milliseconds and per cent."""
    ours, limits = ServerConfig(), Limits()
    command = {name: parameter.default for name, parameter in inspect.signature(commands.serve).parameters.items()}
    assert command["device"] == ",".join(ours.devices)
    assert command["window_ms"] == 1000 * ours.window_s
    assert command["planning_share"] == 100 * ours.planning_share
    for name in ("host", "port", "weights", "profile", "planner", "care", "target", "variant", "max_batch", "threads"):
        assert command[name] == getattr(ours, name)
    assert (command["model"], command["actuation"]) == (ours.model, ours.actuation)
    assert command["max_clients"] == limits.clients
    assert command["max_message_kb"] * 1024 == limits.message_bytes
    assert command["per_address"] == limits.per_address
    assert replace(limits, image_side=command["max_image_side"], in_flight=command["max_in_flight"]) == limits
