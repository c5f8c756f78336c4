"""`jellyfish simulate` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from jellyfish import cli

WINDOWS = {"windows.jsonl", "window_clients.jsonl", "window_devices.jsonl"}
FILES = {"run.json", "frames.jsonl", "plans.jsonl", "summary.json"} | WINDOWS
SCENARIO = """
title = "[/red] not markup"
duration_s = 2.0
[[devices]]
name = "gpu-0"
[[clients]]
name = "[red]x"
trace = "20mbps"
"""


def simulate(*options: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["simulate", *map(str, options)])


def test_a_scenario_leaves_the_files_of_a_run_and_names_are_shown_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    done = simulate(tmp_path / "scenario.toml", "--results", tmp_path / "[run]")
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "[run]").iterdir()} == FILES
    assert "[/red] not markup ..." in done.output
    assert "[red]x-0 " in done.output
    assert "[run]" in done.output


def test_chaos_says_what_went_wrong_and_that_the_invariants_hold(tmp_path: Path) -> None:
    done = simulate("--chaos", "17", "--results", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert '"kind"' in done.output
    assert "All invariants hold." in done.output
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES


@pytest.mark.parametrize("options", [(), ("scenario.toml", "--chaos", "1")])
def test_either_a_scenario_or_chaos_is_simulated(options: tuple[str, ...]) -> None:
    assert simulate(*options).exit_code == 2
