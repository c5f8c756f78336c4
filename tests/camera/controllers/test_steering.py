"""A camera that steers itself, in virtual time: on a good link, through an outage, and against a server that plans."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jellyfish.camera.controllers import CONTROLLERS, controller_named
from jellyfish.camera.sender import FrameSender
from jellyfish.camera.steering import Steering
from jellyfish.core import Outcome
from jellyfish.errors import InputError
from jellyfish.lab.simulation.scenario import Clients, ClockJump, LinkDown, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.results.records import FrameRecord
from tests.camera.cameras import Setup
from tests.server.peer import SMALL, everyone_on, running
from tests.virtual import virtual

DOWN_S, UP_S = 4.0, 9.0
CAMERA = Clients("camera", fps=25.0, slo_ms=100.0, trace="15mbps", frame_size=1.0)
STEERED = Scenario("Steered", 4.0, (SimulatedDevice("gpu"),), (CAMERA,), seed=1, controller="prudent")
OUTAGE = msgspec.structs.replace(STEERED, duration_s=14.0, faults=(LinkDown(DOWN_S, "camera-0", UP_S - DOWN_S),))


def frames(scenario: Scenario, folder: Path) -> list[FrameRecord]:
    """In order of capture."""
    run_scenario(scenario, folder)
    lines = (folder / "frames.jsonl").read_bytes().splitlines()
    return sorted((msgspec.json.decode(line, type=FrameRecord) for line in lines), key=lambda frame: frame.frame)


def on_time(records: list[FrameRecord]) -> list[FrameRecord]:
    return [record for record in records if record.outcome is Outcome.ON_TIME]


def test_what_is_asked_for_is_what_runs(tmp_path: Path) -> None:
    records = on_time(frames(msgspec.structs.replace(STEERED, actuation=False), tmp_path / "run"))
    assert len(records) > 90
    assert len({record.resolution for record in records}) > 2
    assert all(record.variant == f"w100-{record.resolution}" for record in records)


def test_a_steered_run_is_repeatable_and_its_windows_say_that_nobody_planned(tmp_path: Path) -> None:
    for name in ("one", "same"):
        run_scenario(STEERED, tmp_path / name)
    one, same = ((tmp_path / name / "frames.jsonl").read_bytes() for name in ("one", "same"))
    assert one == same
    assert '"planner":"client"' in (tmp_path / "one" / "windows.jsonl").read_text().splitlines()[0]


def test_several_cameras_steer_beside_each_other(tmp_path: Path) -> None:
    four = msgspec.structs.replace(STEERED, clients=(msgspec.structs.replace(CAMERA, count=4),))
    records = frames(four, tmp_path / "run")
    assert len({record.client for record in records}) == 4
    assert len(on_time(records)) > 0.9 * len(records)


def test_an_unknown_controller_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prudent"):
        run_scenario(msgspec.structs.replace(STEERED, controller="hope"), tmp_path / "run")


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_link_that_was_down_leaves_no_backlog_and_is_used_within_a_second(name: str, tmp_path: Path) -> None:
    records = frames(msgspec.structs.replace(OUTAGE, controller=name), tmp_path / "run")
    sent_into_it = [r for r in records if DOWN_S <= r.captured_s < UP_S and r.resolution is not None]
    assert len(sent_into_it) <= 3, "no more than may be unanswered"
    first = next(record for record in on_time(records) if record.captured_s >= UP_S - 0.1)
    assert first.captured_s + (first.e2e_ms or 0.0) / 1000 <= UP_S + 1.0


def test_after_an_outage_the_size_is_back_within_two_seconds_and_nothing_more_is_missed(tmp_path: Path) -> None:
    records = frames(OUTAGE, tmp_path / "run")
    before = max(r.resolution or 0 for r in on_time(records) if 3.0 < r.captured_s < DOWN_S - 0.1)
    back = next(r for r in on_time(records) if r.captured_s > UP_S and (r.resolution or 0) >= 0.9 * before)
    assert back.captured_s < UP_S + 2.0
    assert {r.outcome for r in records if r.captured_s > UP_S + 0.3} == {Outcome.ON_TIME}


@pytest.mark.parametrize("by_s", [-500.0, 500.0])
def test_a_clock_that_is_set_costs_no_more_than_a_moment(by_s: float, tmp_path: Path) -> None:
    jump = ClockJump(2.0, "camera-0", by_s)
    records = frames(msgspec.structs.replace(STEERED, duration_s=8.0, faults=(jump,)), tmp_path / "run")
    calm = [record for record in records if record.captured_s > 4.0]
    assert len(on_time(calm)) == len(calm)
    before = max(record.resolution or 0 for record in records if record.captured_s < 2.0)
    assert max(record.resolution or 0 for record in calm) >= before


@virtual
async def test_a_server_that_plans_tells_a_camera_that_steers_so() -> None:
    async with running() as service:
        service.on_change = lambda cause: service.apply(everyone_on(SMALL, "camera"))
        setup = Setup(steering=Steering(controller_named("prudent")))
        await setup.run(1.0, 1.5)
    assert isinstance(setup.camera, FrameSender)
    assert setup.camera.refusal is not None and "--planner client" in setup.camera.refusal
    assert {outcome for outcome, _ in setup.outcomes} == {Outcome.SKIPPED}
