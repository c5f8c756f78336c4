"""`jellyfish trace`: names, statistics, plots, made files; wrong input is refused in one line."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from typer.testing import CliRunner, Result

from jellyfish import cli
from jellyfish.link.files import load_trace
from jellyfish.link.statistics import statistics_of
from jellyfish.link.synthetic import make_trace


def trace(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["trace", *map(str, arguments)])


def shown(*arguments: str | Path) -> str:
    result = trace(*arguments)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def refused(*arguments: str | Path) -> str:
    result = trace(*arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2
    return " ".join(result.output.split())


def test_the_list_names_every_trace_that_can_be_chosen() -> None:
    words = shown("list").split()
    assert {"wifi", "lte", "outage", "steps", "10mbps", "none"} <= set(words)


def test_a_file_is_shown_with_its_form_and_statistics(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("8\n0\n0\n4\n")
    text = shown("show", path)
    assert "own.txt (one rate in Mbit/s per line)" in text
    assert "duration 4 s" in text
    assert "mean 3.00 Mbit/s" in text
    assert "below 5 Mbit/s 75.0 % of the seconds" in text
    assert "below 0.1 Mbit/s 1 times, at longest 2 s" in text


def test_a_trace_by_name_is_shown_for_its_seed() -> None:
    assert shown("show", "lte", "--seed", "3") == shown("show", "lte", "--seed", "3") != shown("show", "lte")


def test_a_trace_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "outage.png"
    assert "drawn:" in shown("show", "outage", "--plot", path)
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.std() > 0


def test_a_made_file_is_the_trace_of_its_seed_and_says_what_it_is_like(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    text = shown(
        "make", "lte", path, "--seed", "5", "--duration", "200", "--mean-mbps", "6", "--variation", "0.4",
        "--autocorrelation", "0.7",
    )  # fmt: skip
    assert "mean 6.00 Mbit/s" in text
    assert "coefficient of variation 0.40" in text
    assert "autocorrelation 0.70" in text
    assert statistics_of(load_trace(path)).mean_mbps == pytest.approx(6.0, abs=0.001)
    trace("make", "wifi", path, "--seed", "5", "--duration", "200")
    assert load_trace(path).bits_per_s == pytest.approx(make_trace("wifi", 5, 200).bits_per_s, abs=50)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "5g"], "no trace '5g': choose wifi, lte, outage, steps"),
        (["show", "none"], "not shaped has nothing to show"),
        (["show", "absent.csv"], "absent.csv: cannot be read"),
        (["show", "steps", "--plot", "steps.pdf"], "a plot is a PNG file"),
        (["show", "steps", "--plot", "absent/steps.png"], "cannot be written"),
        (["make", "steps", "steps.csv"], "no kind of link 'steps'"),
        (["make", "lte", "absent/lte.csv"], "cannot be written"),
        (["make", "lte", "lte.csv", "--variation", "9"], "cannot be had"),
        (["make", "lte", "lte.csv", "--duration", "inf"], "86400"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in refused(*arguments)
    assert not list(tmp_path.iterdir())
