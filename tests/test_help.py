"""What `--help` says in a terminal of 80 columns, and that it names everything that there is to choose from."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
import typer
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.camera.controllers import CONTROLLERS
from jellyfish.config import CLIENTS_CHOOSE, CLOUD_FILTERS, PLANNERS
from jellyfish.lab.reproduction.policies import NAMES
from jellyfish.lab.street.layouts import LAYOUTS

COLUMNS = 80


def helps(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that explains itself, groups included."""
    yield words
    for name, part in getattr(command, "commands", {}).items():
        yield from helps(part, (*words, name))


def help_of(*words: str) -> str:
    result = CliRunner().invoke(cli.app, [*words, "--help"], env={"COLUMNS": str(COLUMNS)}, color=False)
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize(
    "words", list(helps(typer.main.get_command(cli.app))), ids=lambda words: " ".join(words) or "all"
)
def test_nothing_is_cut_off_in_a_narrow_terminal(words: tuple[str, ...]) -> None:
    _, *said = help_of(*words).splitlines()
    assert [line for line in said if len(line) > COLUMNS or line.endswith("...")] == []
    assert "…" not in "".join(said)


@pytest.mark.parametrize(
    ("words", "option", "names"),
    [
        (("bench",), "--controller", CONTROLLERS),
        (("bench",), "--planner", (*PLANNERS, CLIENTS_CHOOSE)),
        (("serve",), "--planner", (*PLANNERS, CLIENTS_CHOOSE)),
        (("plan",), "--planner", PLANNERS),
        (("device",), "--filter", CLOUD_FILTERS),
        (("reproduce",), "--policies", NAMES),
        (("video", "make"), "--layout", LAYOUTS),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) and len(value) < 3 else None,
)
def test_whoever_is_to_choose_is_told_from_what(words: tuple[str, ...], option: str, names: Iterator[str]) -> None:
    _, _, after = help_of(*words).partition(f"  {option} ")
    said = " ".join(after.partition("\n  --")[0].split())
    assert [name for name in names if name not in said] == []
