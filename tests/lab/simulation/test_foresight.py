"""Uplinks that are known in advance, and the other ways to run a scenario that are there to compare with."""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.control.estimator import MARGIN_S
from jellyfish.control.frame_size import reference_bytes
from jellyfish.control.problem import Plan, Problem
from jellyfish.core import Outcome
from jellyfish.lab.simulation.foresight import ForesightPlanner, ForesightSizer
from jellyfish.lab.simulation.links import CameraLink, camera_links
from jellyfish.lab.simulation.scenario import Clients, Scenario, SimulatedDevice, load_scenario
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.link.synthetic import steps
from jellyfish.link.trace import BandwidthTrace
from jellyfish.protocol import wire
from jellyfish.results.records import FrameRecord
from jellyfish.results.window_lines import ClientLine, WindowLine
from tests.control.problems import problem

STEPS = Scenario(
    "Steps",
    41.0,
    (SimulatedDevice("gpu-0"), SimulatedDevice("gpu-1")),
    (Clients("camera", 3, trace="steps"),),
    foresight=True,
)
SMALLEST, LARGE = 128, 192
"""Sizes of the two variants of a made-up problem."""
QUESTION = problem([(10.0, [0.4, 0.4])], [[[0.005], [0.020]]], [0.3, 0.7])
KEYS = {"dispatch": "lazy", "back_off": "published", "foresight": True}
SCENARIO = """
title = "Compared"
duration_s = 4.0
seed = 3
max_batch = 4
{keys}
[[devices]]
name = "gpu-0"
[[clients]]
name = "camera"
count = 3
fps = 25.0
slo_ms = 75.0
trace = '{trace}'
{group_keys}
"""
FALLS = "time_s,mbps\n0,20\n1,20\n2,4\n3,20\n"


class Told:
    """A planner that keeps what it is told."""

    def __init__(self) -> None:
        self.problem: Problem | None = None

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        self.problem = problem
        return Plan({}, {})


def link(trace: BandwidthTrace | None, delay_s: float = 0.005) -> CameraLink:
    return CameraLink("c0", 0, trace, delay_s, frame_size=1.0)


def foresight(uplink: CameraLink, at_s: float, told: Told | None = None) -> ForesightPlanner:
    """The planner at `at_s` of the run, with an SLO of 100 ms and 3 ms for encoding and decoding, once asked."""
    planner = ForesightPlanner(told or Told(), {"c0": uplink}, {"c0": 0.1}, 0.003, 0.5, lambda: at_s)
    planner.plan(QUESTION, None)
    return planner


def on_link_s(resolution: int, mbps: float) -> float:
    return (reference_bytes(resolution) + wire.FRAME_OVERHEAD_BYTES) * 8 / (mbps * 1e6)


# --- the planner's side ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_s", "mbps"), [(-0.9, 20), (0.0, 20), (19.5, 20), (19.9, 15), (20.0, 15), (59.9, 7.5), (79.9, 10), (139.9, 20)]
)
def test_the_planner_counts_with_the_rate_of_its_window_from_before_the_step_on(at_s: float, mbps: float) -> None:
    """Most of the window's frames decide: from 0.25 s before a step on, those after it."""
    planner = foresight(link(steps()), at_s)
    for resolution in (SMALLEST, LARGE):
        assert planner.planned_s("c0", resolution) == pytest.approx(on_link_s(resolution, mbps))


def test_before_the_run_the_planner_looks_at_its_beginning_not_at_the_end_of_the_trace() -> None:
    falling = link(BandwidthTrace((0.0, 5.0), (20e6, 1e6), "falling"))
    assert foresight(falling, -0.9).planned_s("c0", LARGE) == pytest.approx(on_link_s(LARGE, 20))
    assert foresight(falling, 7.0).planned_s("c0", LARGE) == pytest.approx(on_link_s(LARGE, 1))


def test_a_budget_is_what_network_delays_and_overheads_leave_of_the_slo() -> None:
    told = Told()
    foresight(link(BandwidthTrace((0.0,), (8e6,), "8mbps"), delay_s=0.010), 3.0, told)
    assert told.problem is not None
    (demand,) = told.problem.clients
    rest_s = 0.1 - 2 * 0.010 - 0.003 - MARGIN_S
    assert demand.budget_s == pytest.approx([rest_s - on_link_s(size, 8) for size in (SMALLEST, LARGE)])
    foresight(link(None), 3.0, told)
    assert told.problem.clients[0].budget_s == pytest.approx(2 * [0.1 - 2 * 0.005 - 0.003 - MARGIN_S])


def test_what_the_link_does_not_sustain_at_the_frame_rate_or_within_the_slo_has_no_budget() -> None:
    told = Told()
    between_kbps = 8 * 10 * (reference_bytes(SMALLEST) + reference_bytes(LARGE)) / 2 / 1000
    foresight(link(BandwidthTrace((0.0,), (between_kbps * 1000,), "narrow")), 3.0, told)
    assert told.problem is not None
    assert told.problem.clients[0].budget_s[1] == 0.0
    unhurried = ForesightPlanner(told, {"c0": link(BandwidthTrace((0.0,), (between_kbps * 1000,), "narrow"))},
                                 {"c0": 1.0}, 0.003, 0.5, lambda: 3.0)  # fmt: skip
    unhurried.plan(QUESTION, None)
    assert [budget_s > 0 for budget_s in told.problem.clients[0].budget_s] == [True, False]


def test_a_second_client_of_the_same_name_has_the_link_of_the_first() -> None:
    told = Told()
    planner = ForesightPlanner(told, {"c0": link(steps())}, {"c0": 0.1}, 0.003, 0.5, lambda: 0.0)
    again = msgspec.structs.replace(QUESTION.clients[0], client="c0#2")
    planner.plan(msgspec.structs.replace(QUESTION, clients=(again,)), None)
    assert planner.planned_s("c0", LARGE) > 0.0


def test_nothing_is_counted_with_before_the_first_plan() -> None:
    planner = ForesightPlanner(Told(), {"c0": link(steps())}, {"c0": 0.1}, 0.003, 0.5, lambda: 0.0)
    assert planner.planned_s("c0", LARGE) == planner.planned_s("c1", LARGE) == 0.0


# --- the camera's side -------------------------------------------------------------------------------------

START_S = 100.0
"""Of the run, on the loop's clock."""
LIGHT_SEED = next(seed for seed in range(100) if CameraLink("c0", seed, None, 0.0, 1.0).frames().weight(LARGE) < 9900)


def sizer(mbps_after_1_s: float) -> ForesightSizer:
    """For 8 Mbit/s until 1 s, planned with at 0.2 s. Encoding takes 2 ms; a frame is lighter than usual, so that it
    fits where nothing has changed: about 10 ms on the link, 5 ms as the smallest."""
    trace = BandwidthTrace((0.0, 1.0, 60.0), (8e6, mbps_after_1_s * 1e6, 8e6), "changes")
    uplink = CameraLink("c0", LIGHT_SEED, trace, 0.005, frame_size=1.0)
    made = ForesightSizer(uplink, uplink.frames(), foresight(uplink, 0.2), START_S, 0.002)
    made.ladder = (SMALLEST, LARGE)
    return made


def chosen(made: ForesightSizer, captured_s: float, planned: int = LARGE, late_s: float = 0.0) -> int | None:
    """The size of a frame captured at `captured_s` of the run, asked for `late_s` afterwards."""
    return made.choose(START_S + captured_s + late_s, planned, START_S + captured_s, ())


def test_a_camera_sends_as_planned_while_the_link_is_as_planned() -> None:
    assert chosen(sizer(8.0), 0.5) == chosen(sizer(8.0), 3.0) == LARGE
    assert chosen(sizer(8.0), 0.5, planned=SMALLEST) == SMALLEST


def test_a_camera_knows_that_the_link_will_fall_while_its_frame_is_on_the_way() -> None:
    made = sizer(0.8)
    assert [chosen(made, captured_s) for captured_s in (0.98, 0.991, 1.0)] == [LARGE, SMALLEST, SMALLEST]


def test_a_frame_that_waited_or_that_finds_the_link_taken_is_sent_smaller() -> None:
    assert chosen(sizer(8.0), 0.5, late_s=0.004) == SMALLEST
    made = sizer(8.0)
    made.sent(START_S + 0.5, LARGE, 50_000)
    made.sent(START_S + 0.51, LARGE, 50_000)
    assert [chosen(made, captured_s) for captured_s in (0.59, 0.599)] == [SMALLEST, LARGE]


def test_a_camera_never_leaves_a_frame_out() -> None:
    assert chosen(sizer(0.001), 5.0) == SMALLEST
    assert chosen(sizer(0.001), 5.0, planned=64) == 64


# --- simulations -------------------------------------------------------------------------------------------


def records(folder: Path) -> list[FrameRecord]:
    return [msgspec.json.decode(line, type=FrameRecord) for line in (folder / "frames.jsonl").read_bytes().splitlines()]


def planned_sizes(folder: Path) -> dict[float, float]:
    """When a plan was made for all cameras -> their mean size."""
    windows = msgspec.json.Decoder(WindowLine).decode_lines((folder / "windows.jsonl").read_bytes())
    planned = msgspec.json.Decoder(ClientLine).decode_lines((folder / "window_clients.jsonl").read_bytes())
    sizes = defaultdict[int, list[int]](list)
    for place in planned:
        if place.resolution is not None:
            sizes[place.window].append(place.resolution)
    return {line.t_s: statistics.mean(sizes[line.window]) for line in windows if line.cause == "period"}


def test_with_foresight_no_frame_is_missed_and_plans_follow_the_uplink_at_once(tmp_path: Path) -> None:
    summary, _ = run_scenario(STEPS, tmp_path / "run")
    assert summary.offered == 3 * 41 * 15
    assert {record.outcome for record in records(tmp_path / "run")} == {Outcome.ON_TIME}
    sizes = planned_sizes(tmp_path / "run")
    for begin_s, end_s in ((0.0, 20.0), (20.0, 40.0)):
        first, *others = [size for at_s, size in sizes.items() if begin_s <= at_s < end_s - 0.5]
        assert len(others) > 35
        assert abs(first - statistics.mean(others)) < 16
    fast, slow = ([size for at_s, size in sizes.items() if a <= at_s < b] for a, b in ((0.0, 19.5), (20.0, 39.5)))
    slowest = [size for at_s, size in sizes.items() if at_s >= 40.0]
    assert min(fast) > max(slow) and min(slow) > max(slowest)


def simulate(path: Path, keys: dict[str, object], trace_shift: object = None) -> Result:
    """The command on a scenario with these keys, into the folder `path`."""
    text = "\n".join(f"{key} = {msgspec.json.encode(value).decode()}" for key, value in keys.items())
    group = "" if trace_shift is None else f"trace_shift_s = {msgspec.json.encode(trace_shift).decode()}"
    scenario, trace = path.with_suffix(".toml"), path.with_name("falls.csv")
    trace.write_text(FALLS)
    scenario.write_text(SCENARIO.format(keys=text, trace=trace, group_keys=group))
    return CliRunner().invoke(cli.app, ["simulate", str(scenario), "--results", str(path)])


def test_each_way_to_run_a_scenario_can_be_asked_for_and_makes_a_difference(tmp_path: Path) -> None:
    assert simulate(tmp_path / "ours", {}).exit_code == 0
    for key, value in KEYS.items():
        done = simulate(tmp_path / key, {key: value})
        assert done.exit_code == 0, done.output
        assert getattr(load_scenario(tmp_path / f"{key}.toml"), key) == value
    runs = [(tmp_path / name / "frames.jsonl").read_bytes() for name in ("ours", *KEYS)]
    assert len(set(runs)) == len(runs)
    captured = [[(record.client, record.frame) for record in records(tmp_path / name)] for name in ("ours", *KEYS)]
    assert all(sorted(each) == sorted(captured[0]) for each in captured)


def test_together_they_run_too_with_cameras_apart_on_one_trace(tmp_path: Path) -> None:
    done = simulate(tmp_path / "all", KEYS, trace_shift=1.5)
    assert done.exit_code == 0, done.output
    scenario = load_scenario(tmp_path / "all.toml")
    assert (scenario.dispatch, scenario.back_off, scenario.foresight) == ("lazy", "published", True)
    assert scenario.clients[0].trace_shift_s == 1.5
    told = msgspec.json.decode((tmp_path / "all" / "run.json").read_bytes())
    assert told["config"]["clients"][0]["trace_shift_s"] == 1.5


def test_each_camera_finds_a_shifted_trace_further_on() -> None:
    group = Clients("camera", 3, trace="steps", trace_shift_s=25.0)
    links = camera_links(msgspec.structs.replace(STEPS, clients=(group,))).values()
    assert [uplink.trace.rate_at(0.0) / 1e6 for uplink in links if uplink.trace is not None] == [20, 15, 10]


@pytest.mark.parametrize(
    ("keys", "trace_shift", "words"),
    [
        ({"dispatch": "eager"}, None, "dispatch"),
        ({"back_off": "never"}, None, "back_off"),
        ({"foresight": "yes"}, None, "foresight"),
        ({}, -1.0, "trace_shift_s"),
        ({}, "far", "trace_shift_s"),
    ],
)
def test_a_wrong_value_is_refused_with_words(
    tmp_path: Path, keys: dict[str, object], trace_shift: object, words: str
) -> None:
    done = simulate(tmp_path / "run", keys, trace_shift)
    assert done.exit_code == 2, done.output
    assert words in done.output and "Traceback" not in done.output
    assert not (tmp_path / "run").exists()
