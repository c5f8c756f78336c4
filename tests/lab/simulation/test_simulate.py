"""Simulations: repeatable, complete, and refusing what makes no sense."""

from __future__ import annotations

import signal
from pathlib import Path

import msgspec
import pytest

from jellyfish.core import Outcome, Reason, Variant
from jellyfish.errors import InputError
from jellyfish.lab.simulation.invariants import Remains, breaches
from jellyfish.lab.simulation.model import SimulatedModel, load_model
from jellyfish.lab.simulation.scenario import (
    AnyFault,
    Clients,
    Cut,
    DeviceError,
    DeviceFlap,
    DeviceHang,
    LinkDown,
    Scenario,
    SimulatedDevice,
    Vanish,
    load_scenario,
)
from jellyfish.lab.simulation.simulate import chaos_breaches, run_scenario, simulated
from jellyfish.program.stopping import Stop
from jellyfish.results.records import FrameRecord, OutageRecord, PlanRecord
from jellyfish.results.streams import AgreementFigures
from tests.virtual import run_virtual

SMALL = Scenario("Small", 3.0, (SimulatedDevice("gpu-0"),), (Clients("camera", 2, trace="20mbps"),), seed=3)
FALLING = "time_s,mbps\n0,20\n1,3\n2,0.8\n3,3\n"
NOTHING_LEFT = Remains((), 0, 64, 0)


def with_faults(*faults: msgspec.Struct, seconds: float = 6.0) -> Scenario:
    return msgspec.structs.replace(SMALL, faults=faults, duration_s=seconds)


def records(folder: Path) -> list[FrameRecord]:
    return [msgspec.json.decode(line, type=FrameRecord) for line in (folder / "frames.jsonl").read_bytes().splitlines()]


def test_the_same_seed_gives_the_same_frames_byte_for_byte_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        run_scenario(msgspec.structs.replace(SMALL, seed=seed), tmp_path / name)
    one, same, other = ((tmp_path / name / "frames.jsonl").read_bytes() for name in ("one", "same", "other"))
    assert one == same != other


def test_every_frame_is_answered_on_time_where_nothing_is_short(tmp_path: Path) -> None:
    summary, notes = run_scenario(SMALL, tmp_path / "run")
    assert summary.offered == 2 * 45
    assert summary.miss_rate == 0
    assert notes == ["Client and server agree on every frame that was sent (90)."]
    assert (summary.agreement, summary.outages) == (AgreementFigures(90, 90, []), None)
    assert summary.accuracy.f1_offered is None
    assert summary.accuracy.expected_offered == pytest.approx(summary.accuracy.expected_on_time)
    assert 0.4 <= (summary.accuracy.expected_offered or 0) <= 1


def test_no_client_is_refused_for_those_that_have_joined(tmp_path: Path) -> None:
    """They have no addresses of their own, and are not one party for it: there are more than one address may have."""
    crowd = Clients("camera", 70, 1.0, 200.0, trace="40mbps", spread_s=1.0)
    scenario = msgspec.structs.replace(SMALL, clients=(crowd,), duration_s=3.0)
    run_scenario(scenario, tmp_path / "run")
    answered = {record.client for record in records(tmp_path / "run") if record.outcome is Outcome.ON_TIME}
    assert len(answered) == 70


def test_a_frame_that_was_sent_smaller_counts_with_the_accuracy_of_that_size(tmp_path: Path) -> None:
    model = load_model("gpu")
    by_name = {variant.name: variant for variant in model.variants}
    (tmp_path / "falls.csv").write_text(FALLING)
    clients = (Clients("camera", 2, trace=str(tmp_path / "falls.csv")),)
    run_scenario(msgspec.structs.replace(SMALL, clients=clients), tmp_path / "run")
    smaller = 0
    for record in (record for record in records(tmp_path / "run") if record.variant is not None):
        ran, sent = by_name[record.variant], int(record.resolution or 0)
        smaller += sent < ran.resolution
        assert record.expected_f1 == model.accuracy(Variant(min(ran.resolution, sent), ran.network))
    assert smaller > 0


def test_frames_weigh_what_is_known_of_the_video(tmp_path: Path) -> None:
    known = tuple((variant.resolution, 5000.0) for variant in load_model("gpu").variants)
    run_scenario(msgspec.structs.replace(SMALL, clients=(Clients("camera", 2, frame_bytes=known),)), tmp_path / "run")
    weights = [record.bytes for record in records(tmp_path / "run") if record.bytes]
    assert 4000 < min(weights) < max(weights) < 7500


def test_a_size_that_the_network_is_not_offered_at_counts_as_a_smaller_one(tmp_path: Path) -> None:
    """Two networks at two sizes each: frames sent at 256 and run as `b-320` have no `b-256` to count as."""
    f1 = {Variant(128, "a"): 0.3, Variant(128, "b"): 0.4, Variant(256, "a"): 0.5, Variant(320, "b"): 0.8}
    gpu = load_model("gpu")
    latencies = tuple(msgspec.structs.replace(gpu.profile.of(Variant(v.resolution, "w100")), variant=v) for v in f1)
    model = SimulatedModel("test", msgspec.structs.replace(gpu.profile, latencies=latencies), tuple(f1.values()))
    (tmp_path / "model.json").write_bytes(msgspec.json.encode(model))
    (tmp_path / "falls.csv").write_text(FALLING)
    device = SimulatedDevice("gpu-0", str(tmp_path / "model.json"))
    clients = (Clients("camera", 2, trace=str(tmp_path / "falls.csv")),)
    run_scenario(msgspec.structs.replace(SMALL, devices=(device,), clients=clients, duration_s=4.0), tmp_path / "run")
    counted = {(frame.variant, frame.resolution, frame.expected_f1) for frame in records(tmp_path / "run")}
    assert {("b-320", 256, 0.4), ("b-320", 320, 0.8)} <= counted


def test_clients_come_and_go_as_the_scenario_says(tmp_path: Path) -> None:
    group = Clients("late", 2, trace="20mbps", join_s=1.0, leave_s=2.0, spread_s=0.5)
    run_scenario(msgspec.structs.replace(SMALL, clients=(group,)), tmp_path / "run")
    captured = [record.captured_s for record in records(tmp_path / "run")]
    assert 1.0 <= min(captured) < 1.1
    assert 1.9 < max(captured) < 2.0


def test_a_link_that_is_down_costs_its_client_alone(tmp_path: Path) -> None:
    assert chaos_breaches(with_faults(LinkDown(1.0, "camera-0", 2.0)), tmp_path / "run") == []
    missed = [record for record in records(tmp_path / "run") if record.outcome is not Outcome.ON_TIME]
    assert {record.client for record in missed} == {"camera-0"}
    assert sum(1.0 < record.captured_s < 3.0 for record in missed) > 20


def test_a_connection_that_is_cut_comes_back(tmp_path: Path) -> None:
    assert chaos_breaches(with_faults(Cut(1.0, "camera-1")), tmp_path / "run") == []
    reasons = {record.reason for record in records(tmp_path / "run") if record.client == "camera-1"}
    assert Reason.DISCONNECTED in reasons


def test_what_went_with_a_connection_is_not_said_to_agree_and_the_outage_is_written_down(tmp_path: Path) -> None:
    summary, notes = run_scenario(with_faults(Cut(1.0, "camera-1")), tmp_path / "run")
    (outage,) = msgspec.json.Decoder(OutageRecord).decode_lines((tmp_path / "run" / "outages.jsonl").read_bytes())
    assert (outage.client, outage.began_unix_s) == ("camera-1", None)
    assert outage.ended_s is not None and 1.0 <= outage.began_s < outage.ended_s < 1.6
    offline = [record for record in records(tmp_path / "run") if record.reason is Reason.DISCONNECTED]
    assert all(record.outcome is Outcome.LOST or record.captured_s >= outage.began_s for record in offline)
    assert all(record.planned_resolution is None for record in offline if record.outcome is Outcome.SKIPPED)
    assert summary.agreement is not None and summary.agreement.not_compared == ["camera-1"]
    before = sum(record.captured_s < 1.0 for record in records(tmp_path / "run") if record.client == "camera-1")
    assert summary.agreement.sent - summary.agreement.compared == before
    assert "could not be compared (camera-1)" in notes[0]
    assert "No server: 1 client, for" in notes[1]


def test_plans_are_written_as_clients_were_told_them_and_frames_as_they_were_planned(tmp_path: Path) -> None:
    run_scenario(SMALL, tmp_path / "run")
    plans = msgspec.json.Decoder(PlanRecord).decode_lines((tmp_path / "run" / "plans.jsonl").read_bytes())
    assert {plan.client for plan in plans} == {"camera-0", "camera-1"}
    for record in records(tmp_path / "run"):
        told = [plan for plan in plans if plan.client == record.client and plan.t_s <= record.captured_s]
        later = [plan for plan in plans if plan.client == record.client and 0 < plan.t_s - record.captured_s < 0.05]
        assert (record.planned_variant, record.planned_resolution) in {
            (plan.variant, plan.resolution) for plan in (told[-1], *later)
        }
        assert record.captured_unix_s is None
        assert record.deadline_s == pytest.approx(record.captured_s + record.slo_ms / 1000)


def test_a_device_that_failed_is_used_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert chaos_breaches(with_faults(DeviceError(1.0, "gpu-0", 2.0)), tmp_path / "run") == []
    assert Reason.DEVICE_ERROR in {record.reason for record in records(tmp_path / "run")}
    assert "simulated device error" in caplog.text


TWO = (SimulatedDevice("gpu-0"), SimulatedDevice("gpu-1"))


@pytest.mark.parametrize(
    "faults",
    [
        (DeviceHang(1.0, "gpu-0", 1000.0),),
        (DeviceError(1.0, "gpu-1", 1000.0),),
        (DeviceFlap(1.0, "gpu-0", 4.0, 0.2), DeviceHang(2.0, "gpu-0", 1.5)),
        (DeviceHang(1.0, "gpu-0", 2.0), DeviceError(1.1, "gpu-1", 2.0)),
    ],
)
def test_devices_hang_fail_and_come_and_go(faults: tuple[AnyFault, ...], tmp_path: Path) -> None:
    """Among others: none of them leaves a client without an answer for longer than a second while another works."""
    clients = (Clients("camera", 6, 15.0, 150.0, trace="40mbps"),)
    scenario = msgspec.structs.replace(SMALL, devices=TWO, clients=clients, faults=faults, duration_s=6.0)
    assert chaos_breaches(scenario, tmp_path / "run") == []


def test_no_answer_for_too_long_while_another_device_works_is_a_breach() -> None:
    fault = DeviceHang(2.0, "gpu-0", 1000.0)
    scenario = msgspec.structs.replace(SMALL, devices=TWO, faults=(fault,), duration_s=6.0)

    def found(silent_s: float) -> str:
        times_s = [step / 15 for step in range(90) if not 2.0 < step / 15 < 2.0 + silent_s]
        on_time = [msgspec.structs.replace(frame(each, Outcome.ON_TIME), e2e_ms=50.0) for each in times_s]
        return "; ".join(breaches(scenario, on_time, NOTHING_LEFT))

    assert "camera-0: no answer from 2.05 to 3.25 s" in found(1.2)
    assert "camera-0: no answer" not in found(0.9)


def test_a_client_that_vanishes_is_forgotten(tmp_path: Path) -> None:
    left: list[list[str]] = []
    scenario = with_faults(Vanish(0.5, 1.0), seconds=14.0)
    run_scenario(scenario, tmp_path / "run", on_service=lambda service: left.append(list(service.sessions)))
    assert left == [[]]


def frame(captured_s: float, outcome: Outcome, client: str = "camera-0") -> FrameRecord:
    due_s = captured_s + 0.1
    return FrameRecord(client=client, frame=0, captured_s=captured_s, deadline_s=due_s, outcome=outcome, slo_ms=100.0)


@pytest.mark.parametrize(
    ("remains", "words"),
    [
        (Remains(("camera-0",), 0, 64, 0), "still has sessions of camera-0"),
        (Remains((), 65, 64, 0), "65 requests"),
        (Remains((), 0, 64, 2), "2 frames"),
    ],
)
def test_what_is_left_over_is_a_breach(remains: Remains, words: str) -> None:
    assert words in breaches(SMALL, [], remains)[0]


def test_service_that_does_not_resume_is_a_breach() -> None:
    scenario = with_faults(LinkDown(1.0, "camera-0", 1.0))
    lost = [frame(time_s / 10, Outcome.LOST) for time_s in range(60)]
    found = breaches(scenario, lost, NOTHING_LEFT)
    assert any("no frame on time within 1 s" in words for words in found)
    assert any("missed while nothing was wrong" in words for words in found)
    assert breaches(scenario, [frame(time_s / 10, Outcome.ON_TIME) for time_s in range(60)], NOTHING_LEFT) == []


WRONG = {
    "not TOML": ("title = ", "not a scenario"),
    "no devices": ('title = "x"\nduration_s = 1.0\nclients = [{name = "a"}]', "devices"),
    "unknown key": ('title = "x"\nduration_s = 1.0\ndevices = [{name = "a"}]\nclients = [{nam = "a"}]', "nam"),
    "wrong unit": ('title = "x"\nduration_s = -1.0\ndevices = [{name = "a"}]\nclients = [{name = "a"}]', "duration_s"),
    "unknown fault": (
        'title = "x"\nduration_s = 1.0\ndevices = [{name = "a"}]\nclients = [{name = "a"}]\n'
        'faults = [{kind = "earthquake", at_s = 1.0}]',
        "earthquake",
    ),
    "no clients": ('title = "x"\nduration_s = 1.0\ndevices = [{name = "a"}]', "no clients"),
    "devices and sites": (
        'title = "x"\nduration_s = 1.0\ndevices = [{name = "a"}]\nsites = [{name = "s"}]\nclients = [{name = "a"}]',
        "not both",
    ),
    "sites with other faults": (
        'title = "x"\nduration_s = 1.0\nsites = [{name = "s", count = 2}]\nclients = [{name = "a"}]\n'
        'faults = [{kind = "cut", at_s = 1.0, client = "a-0"}]',
        "no other faults than site_down",
    ),
    "no site is left": (
        'title = "x"\nduration_s = 1.0\nsites = [{name = "s"}]\nclients = [{name = "a"}]\n'
        'faults = [{kind = "site_down", at_s = 1.0, site = "s-0"}]',
        "one of them has to stay",
    ),
    "fault of no site": (
        'title = "x"\nduration_s = 1.0\nsites = [{name = "s", count = 2}]\nclients = [{name = "a"}]\n'
        'faults = [{kind = "site_down", at_s = 1.0, site = "s-2"}]',
        "s-0, s-1",
    ),
    "sites on a host": (
        'title = "x"\nduration_s = 1.0\nsites = [{name = "s"}]\nclients = [{name = "a"}]\nhost = {cores = 2}',
        "cores",
    ),
    "fault of nobody": (
        'title = "x"\nduration_s = 1.0\ndevices = [{name = "a"}]\nclients = [{name = "a"}]\n'
        'faults = [{kind = "cut", at_s = 1.0, client = "b-0"}]',
        "b-0",
    ),
    "same name twice": (
        'title = "x"\nduration_s = 1.0\ndevices = [{name = "a"}]\nclients = [{name = "a"}, {name = "a"}]',
        "a-0",
    ),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_scenario_is_refused_with_words(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        load_scenario(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"planner": "oracle"}, "exact"),
        ({"devices": (SimulatedDevice("a", "nonesuch"),)}, "gpu"),
        ({"devices": (SimulatedDevice("a", "gpu"), SimulatedDevice("b", "cpu"))}, "same variants"),
        ({"clients": (Clients("a", trace="string"),)}, "wifi"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_words(change: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        run_scenario(msgspec.structs.replace(SMALL, **change), tmp_path / "run")


def test_a_broken_model_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text("{}")
    with pytest.raises(InputError, match=r"model\.json"):
        load_model(str(path))


@pytest.mark.parametrize("path", sorted(Path("scenarios").glob("*.toml")), ids=lambda path: path.stem)
def test_the_scenarios_that_ship_can_be_read(path: Path) -> None:
    assert load_scenario(path).title


def test_a_simulation_that_is_stopped_has_its_frames_and_a_summary_of_them(tmp_path: Path) -> None:
    late = Clients("late", 1, trace="20mbps", join_s=50.0)
    scenario = msgspec.structs.replace(SMALL, duration_s=1000.0, clients=(*SMALL.clients, late))
    stop = Stop()

    def progress(second: int, total: int) -> None:
        if second == 3:
            stop.request(signal.SIGINT)

    summary, _ = run_virtual(simulated(scenario, tmp_path / "run", progress, stop))
    written = msgspec.json.decode((tmp_path / "run" / "summary.json").read_bytes())
    assert written["offered"] == summary.offered == len(records(tmp_path / "run")) == 2 * 30
    assert summary.stopped
    assert summary.duration_s == pytest.approx(2.0, abs=0.1)
    assert summary.clients["late-0"].offered == 0
    assert summary.miss_rate == 0


def test_a_simulated_fault_is_a_line_and_no_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run_scenario(with_faults(DeviceError(1.0, "gpu-0", 1.0)), tmp_path / "run")
    told = [record for record in caplog.records if "failed on" in record.getMessage()]
    assert [record.exc_info for record in told] == [None]
    assert "simulated device error" in told[0].getMessage()


def test_devices_come_and_go_and_what_they_did_is_told(tmp_path: Path) -> None:
    devices = (
        SimulatedDevice("early", leave_s=1.5),
        SimulatedDevice("late", join_s=2.0, leave_s=3.5, lost=True),
        SimulatedDevice("last", join_s=3.0),
    )
    scenario = msgspec.structs.replace(SMALL, devices=devices, duration_s=5.0)
    summary, _ = run_scenario(scenario, tmp_path / "run")
    assert {name: figures.batches > 10 for name, figures in summary.devices.items()} == {
        "early": True, "late": True, "last": True,
    }  # fmt: skip
    frames = records(tmp_path / "run")
    without = {each.reason for each in frames if 1.7 < each.captured_s < 1.9 and each.outcome is Outcome.DROPPED}
    assert without == {Reason.DEVICE_ERROR}
    served = [each for each in frames if not 1.4 < each.captured_s < 2.5]
    assert sum(each.outcome is not Outcome.ON_TIME for each in served) <= 0.02 * len(served)


def test_a_device_that_leaves_before_it_comes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text(
        'title = "T"\nduration_s = 1\nclients = [{name = "c"}]\ndevices = [{name = "d", join_s = 3, leave_s = 2}]\n'
    )
    with pytest.raises(InputError, match="device d leaves before it has come"):
        load_scenario(tmp_path / "scenario.toml")
