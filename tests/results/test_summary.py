from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.core import Outcome, Reason
from jellyfish.errors import RunError
from jellyfish.evaluation.matching import Counts
from jellyfish.results.emulation import in_words
from jellyfish.results.planning import DeviceFigures, HostFigures, HostTally, PlannerTally
from jellyfish.results.records import FrameRecord
from jellyfish.results.summary import RunSummary, Summary, emulation_figures
from jellyfish.results.window_lines import ClientLine, WindowLine, WindowLines
from tests.results.examples import frame_record


def summarised(records: list[FrameRecord], duration_s: float = 10.0) -> Summary:
    summary = RunSummary()
    captured: dict[str, int] = {}
    for record in records:
        summary.add(record)
        captured[record.client] = captured.get(record.client, 0) + 1
    return summary.summary(duration_s, captured)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(list(Outcome)))))
def test_every_captured_frame_has_one_outcome_overall_and_per_client(frames: list[tuple[str, Outcome]]) -> None:
    summary = summarised([frame_record(outcome, client=client) for client, outcome in frames])
    for figures in (summary, *summary.clients.values()):
        parts = (figures.on_time, figures.late, figures.dropped, figures.skipped, figures.lost)
        assert figures.offered == sum(parts)
        assert sum(figures.missed_by_reason.values()) == figures.offered - figures.on_time
        assert sum(figures.dropped_by_reason.values()) == figures.dropped
        if figures.offered:
            assert figures.slo_attainment == pytest.approx(figures.on_time / figures.offered)
            assert figures.miss_rate == pytest.approx(1 - figures.on_time / figures.offered)
        else:
            assert figures.slo_attainment is figures.miss_rate is None
    assert summary.offered == len(frames) == sum(figures.offered for figures in summary.clients.values())


def test_shares_and_rates_are_of_captured_frames() -> None:
    outcomes = [Outcome.ON_TIME] * 6 + [Outcome.LATE, Outcome.DROPPED, Outcome.SKIPPED, Outcome.LOST]
    records = [frame_record(outcome, frame=i, captured_s=i / 5) for i, outcome in enumerate(outcomes)]
    summary = summarised([*records, frame_record(Outcome.DROPPED, client="camera-1", reason=Reason.QUEUE_FULL)], 11.0)
    assert summary.goodput_fps == pytest.approx(6 / 11)
    assert summary.captured_fps == pytest.approx(1.0)
    assert summary.dropped_by_reason == {"expired": 1, "queue_full": 1}
    first = summary.clients["camera-0"]
    assert first.slo_attainment == pytest.approx(0.6)
    assert first.missed_by_reason == {"network": 1, "expired": 1, "stale": 1, "no_answer": 1}
    assert first.captured_fps == pytest.approx(5.0)  # of its own time in the run: 2 of the 11 seconds
    assert first.goodput_fps == pytest.approx(3.0)


def test_latency_is_over_answered_frames_and_the_mix_over_on_time_ones() -> None:
    records = [frame_record(e2e_ms=float(ms), queue_ms=2.0, variant="w075-320") for ms in range(1, 99)]
    records += [frame_record(Outcome.LATE, e2e_ms=400.0), frame_record(e2e_ms=99.0), frame_record(Outcome.LOST)]
    summary = summarised(records)
    assert summary.e2e_ms is not None
    assert summary.e2e_ms.p50 == pytest.approx(50, rel=0.003)
    assert summary.e2e_ms.max == 400.0
    assert summary.queue_ms is not None
    assert summary.wait_ms is None
    assert summary.variants == {"w075-320": pytest.approx(98 / 99), "w100-448": pytest.approx(1 / 99)}


def test_a_frame_without_an_answer_on_time_counts_its_objects_as_missed() -> None:
    summary = summarised(
        [
            frame_record(tp=3, fp=1, fn=0),
            frame_record(Outcome.LATE, tp=4, fp=0, fn=0),
            frame_record(Outcome.SKIPPED, tp=0, fp=0, fn=2),
        ]
    )
    assert summary.accuracy.f1_on_time == pytest.approx(6 / 7)
    assert summary.accuracy.f1_offered == pytest.approx(6 / (6 + 1 + 6))


def test_without_labels_accuracy_is_null() -> None:
    encoded = msgspec.json.decode(msgspec.json.encode(summarised([frame_record()])))
    keys = ("f1_on_time", "f1_offered", "streaming_f1", "expected_on_time", "expected_offered")
    keys += ("top1_on_time", "top1_offered")
    assert encoded["accuracy"] == dict.fromkeys(keys)


def test_of_a_classifier_a_missed_frame_counts_as_wrong_and_f1_is_null() -> None:
    frames = [
        frame_record(class_right=True),
        frame_record(class_right=False),
        frame_record(class_right=None),  # nothing in it
        frame_record(Outcome.LATE, class_right=True),
        frame_record(Outcome.SKIPPED, class_right=False, client="camera-1"),
        frame_record(Outcome.SKIPPED, tp=0, fp=0, fn=2, client="camera-2"),  # before any server said what it does
        frame_record(Outcome.SKIPPED, tp=0, fp=0, fn=0, client="camera-2"),
    ]
    accuracy = summarised(frames).accuracy
    assert (accuracy.top1_on_time, accuracy.top1_offered) == (1 / 2, 1 / 5)
    assert (accuracy.f1_on_time, accuracy.f1_offered, accuracy.streaming_f1) == (None, None, None)
    assert summarised(frames[4:5]).accuracy.top1_on_time is None


def test_streaming_counts_are_summed_over_clients() -> None:
    summary = RunSummary()
    summary.add(frame_record(client="a"))
    summary.add(frame_record(client="b"))
    told = summary.summary(1.0, {"a": 1, "b": 1}, streaming={"a": Counts(3, 1, 0), "b": Counts(0, 0, 4)})
    assert told.accuracy.streaming_f1 == pytest.approx(6 / 11)
    assert told.clients["a"].accuracy.streaming_f1 == pytest.approx(6 / 7)


@pytest.mark.parametrize(
    ("captured", "wrong"),
    [
        ({"camera-0": 3}, "camera-0 captured 3 frames, of which 2 have an outcome"),
        ({"camera-0": 1}, "camera-0 captured 1 frames"),
        ({"camera-0": 2, "camera-1": 1}, "camera-1 captured 1 frames, of which 0"),
        ({}, "camera-0 captured 0 frames"),
    ],
)
def test_a_frame_without_an_outcome_or_with_two_fails_the_run(captured: dict[str, int], wrong: str) -> None:
    summary = RunSummary()
    summary.add(frame_record(frame=0))
    summary.add(frame_record(frame=1))
    with pytest.raises(RunError, match=wrong):
        summary.summary(1.0, captured)


def test_a_run_without_frames_has_a_summary() -> None:
    summary = RunSummary().summary(0.0, {"camera-0": 0})
    assert (summary.offered, summary.e2e_ms, summary.clients["camera-0"].offered) == (0, None, 0)


def window(t_s: float, *repairs_ms: float, **more: Any) -> WindowLines:
    """A window with one client."""
    usual: dict[str, Any] = {"window": 1, "solve_ms": 0.0, "accuracy": 0.5, "clients": 1, "mapped": 1, "mappable": 1}
    line = WindowLine(t_s=t_s, planner="greedy", cause="period", **(usual | more))
    client = ClientLine(window=1, t_s=t_s, client="camera-0", mapped=True, overhead_ms=1.0)
    return WindowLines(line, (client,), (), repairs_ms)


def test_what_planning_cost_is_told_and_how_restless_it_was() -> None:
    tally = PlannerTally()
    tally.window(window(0.0, 0.5, 1.5, solve_ms=20.0, cpu_ms=15.0))
    tally.window(window(10.0, solve="skipped"))
    tally.window(window(20.0, solve="deferred", changes=1))
    tally.window(window(30.0, solve="skipped", changes=2))
    figures = tally.figures()
    assert (figures.solves, figures.skipped, figures.deferred) == (1, 2, 1)
    assert figures.core_share == pytest.approx(0.0005)
    assert figures.changes_per_minute == pytest.approx(6.0)
    assert figures.repair_ms is not None and (figures.repairs, figures.repair_ms.max) == (2, 1.5)


def hosted(t_s: float, loop: float, decoders: float, work_ms: float, share: float, *, binds: bool) -> WindowLine:
    host = {"host_loop": loop, "host_decoders": decoders, "host_work_ms": work_ms, "host_share": share}
    return window(t_s, **host, host_binds=binds).window


def test_the_host_is_told_as_means_over_the_time_of_the_run() -> None:
    tally = HostTally()
    assert tally.figures() is None
    tally.window(hosted(-1.0, 1.0, 1.0, 900.0, 1.0, binds=True))
    tally.window(hosted(1.0, 0.5, 0.2, 2.0, 1.0, binds=False))
    tally.window(hosted(3.0, 0.8, 0.2, 2.0, 0.5, binds=True))
    assert tally.figures() == HostFigures(loop=0.7, decoders=0.2, work_ms=2.0, share=0.6667, binds=0.6667)


def test_frames_that_plans_left_out_are_a_share_of_the_captured_ones() -> None:
    records = [frame_record(frame=0), frame_record(Outcome.SKIPPED, frame=1, reason=Reason.THINNED)]
    assert summarised(records).thinned_share == 0.5


def test_the_planner_and_the_devices_are_told() -> None:
    tally = PlannerTally()
    for solve_ms in (1.0, 2.0, 8.0):
        tally.window(window(0.5, solve_ms=solve_ms))
    figures = tally.figures()
    assert figures.solve_ms is not None
    assert (figures.solves, figures.solve_ms.max, figures.switch_ms) == (3, 8.0, None)
    assert figures.solve_ms.p50 == pytest.approx(2.0, rel=0.003)
    tally.switched(0.5)
    assert tally.figures().variant_switches == 1
    devices = {"cpu:0": DeviceFigures(0.5, 10, 2.5)}
    told = msgspec.json.decode(msgspec.json.encode(RunSummary().summary(1.0, {}, planner=figures, devices=devices)))
    assert told["planner"]["solves"] == 3
    assert told["devices"] == {"cpu:0": {"busy_share": 0.5, "batches": 10, "mean_batch": 2.5}}


def test_a_single_frame_of_many_that_a_camera_missed_says_nothing_of_a_run() -> None:
    records = [frame_record(frame=frame, camera_ms=1.0) for frame in range(999)]
    summary = summarised([*records, frame_record(Outcome.SKIPPED, frame=999, reason=Reason.CAMERA_BUSY)])
    figures = emulation_figures(summary.clients, {"camera-0": 100.0}, "shared", None)
    assert (figures.missed_frames, figures.bottleneck) == (1, False)


@pytest.mark.parametrize(
    ("camera_ms", "missed", "busy_cameras", "bottleneck"),
    [(9.0, 0, 0, False), (11.0, 0, 1, True), (9.0, 1, 0, True)],
)
def test_cameras_are_a_bottleneck_that_take_a_tenth_of_the_slo_or_miss_frames_themselves(
    camera_ms: float, missed: int, busy_cameras: int, bottleneck: bool
) -> None:
    records = [frame_record(frame=frame, camera_ms=1.0) for frame in range(90)]
    records += [frame_record(frame=frame, camera_ms=camera_ms) for frame in range(90, 100)]
    records += [frame_record(Outcome.SKIPPED, frame=100, reason=Reason.CAMERA_BUSY)] * missed
    records += [frame_record(client="camera-1", camera_ms=1.0)]
    summary = summarised(records)
    figures = emulation_figures(summary.clients, {"camera-0": 100.0, "camera-1": 100.0}, "shared", None)
    assert (figures.busy_cameras, figures.missed_frames, figures.bottleneck) == (busy_cameras, missed, bottleneck)
    assert f"{busy_cameras} of 2" in in_words(figures, 2)
    camera = summary.clients["camera-0"].camera_ms
    assert camera is not None
    assert camera.p50 == pytest.approx(1.0, rel=0.003)
