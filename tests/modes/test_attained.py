"""What a run's windows say of the server's knowledge of its clients, beside what became of the frames."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jellyfish.control.planners import make_planner
from jellyfish.control.problem import Plan, Problem
from jellyfish.core import Outcome, Reason
from jellyfish.lab.simulation.scenario import Clients, LinkDown, Scenario, SimulatedDevice
from jellyfish.lab.simulation.simulate import run_scenario
from jellyfish.results.records import FrameRecord
from jellyfish.results.window_lines import ClientLine, WindowLine

SCENARIO = Scenario("Small", 6.0, (SimulatedDevice("gpu-0"),), (Clients("camera", 2, trace="20mbps"),), seed=3)


def lines(folder: Path) -> tuple[list[FrameRecord], list[WindowLine], list[ClientLine]]:
    return (
        msgspec.json.Decoder(FrameRecord).decode_lines((folder / "frames.jsonl").read_bytes()),
        msgspec.json.Decoder(WindowLine).decode_lines((folder / "windows.jsonl").read_bytes()),
        msgspec.json.Decoder(ClientLine).decode_lines((folder / "window_clients.jsonl").read_bytes()),
    )


def test_windows_tell_what_the_server_takes_for_attained_of_each_client(tmp_path: Path) -> None:
    """A report is at most a second old, and a frame has an outcome once its SLO is over."""
    run_scenario(msgspec.structs.replace(SCENARIO, faults=(LinkDown(1.0, "camera-0", 0.6),)), tmp_path / "run")
    frames, _, clients = lines(tmp_path / "run")
    assert any(frame.reason is not None for frame in frames)
    assert len({line.window for line in clients}) > 10
    for line in clients:
        if line.client == "camera-0" and 1.0 < line.t_s < 2.7:
            continue  # its reports wait for the link, too
        assert line.estimated == (line.t_s < 0.1)  # the first report comes a second after the connection
        own = [frame for frame in frames if frame.client == line.client]
        new = [frame for frame in own if frame.captured_s < line.t_s]
        old = [frame for frame in own if frame.captured_s < line.t_s - 1.1]
        assert line.captured is not None and len(old) <= line.captured <= len(new)
        for told, outcomes in ((line.on_time, {Outcome.ON_TIME}), (line.missed, {*Outcome} - {Outcome.ON_TIME})):
            settled = sum(frame.outcome in outcomes for frame in old)
            assert told is not None and settled <= told <= sum(frame.outcome in outcomes for frame in new)


class ThinPlanner:
    """The plan of `best`, with a third of each client's frames."""

    def __init__(self) -> None:
        self._best = make_planner("best", 0)

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        plan = self._best.plan(problem, running)
        return msgspec.structs.replace(plan, fps={client.client: client.fps / 3 for client in problem.clients})


def test_a_planners_rate_reaches_the_cameras_and_is_told(tmp_path: Path) -> None:
    run_scenario(SCENARIO, tmp_path / "run", planner=ThinPlanner())
    frames, windows, clients = lines(tmp_path / "run")
    assert {(frame.outcome, frame.reason) for frame in frames} == {
        (Outcome.ON_TIME, None),
        (Outcome.SKIPPED, Reason.THINNED),
    }
    told_s = next(window.t_s for window in windows if window.solve == "solved")  # until then, repair's places hold
    later = [frame for frame in frames if frame.captured_s > told_s + 0.1]
    sent = sum(frame.reason is None for frame in later)
    assert abs(sent - len(later) / 3) <= 2
    assert {line.fps for line in clients if line.t_s >= told_s and line.mapped} == {5.0}
