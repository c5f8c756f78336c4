"""Scenarios with a host: what it is charged makes frames late, the same way every time."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jellyfish.core import Reason
from jellyfish.devices.profile.host import HostCosts
from jellyfish.devices.profile.variation import USUAL, Variation
from jellyfish.errors import InputError
from jellyfish.lab.simulation.model import load_model
from jellyfish.lab.simulation.scenario import Bystander, Clients, Half, Host, Scenario, SimulatedDevice, check
from jellyfish.lab.simulation.simulate import run_scenario, simulated_frames
from jellyfish.server.service import Service

HOST = Host(cores=2, cameras=True, server_ms=0.9, camera_ms=1.0, capture_ms=1.0)
FEW = Scenario("Hosted", 4.0, (SimulatedDevice("cpu", "cpu"),), (Clients("camera", 4, slo_ms=150.0),), 1, host=HOST)
HALVES: tuple[Half, Half] = ("first", "second")


def miss_rate(scenario: Scenario) -> float:
    frames = [frame for frame in simulated_frames(scenario) if frame.captured_s > 1.0]
    return sum(frame.outcome != "on_time" for frame in frames) / len(frames)


def test_the_same_seed_gives_the_same_bytes_with_everything_charged(tmp_path: Path) -> None:
    model = load_model("cpu")
    latencies = tuple(
        msgspec.structs.replace(entry, variation=Variation(USUAL, 0.4)) for entry in model.profile.latencies
    )
    costs = HostCosts((128, 448), (0.0002, 0.001), (0.0003, 0.002), (0.0001, 0.0002), 0.001, 0.0009, 0.0013)
    profile = msgspec.structs.replace(model.profile, latencies=latencies, host=costs)
    (tmp_path / "model.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(model, profile=profile)))
    host = Host(cores=2, cameras=True, costs="measured")
    scenario = msgspec.structs.replace(
        FEW,
        devices=(SimulatedDevice("cpu", str(tmp_path / "model.json")),),
        host=host,
        target=99.0,
        faults=(Bystander(1.0, 1.0),),
    )
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        run_scenario(msgspec.structs.replace(scenario, seed=seed), tmp_path / name)
    one, same, other = ((tmp_path / name / "frames.jsonl").read_bytes() for name in ("one", "same", "other"))
    assert one == same != other


def test_a_host_that_is_not_short_of_anything_harms_nobody() -> None:
    assert miss_rate(FEW) < 0.02


def test_an_event_loop_with_more_to_do_than_it_can_makes_frames_late() -> None:
    crowd = msgspec.structs.replace(FEW, clients=(Clients("camera", 24, slo_ms=150.0, trace="none"),))
    costly = msgspec.structs.replace(crowd, host=msgspec.structs.replace(HOST, server_ms=4.0))
    assert miss_rate(costly) > 0.3


def test_a_bystander_takes_what_batches_need() -> None:
    fixed = msgspec.structs.replace(FEW, variant="w100e2-384", clients=(Clients("camera", 5, trace="none"),))
    beside = msgspec.structs.replace(fixed, faults=(Bystander(0.5, 10.0),))
    assert miss_rate(beside) > miss_rate(fixed) + 0.1


def test_a_bystander_on_the_loops_half_leaves_the_workers_alone() -> None:
    fixed = msgspec.structs.replace(FEW, variant="w100e2-448", clients=(Clients("camera", 4, 15.0, 150.0, "none"),))
    beside = {half: Bystander(0.5, 10.0, half) for half in HALVES}
    on_first, on_second = (miss_rate(msgspec.structs.replace(fixed, faults=(beside[half],))) for half in HALVES)
    assert on_first < 0.05 < 0.1 < on_second


def test_workers_that_share_their_cores_help_where_cameras_are_elsewhere(tmp_path: Path) -> None:
    measured = load_model("cpu")

    def workers_and_misses(workers: int, sharing: int, cameras: bool) -> tuple[int, float]:
        profile = msgspec.structs.replace(measured.profile, workers=workers, sharing=sharing)
        model = tmp_path / "model.json"
        model.write_bytes(msgspec.json.encode(msgspec.structs.replace(measured, profile=profile)))
        host = msgspec.structs.replace(HOST, cameras=cameras)
        crowd = (Clients("camera", 10, slo_ms=150.0, trace="none"),)
        devices = (SimulatedDevice("cpu", str(model)),)
        scenario = msgspec.structs.replace(FEW, variant="w100e2-448", host=host, devices=devices, clients=crowd)
        found: list[int] = []

        def count(service: Service) -> None:
            found.append(service.dispatchers["cpu"].statistics().workers)

        summary, _ = run_scenario(scenario, tmp_path / f"{workers}-{sharing}-{cameras}", on_service=count)
        return found[0], summary.miss_rate or 0.0

    (one, alone), (two, shared) = workers_and_misses(1, 0, cameras=False), workers_and_misses(2, 1, cameras=False)
    assert (one, two) == (1, 2)
    assert shared < alone - 0.1
    assert workers_and_misses(2, 1, cameras=True)[0] == 1


def test_care_is_learnt_for_a_target(tmp_path: Path) -> None:
    run_scenario(msgspec.structs.replace(FEW, target=99.9, duration_s=12.0), tmp_path / "run")
    told = (tmp_path / "run" / "window_clients.jsonl").read_bytes().splitlines()
    care = [msgspec.json.decode(line)["care"] for line in told]
    assert care[0] == FEW.care and len(set(care)) > 10


def test_every_frame_of_a_fixed_variant_runs_with_it() -> None:
    frames = simulated_frames(msgspec.structs.replace(FEW, variant="w025e1-192", max_batch=12))
    assert {frame.variant for frame in frames if frame.variant} == {"w025e1-192"}


def test_cameras_of_a_host_too_slow_for_them_are_found_busy() -> None:
    slow = msgspec.structs.replace(FEW, host=msgspec.structs.replace(HOST, capture_ms=40.0))
    reasons = [frame.reason for frame in simulated_frames(slow)]
    assert Reason.CAMERA_BUSY in reasons


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"host": Host(cameras=True)}, "needs cores"),
        ({"host": Host(), "faults": (Bystander(1.0, 1.0),)}, "takes cores from a host"),
    ],
)
def test_a_host_that_cannot_be_is_refused_with_words(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check(msgspec.structs.replace(FEW, **change), "x.toml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"variant": "w9"}, "w025e1-128"),
        ({"host": Host(cores=2, costs="measured")}, "jellyfish profile"),
    ],
)
def test_what_a_model_does_not_have_is_refused_with_words(change: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulated_frames(msgspec.structs.replace(FEW, **change))
