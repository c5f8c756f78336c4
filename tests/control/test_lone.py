"""A worker for each client: one batch of one has to fit its budget, not two (`jellyfish.control.capacity.lone`)."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.capacity import LONE_BUSY, full_batches_s, lone, violations, worst_cases_s
from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.problem import DevicePlan, Plan, Problem, Share
from jellyfish.core import Outcome
from jellyfish.lab.simulation.model import load_model
from jellyfish.lab.simulation.scenario import Clients, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.results.records import FrameRecord
from jellyfish.results.window_lines import ClientLine, WindowLine
from tests.control.problems import problem, problems

LATENCY_S = [[0.005, 0.006], [0.020, 0.024]]
ACCURACY = [0.3, 0.7]


def question(*rates_fps: float, devices: int = 1, budget_s: float = 0.030) -> Problem:
    """Clients of these rates with 30 ms for a small variant of 5 ms and a large one of 20 ms: once, but not twice."""
    return problem([(fps, [budget_s, budget_s]) for fps in rates_fps], devices * [LATENCY_S], ACCURACY)


SMALL, LARGE = question().variants


def planned(asked: Problem, running: Plan | None = None) -> Plan:
    plan = SharedPlanner(0, time_budget_s=math.inf).plan(asked, running)
    assert violations(asked, plan) == []
    return plan


def on_large(*others: Share, batch: int = 1, clients: int = 1) -> Plan:
    """Everybody on the only device's large variant."""
    chosen = DevicePlan(LARGE, batch, others)
    names = [f"c{number}" for number in range(clients)]
    return Plan({"cuda:0": chosen}, dict.fromkeys(names, "cuda:0"), variants=dict.fromkeys(names, LARGE))


def test_an_only_client_gets_what_fits_once() -> None:
    plan = planned(question(10.0))
    assert plan.variant_of("c0") == LARGE
    assert plan.devices["cuda:0"].shares == (Share(LARGE, 1),)
    assert worst_cases_s(question(10.0), plan) == {"c0": pytest.approx(0.020)}
    assert planned(question(10.0, budget_s=0.019)).variant_of("c0") == SMALL


def test_frames_that_come_too_close_for_it_are_planned_for_as_before() -> None:
    """Of 22 ms between two frames the large variant may take 20."""
    most_fps = LONE_BUSY / 0.020
    assert most_fps == pytest.approx(45.0)
    assert planned(question(44.9)).variant_of("c0") == LARGE
    close = planned(question(45.1))
    assert close.variant_of("c0") == SMALL
    assert planned(question(45.1, budget_s=0.040)).variant_of("c0") == LARGE


def test_a_second_client_on_the_device_brings_the_usual_rule_back() -> None:
    alone, together = planned(question(10.0)), planned(question(10.0, 10.0), planned(question(10.0)))
    assert alone.variant_of("c0") == LARGE
    assert {client: together.variant_of(client) for client in ("c0", "c1")} == {"c0": SMALL, "c1": SMALL}
    two = question(10.0, 10.0)
    (batch_s,) = full_batches_s(two, two.devices[0], together.devices["cuda:0"])
    assert worst_cases_s(two, together) == {"c0": 2 * batch_s, "c1": 2 * batch_s}
    again = planned(question(10.0), together)
    assert again.variant_of("c0") == LARGE


def test_with_a_device_for_each_all_are_alone() -> None:
    plan = planned(question(10.0, 10.0, devices=2))
    assert set(plan.clients.values()) == {"cuda:0", "cuda:1"}
    assert {plan.variant_of(client) for client in plan.clients} == {LARGE}


def test_with_a_worker_for_each_all_are_alone_and_one_more_is_not() -> None:
    asked = question(10.0, 10.0, 10.0)
    two, three = (
        msgspec.structs.replace(asked, devices=(msgspec.structs.replace(asked.devices[0], workers=2),), clients=clients)
        for clients in (asked.clients[:2], asked.clients)
    )
    plan = planned(two)
    assert {plan.variant_of(client) for client in ("c0", "c1")} == {LARGE}
    assert worst_cases_s(two, plan) == {"c0": pytest.approx(0.020), "c1": pytest.approx(0.020)}
    plan = planned(three, plan)
    assert len(plan.clients) == 3
    assert {plan.variant_of(client) for client in plan.clients} == {SMALL}


def test_the_check_takes_what_fits_once_of_an_only_client_and_nothing_else() -> None:
    assert violations(question(10.0), on_large()) == []
    (close,) = violations(question(45.1), on_large())
    assert "c0 has 30.0 ms, a batch of 1 may take 40.0 ms" in close
    assert len(violations(question(10.0, 10.0), on_large(clients=2))) == 2
    (over,) = violations(question(10.0, budget_s=0.019), on_large())
    assert "c0 has 19.0 ms, a batch of 1 may take 20.0 ms" in over


@pytest.mark.parametrize("plan", [on_large(batch=2), on_large(Share(SMALL, 1))], ids=["batch of two", "in turn"])
def test_a_device_that_does_more_than_single_frames_of_one_variant_is_no_lone_one(plan: Plan) -> None:
    (late,) = violations(question(10.0), plan)
    assert "c0 has 30.0 ms" in late
    assert worst_cases_s(question(10.0), plan)["c0"] > 0.040


def test_worst_cases_agree_with_the_check() -> None:
    for asked, plan in (
        (question(10.0), on_large()),
        (question(45.1), on_large()),
        (question(10.0, 10.0), on_large(clients=2)),
        (question(10.0), on_large(batch=2)),
        (question(10.0), on_large(Share(SMALL, 1))),
    ):
        for client, worst_s in worst_cases_s(asked, plan).items():
            late = any(client in sentence for sentence in violations(asked, plan))
            assert late == (worst_s > 0.030)


@given(st.floats(0.1, 240.0), st.floats(0.001, 0.1))
def test_lone_leaves_a_fifth_of_the_time_between_two_frames(fps: float, single_s: float) -> None:
    assert lone(fps, single_s) == (single_s * fps <= LONE_BUSY)
    assert not lone(fps, single_s) or single_s < 1 / fps


@given(asked=problems(max_clients=1, max_devices=2))
@settings(max_examples=60, deadline=None)
def test_one_client_gets_the_most_accurate_variant_that_it_could_have(asked: Problem) -> None:
    """Counted by trying all. Who could not be served by the usual rule is not."""
    (client,) = asked.clients
    usual, alone = set[float](), set[float]()
    for option in asked.devices:
        rows = zip(option.latency_s, option.keeps_s, asked.accuracy, client.budget_s, strict=True)
        for row, keeps_s, accuracy, budget_s in rows:
            pairs = enumerate(zip(row, keeps_s, strict=True), start=1)
            if any(client.fps * keeps < batch and 2 * s <= budget_s for batch, (s, keeps) in pairs):
                usual.add(accuracy)
            if client.fps * keeps_s[0] <= LONE_BUSY and row[0] <= budget_s:
                alone.add(accuracy)
    plan = planned(asked)
    if not usual:
        assert plan.clients == {}
    else:
        variant = plan.variant_of("c0")
        assert variant is not None
        assert asked.accuracy[asked.variants.index(variant)] == max(usual | alone)


@pytest.mark.parametrize("actuation", [True, False])
def test_simulated_an_only_client_misses_nothing_although_two_batches_would_not_fit(
    tmp_path: Path, actuation: bool
) -> None:
    camera = Clients("camera", fps=15.0, slo_ms=75.0, trace="20mbps", frame_size=1.0)
    scenario = Scenario("Lone", 10.0, (SimulatedDevice("gpu-0"),), (camera,), actuation=actuation)
    run_scenario(scenario, tmp_path / "run")
    frames = [
        msgspec.json.decode(line, type=FrameRecord)
        for line in (tmp_path / "run" / "frames.jsonl").read_bytes().splitlines()
    ]
    assert len(frames) == 150
    assert {frame.outcome for frame in frames} == {Outcome.ON_TIME}
    windows = msgspec.json.Decoder(WindowLine).decode_lines((tmp_path / "run" / "windows.jsonl").read_bytes())
    periodic = {window.window for window in windows if window.cause == "period"}
    told = msgspec.json.Decoder(ClientLine).decode_lines((tmp_path / "run" / "window_clients.jsonl").read_bytes())
    steady = [line for line in told if line.window in periodic and line.t_s > 1.0]
    model = load_model("gpu")
    single_ms = {variant.name: 1000 * model.profile.of(variant).p50_s[0] for variant in model.variants}
    for line in steady:
        assert line.variant is not None and line.budget_ms is not None
        assert single_ms[line.variant] < line.budget_ms < 2 * single_ms[line.variant]
    assert len(steady) > 15
