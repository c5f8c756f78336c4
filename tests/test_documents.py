"""README and docs: their commands are commands, and what they link to is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from jellyfish import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = typer.main.get_command(cli.app)
UNIT = ROOT / "deploy" / "systemd" / "jellyfish.service"


def commands(page: Path) -> Iterator[str]:
    """Lines of code that call this program; not those that only hint at one."""
    for line in page.read_text().splitlines():
        call = re.match(r"(?:    |>|\$ )?\s*jellyfish (.*)", line)
        if call and "..." not in call[1]:
            yield call[1]


def links(page: Path) -> list[Path]:
    """The files that a page links to."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    return [page.parent / target for target in targets if "://" not in target]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_commands_are_understood(page: Path) -> None:
    for line in commands(page):
        words, command = shlex.split(line, comments=True), COMMAND
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context(command.name, words)  # which parses, and runs nothing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_it_links_to_is_there(page: Path) -> None:
    assert [str(path) for path in links(page) if not path.exists()] == []


def test_the_pages_are_read() -> None:
    assert len(list(commands(PAGES[0]))) > 15
    assert UNIT in [path.resolve() for path in links(ROOT / "docs" / "operating.md")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here to ask")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/jellyfish/bin/jellyfish", "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False, timeout=60
    )
    assert (verified.returncode, verified.stderr) == (0, "")
