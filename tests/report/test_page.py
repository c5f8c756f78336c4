"""What the page says, without the drawing of its figures."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from jellyfish.modes.report import say, strip_in
from jellyfish.report.detail import by_attainment, chosen_clients
from jellyfish.report.estimates import RunGroup
from jellyfish.report.maps import attainment_map
from jellyfish.report.page import Detail, page
from jellyfish.report.reading import Run, read_run
from jellyfish.report.series import TimeSeries
from tests.report.runs import frame, frames, write_run

CLIENTS = [f"camera-{number}" for number in range(5)]
JPEG = b"\xff\xd8\xff picture"


def run_in(folder: Path, *arguments: object) -> Run:
    write_run(folder, *arguments)  # type: ignore[arg-type]
    return read_run(folder, folder.name)


def simulated(folder: Path) -> Run:
    """A run whose F1 is out of tables."""
    return run_in(folder, [frame(number=n, tp=None, fp=None, fn=None, expected_f1=0.9) for n in range(300)])


def test_where_none_missed_nobody_is_said_to_have_missed_most(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", frames(clients=CLIENTS, misses=0.0))
    order = by_attainment(run)
    assert chosen_clients(run, order) == {order[0]: "one of all; no client missed a frame"}
    words = attainment_map(TimeSeries(run), order).words
    assert words == "All of each of the 5 clients' frames were answered on time, all of the time."


def test_of_many_that_missed_differently_three_are_shown(tmp_path: Path) -> None:
    missed = [
        frame(client, number, miss=number < place) for place, client in enumerate(CLIENTS) for number in range(50)
    ]
    run = run_in(tmp_path / "run", missed)
    chosen = chosen_clients(run, by_attainment(run))
    assert [(run.frames.clients.listed[row], words) for row, words in chosen.items()] == [
        ("camera-4", "missed most frames"),
        ("camera-2", "the median client by misses"),
        ("camera-0", "missed fewest frames"),
    ]


def test_simulated_beside_measured_is_marked_and_not_compared(tmp_path: Path) -> None:
    groups = [RunGroup(run.name, (run,)) for run in (run_in(tmp_path / "real"), simulated(tmp_path / "simulated"))]
    text = page(groups, [], [])
    assert "Accuracy is not compared: that of real is F1 measured on labelled frames" in text
    assert "0.900</b> <small>(tables)" in text
    against = text[text.index("simulated against real") : text.index("How to read this")]
    assert "Miss rate" in against
    assert "F1 of" not in against
    terminal = io.StringIO()
    say(groups, Console(file=terminal, width=200))
    assert "Accuracy is not compared" in terminal.getvalue()
    assert "0.900 (tables)" in terminal.getvalue()


def test_reasons_are_a_table_with_their_meaning(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", frames(misses=0.5))
    text = page([RunGroup("run", (run,))], [], [])
    assert "its deadline could no longer be met" in text
    perfect = run_in(tmp_path / "perfect", frames(misses=0.0))
    assert "None missed" in page([RunGroup("perfect", (perfect,))], [], [])


@pytest.mark.parametrize(("data", "shown"), [(JPEG, True), (b"<script>", False), (None, False)])
def test_the_picture_that_a_run_left_is_on_its_page(tmp_path: Path, data: bytes | None, shown: bool) -> None:
    run = run_in(tmp_path / "run", [frame()])
    if data is not None:
        (tmp_path / "run" / "pictures.jpg").write_bytes(data)
    group = RunGroup("run", (run,))
    text = page([group], [], [Detail(group, run, (), strip_in(tmp_path / "run"))])
    assert ("data:image/jpeg;base64," in text) == shown


def test_the_page_can_be_read_in_the_dark_and_printed_unfolded(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", [frame()])
    group = RunGroup("run", (run,))
    text = page([group], [], [Detail(group, run, ())])
    assert "<details open>" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
