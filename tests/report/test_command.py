"""`jellyfish report` as a person runs it: a page that needs nothing else, exit codes 0 and 2."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.core import Reason
from jellyfish.report.page import MEANINGS
from tests.report.runs import frame, frames, write_run

NASTY = '<script>alert("x")</script>[/red]$_{'


def report(*options: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["report", *map(str, options)])


class Page(HTMLParser):
    """What a page shows and what it asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.images = "", list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "img":
            self.images.append(values["src"] or "")
            assert values["alt"]
        assert not {"href", "srcset"} & values.keys()

    def handle_data(self, data: str) -> None:
        self.text += data


def test_two_runs_make_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    write_run(tmp_path / "one", frames(misses=0.02), planner="best")
    write_run(tmp_path / "two", frames(misses=0.4), planner="annealing")
    done = report(tmp_path / "one", tmp_path / "two", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "two minus one" in done.output
    assert re.search(r"Miss rate +\+\d+\.\d\d points .* worse", done.output)
    text = (tmp_path / "out" / "report.html").read_text("utf-8")
    page = Page(text)
    assert not re.search(r"url\(|@import|<script|<link|src=\"(?!data:)", text)
    for image in page.images:
        kind, _, data = image.partition(",")
        assert kind == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(data)
    pictures = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert len(pictures) == len(page.images)
    assert {"latency", "latency-tail", "misses", "attainment", "accuracy", "planner-time", "objective"} <= pictures
    assert {"run-1-parts", "run-2-composition", "run-1-client-attainment", "run-2-all-clients"} <= pictures
    for words in ("Miss rate", "95 % interval", "plannerbestannealing", "worse", "Latency p99", "two minus one"):
        assert words in page.text
    order = [
        text.index(words) for words in ("Deadline", "Planner", "Figures of merit", "two against one", "Side by side")
    ]
    assert order == sorted(order)


def test_names_out_of_the_files_are_text_in_page_figures_and_terminal(tmp_path: Path) -> None:
    records = [frame(client, number, miss=number == 5) for number in range(20) for client in (NASTY, "_hidden", "街")]
    write_run(tmp_path / "run", records)
    (tmp_path / "run" / "summary.json").unlink()
    (tmp_path / "run").rename(tmp_path / "[b]run")
    done = report(tmp_path / "[b]run", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "[b]run: summary.json is missing" in done.output
    page = Page((tmp_path / "out" / "report.html").read_text("utf-8"))
    assert "script" not in page.tags
    assert NASTY in page.text
    assert "summary.json is missing" in page.text


@pytest.mark.parametrize("misses", [0.0, 1.0])
def test_runs_without_a_miss_and_without_an_answer_have_a_page(tmp_path: Path, misses: float) -> None:
    write_run(tmp_path / "run", frames(misses=misses))
    done = report(tmp_path / "run", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output


def test_a_single_frame_and_no_windows_have_a_page(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [frame(tp=None, fp=None, fn=None)])
    for name in ("windows.jsonl", "run.json", "summary.json"):
        (tmp_path / "run" / name).unlink()
    done = report(tmp_path / "run", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "out" / "accuracy.png").exists()


def test_what_cannot_be_reported_on_ends_with_one_clear_line(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    wrong = {
        "is not a folder": [tmp_path / "nowhere"],
        "has no frames.jsonl": [tmp_path / "empty"],
        "named twice": [tmp_path / "run", tmp_path / "empty" / ".." / "run"],
        "is not empty": [tmp_path / "run", "-o", tmp_path / "full"],
    }
    for said, options in wrong.items():
        done = report(*options, *(() if "-o" in options else ("-o", tmp_path / "out")))
        assert done.exit_code == 2, done.output
        assert said in done.output
        assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()


def test_more_runs_than_colours_are_refused(tmp_path: Path) -> None:
    for number in range(8):
        write_run(tmp_path / f"run-{number}", [frame()], window_ms=number)
    done = report(*(tmp_path / f"run-{number}" for number in range(8)), "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "at most 7 side by side" in done.output


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)
