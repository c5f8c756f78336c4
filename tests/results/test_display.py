import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console, RenderableType

from jellyfish.core import Outcome, Reason
from jellyfish.evaluation.matching import Counts
from jellyfish.results.fusion import FusionF1, FusionTally
from jellyfish.results.live import LiveDisplay, LiveNumbers, LiveServer, LiveTally, live_view, plain_line
from jellyfish.results.planning import HostFigures, PlannerFigures
from jellyfish.results.summary import RunSummary, Summary, emulation_figures
from jellyfish.results.table import fusion_table, percent, summary_table
from tests.results.examples import frame_record


def rendered(renderable: RenderableType, width: int = 100) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


def run(labelled: bool) -> Summary:
    summary = RunSummary()
    counts: dict[str, Any] = {"tp": 1, "fp": 0, "fn": 1} if labelled else {}
    for frame in range(97):
        summary.add(frame_record(frame=frame, captured_s=frame / 10, **counts))
    for frame, reason in enumerate([Reason.QUEUE_FULL, Reason.EXPIRED, Reason.OVERLOAD], start=97):
        summary.add(frame_record(Outcome.DROPPED, frame=frame, captured_s=frame / 10, reason=reason, **counts))
    streaming = {"camera-0": Counts(1, 1, 1)} if labelled else None
    return summary.summary(10.0, {"camera-0": 100, "camera-1": 0}, streaming=streaming)


def test_the_table_tells_each_client_and_all_at_100_columns() -> None:
    text = rendered(summary_table(run(labelled=True), Path("results/bench-1")))
    (client,) = [line for line in text.splitlines() if line.startswith("camera-0")]
    assert client.split()[:6] == ["camera-0", "10.0", "97.00", "50/50/50", "0.667", "0.500"]
    assert "w100-448:100" in client
    assert "queue_full:1.0" in text
    assert any(line.startswith("all") for line in text.splitlines())
    assert "results/bench-1" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "…" not in text


def test_without_a_frame_there_is_no_share_of_them() -> None:
    (client,) = [line for line in rendered(summary_table(run(True), Path("r"))).splitlines() if "camera-1" in line]
    assert client.split()[:4] == ["camera-1", "0.0", "-", "-"]


def test_the_table_says_that_cameras_were_a_bottleneck() -> None:
    summary = run(labelled=True)
    figures = emulation_figures(summary.clients, {"camera-0": 100.0, "camera-1": 100.0}, "each", None)
    assert not figures.bottleneck
    assert "bottleneck" not in rendered(summary_table(msgspec.structs.replace(summary, emulation=figures), Path("r")))
    busy = msgspec.structs.replace(figures, bottleneck=True, busy_cameras=1)
    assert "bottleneck" in rendered(summary_table(msgspec.structs.replace(summary, emulation=busy), Path("r")))


def test_the_table_says_what_planning_took_and_how_restless_it_was() -> None:
    figures = PlannerFigures(10, None, 0, None, core_share=0.0123, changes_per_minute=2.46)
    summary = msgspec.structs.replace(run(labelled=True), planner=figures)
    text = rendered(summary_table(summary, Path("r")), width=200)
    assert "Planning took 1.2 % of a core; 2.5 changes of variant per client and minute." in text
    assert "Planning" not in rendered(summary_table(run(labelled=True), Path("r")))


def test_a_name_that_looks_like_markup_is_shown_as_it_is() -> None:
    name = "[red]x[/nothing]"
    summary = RunSummary()
    summary.add(frame_record(client=name))
    assert name in rendered(summary_table(summary.summary(1.0, {name: 1}), Path("results/bench-1")))
    live = LiveTally(started_s=0.0, duration_s=None)
    live.add(frame_record(client=name), 1.0)
    assert name in rendered(live_view(live.numbers(1.0, {})))


def test_the_table_says_when_accuracy_was_not_measured() -> None:
    assert "Accuracy not measured" in rendered(summary_table(run(labelled=False), Path("results/bench-1")))


def test_the_table_speaks_of_the_measure_of_the_task() -> None:
    summary = RunSummary()
    for right in (True, True, False):
        summary.add(frame_record(class_right=right, class_name="bus"))
    text = rendered(summary_table(summary.summary(1.0, {"camera-0": 3}), Path("r")))
    assert "top-1" in text and "0.667" in text
    assert "F1" not in text and "not measured" not in text


def test_the_table_of_devices_speaks_of_it_too() -> None:
    told = FusionTally().figures(1.0, FusionF1(0.5, None, 0.25, 0.75))
    classifier = RunSummary()
    classifier.add(frame_record(class_right=True))
    for summary, measure in ((classifier.summary(1.0, {"camera-0": 1}), "top-1"), (run(labelled=True), "F1")):
        text = rendered(fusion_table(msgspec.structs.replace(summary, fusion={"robot": told})))
        assert measure in text and "0.750" in text


def test_a_long_path_is_not_cut() -> None:
    path = Path("results") / ("deep" * 40)
    assert str(path) in rendered(summary_table(run(labelled=False), path)).replace("\n", "")


@pytest.mark.parametrize(("share", "text"), [(1.0, "100"), (0.99999, "99.99"), (0.985, "98.50"), (0.0, "0.00")])
def test_a_hundred_percent_means_all(share: float, text: str) -> None:
    assert percent(share) == text


def tally() -> LiveTally:
    live = LiveTally(started_s=1000.0, duration_s=60.0)
    live.add(frame_record(e2e_ms=500.0), 1001.0)
    for frame in range(3):
        live.add(frame_record(frame=frame, e2e_ms=80.0), 1008.0)
    live.add(frame_record(Outcome.SKIPPED, client="camera-1"), 1009.0)
    return live


def test_live_numbers_are_of_the_run_and_the_latency_of_the_last_seconds() -> None:
    numbers = tally().numbers(1010.0, {"camera-0": ("w075-320", 320)})
    assert (numbers.elapsed_s, numbers.captured, numbers.slo_attainment) == (10.0, 5, 0.8)
    assert numbers.recent_p95_ms == pytest.approx(80.0, rel=0.003)
    assert [(c.client, c.slo_attainment, c.variant) for c in numbers.clients] == [
        ("camera-0", 1.0, "w075-320"),
        ("camera-1", 0.0, None),
    ]
    assert tally().numbers(1100.0, {}).recent_p95_ms is None


def test_few_clients_are_shown_each_and_many_by_variant() -> None:
    few = rendered(live_view(tally().numbers(1010.0, {"camera-0": ("w075-320", 320)})))
    assert "10 s of 60 s | 5 frames | on time 80.00 % | p95 of the last 5 s 80 ms" in few
    assert "not mapped" in few
    many = tally().numbers(1010.0, {f"client-{index}": ("w025-128", 128) for index in range(20)})
    assert "22 clients: 20 w025-128, 2 not mapped" in rendered(live_view(many))


def test_a_client_without_a_server_is_told_so_while_that_lasts() -> None:
    numbers = tally().numbers(1010.0, {"camera-0": ("w075-320", 320)}, away_s={"camera-0": None, "camera-1": 4.2})
    few = rendered(live_view(numbers))
    assert "no server since 4 s" in few and "not mapped" not in few
    away = {f"client-{index}": float(index) for index in range(20)}
    many = tally().numbers(1010.0, dict.fromkeys(away, ("w025-128", 128)), away_s=away)
    assert plain_line(many).endswith("22 clients: 20 no server since 19 s, 2 not mapped")


def test_the_table_says_that_the_host_was_a_bottleneck() -> None:
    calm = HostFigures(loop=0.5, decoders=0.1, work_ms=2.0, share=1.0, binds=0.0)
    summary = msgspec.structs.replace(run(labelled=True), host=calm)
    assert "host" not in rendered(summary_table(summary, Path("r")))
    bound = msgspec.structs.replace(calm, loop=0.91, share=0.7, binds=0.6)
    text = rendered(summary_table(msgspec.structs.replace(summary, host=bound, thinned_share=0.18), Path("r")))
    assert "event loop 91 %" in text and "18.0 %" in text


def test_without_a_terminal_a_plain_line_comes_every_few_seconds() -> None:
    console = Console(width=100, record=True, force_terminal=False, file=io.StringIO())
    with LiveDisplay(console) as display:
        for step in range(48):
            display.show(LiveNumbers(step / 4, None, step, None, None, ()))
    assert [line.split(" | ")[0] for line in console.export_text().splitlines()] == ["0 s", "5 s", "10 s"]


def test_in_a_terminal_the_view_is_replaced() -> None:
    console = Console(width=100, record=True, force_terminal=True, file=io.StringIO())
    with LiveDisplay(console) as display:
        display.show(LiveNumbers(0.0, 60.0, 0, None, None, ()))
        display.show(LiveNumbers(1.0, 60.0, 15, 1.0, 40.0, ()))
    assert "1 s of 60 s | 15 frames | on time 100 %" in console.export_text()
    assert plain_line(LiveNumbers(0.0, None, 0, None, None, ())).endswith("no clients yet")
    assert "| host 97 % |" in plain_line(LiveNumbers(0.0, None, 0, None, None, (), LiveServer(host=0.97)))
