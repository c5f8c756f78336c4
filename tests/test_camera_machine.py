"""A camera's machine: an environment of its own with what its requirements name, and no networks nor figures."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from jellyfish.core import Outcome
from tests.test_example_client import listening
from tests.test_wheel import QUIET, built, pip

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements-camera.txt"
VIDEO = next((ROOT / "videos").glob("*.mp4"))
MOST_MB = 400
PATIENCE_S = 120
"""For each step, on a machine that has much else to do."""
NO_REGISTRY = ("Could not find a version", "Could not fetch URL", "No matching distribution")

ALL_HELP = """
import typer
from typer.testing import CliRunner
from jellyfish import cli

def helps(command, words=()):
    yield words
    for name, part in getattr(command, "commands", {}).items():
        yield from helps(part, (*words, name))

calls = list(helps(typer.main.get_command(cli.app)))
for words in calls:
    done = CliRunner().invoke(cli.app, [*words, "--help"])
    assert done.exit_code == 0, done.output
print("many commands" if len(calls) > 15 else calls)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the environment."""
    folder = tmp_path_factory.mktemp("camera")
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    install = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install", "--quiet"]
    done = subprocess.run(
        [*install, "--no-compile", "--requirement", REQUIREMENTS],
        capture_output=True, text=True, check=False, timeout=3 * PATIENCE_S,
    )  # fmt: skip
    if done.returncode and any(words in done.stderr for words in NO_REGISTRY):
        pytest.skip("no package registry can be reached from here")
    assert done.returncode == 0, done.stderr
    pip("--python", environment / "bin" / "python", "install", *QUIET, "--no-compile", built(folder))
    return environment


async def run(machine: Path, here: Path, *words: str | Path) -> tuple[int, str]:
    """Exit code and output of a command there."""
    process = await asyncio.create_subprocess_exec(
        machine / "bin" / words[0], *words[1:],
        cwd=here, env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.timeout(5 * PATIENCE_S)
def test_it_is_small(machine: Path) -> None:
    files = (path for path in machine.rglob("*") if path.is_file() and not path.is_symlink())
    assert sum(path.stat().st_size for path in files) < MOST_MB * 1e6


@pytest.mark.timeout(PATIENCE_S)
async def test_its_cameras_are_served_by_a_server_elsewhere(machine: Path, tmp_path: Path) -> None:
    async with listening() as url:
        code, said = await run(
            machine, tmp_path, "jellyfish", "bench", "--connect", url, "--clients", "2", "--trace", "lte",
            "--video", VIDEO, "--slo-ms", "1000", "--duration", "1.5", "--results", "run",
        )  # fmt: skip
    assert code == 0, said
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["on_time"] > 0
    assert summary["offered"] == sum(summary[outcome] for outcome in Outcome)


@pytest.mark.timeout(PATIENCE_S)
async def test_a_program_there_has_a_camera_of_its_own(machine: Path, tmp_path: Path) -> None:
    async with listening() as url:
        example = ROOT / "docs" / "examples" / "camera_from_python.py"
        code, said = await run(machine, tmp_path, "python", example, url, VIDEO)
    assert code == 0, said
    assert len(said.splitlines()) == 30


@pytest.mark.timeout(PATIENCE_S)
async def test_each_command_explains_itself_there(machine: Path, tmp_path: Path) -> None:
    code, said = await run(machine, tmp_path, "python", "-c", ALL_HELP)
    assert (code, said.strip()) == (0, "many commands")


@pytest.mark.timeout(PATIENCE_S)
async def test_it_says_what_a_server_would_need(machine: Path, tmp_path: Path) -> None:
    code, said = await run(machine, tmp_path, "jellyfish", "serve")
    assert (code, "needs torch, which is not installed" in said) == (2, True), said
