"""What is not installed everywhere: each command says what it needs before it begins; cameras need none of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from jellyfish.errors import InputError
from jellyfish.installed import require

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CAMERA = [line for line in (ROOT / "requirements-camera.txt").read_text().splitlines() if not line.startswith("#")]
STREAM = "ws://127.0.0.1:9/v1/stream"
VIDEO = str(next((ROOT / "videos").glob("*.mp4")))
NEEDY = {
    "torch": (
        ["serve"], ["profile"], ["bench"], ["bench", "--find-clients"], ["device", "--cloud", STREAM],
        ["bench", "--clownfish", "--connect", STREAM], ["detect", VIDEO], ["train"], ["evaluate", "--coco", "a.json"],
    ),
    "scipy": (
        ["simulate", "--chaos", "1"], ["plan", "plan.json"], ["reproduce"], ["report", "run"],
        ["bench", "--connect", STREAM, "--report"], ["trace", "make", "lte", "a.csv", "--variation", "0.5"],
    ),
    "matplotlib": (["trace", "show", "lte", "--plot", "a.png"],),
    "onnxruntime": (["model", "inspect", "a.onnx"], ["model", "check", "folder", "a.png"]),
}  # fmt: skip
"""A package that is missing -> commands that say so."""
CONTENT = (["variants"], ["trace", "list"], ["trace", "show", "wifi"], ["trace", "make", "lte", "made.csv"])
"""Commands that do without."""
SCRIPT = """
import json, sys
from typer.testing import CliRunner
sys.modules.update(dict.fromkeys(json.loads(sys.argv[1])))
from jellyfish import cli
for words in json.loads(sys.argv[2]):
    done = CliRunner().invoke(cli.app, words)
    print(json.dumps([done.exit_code, done.output]))
"""


def imported_as(requirements: list[str]) -> Iterator[str]:
    """The top-level modules of what these requirements name."""
    wanted = {re.split(r"[^\w-]", line)[0].lower().replace("_", "-") for line in requirements}
    for module, distributions in packages_distributions().items():
        if wanted & {name.lower().replace("_", "-") for name in distributions}:
            yield module


def extras() -> list[str]:
    """Requirements of those packages that users may leave out."""
    lines = [line for name in ("onnx", "report", "lab") for line in PROJECT["optional-dependencies"][name]]
    return [line for line in lines if not line.startswith(PROJECT["name"])]


def run_without(modules: list[str], commands: list[list[str]], folder: Path) -> list[tuple[int, str]]:
    """Exit code and output of each command, in a process that has none of `modules`."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(modules), json.dumps(commands)],
        capture_output=True, text=True, check=True, timeout=100, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_camera_asks_for_a_part_of_what_all_ask_for() -> None:
    assert set(CAMERA) < set(PROJECT["dependencies"])


def test_without_what_a_camera_lacks_each_command_says_what_it_needs_and_others_work(tmp_path: Path) -> None:
    missing = list(imported_as([*(set(PROJECT["dependencies"]) - set(CAMERA)), *extras()]))
    assert {"torch", "torchvision", "scipy", "matplotlib", "faster_coco_eval", "onnxruntime"} <= set(missing)
    needy = [(package, words) for package, commands in NEEDY.items() for words in commands]
    nobody_there = ["bench", "--connect", STREAM]
    commands = [*(words for _, words in needy), *CONTENT, nobody_there, [*nobody_there, "--find-clients"]]
    results = run_without(missing, commands, tmp_path)
    for (package, words), (code, said) in zip(needy, results, strict=False):
        assert code == 2, f"{words}: {said}"
        assert f"needs {package}, which is not installed: " in said
        assert said.count("\n") == 1
    for words, (code, said) in zip(CONTENT, results[len(needy) :], strict=False):
        assert code == 0, f"{words}: {said}"
    for code, said in results[-2:]:
        assert (code, "no Jellyfish server answers" in said) == (2, True), said


def test_of_several_packages_the_one_that_is_missing_is_named() -> None:
    with pytest.raises(InputError, match=r"^a thing needs no_such_thing, which is not installed: .*pip install"):
        require("a thing", "sys", "no_such_thing")


@pytest.mark.parametrize(
    ("package", "remedy"),
    [
        ("matplotlib", r"pip install matplotlib .*\[report\]"),
        ("faster_coco_eval", r"pip install faster-coco-eval .*jellyfish-serving\[lab\]"),
        ("ray", r"pip install ray .*jellyfish-serving\[ray\]"),
    ],
)
def test_an_extra_is_named_as_pip_knows_it(monkeypatch: pytest.MonkeyPatch, package: str, remedy: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=remedy):
        require("a page", package)
