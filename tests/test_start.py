"""Starts: what is wrong is said before anything slow is loaded or begun."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.start_times import ERRORS

HEAVY = ("torch", "torchvision", "scipy", "matplotlib", "faster_coco_eval")
SCRIPT = """
import json, sys
from typer.testing import CliRunner
from jellyfish import cli
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(cli.app, words)
    print(json.dumps([done.exit_code, [name for name in json.loads(sys.argv[2]) if name in sys.modules], done.output]))
"""
ROOT = Path(__file__).parents[1]
VIDEO = next((ROOT / "videos").glob("*.mp4"))


def test_every_command_says_what_is_wrong_before_it_loads_what_takes_seconds(tmp_path: Path) -> None:
    """One process for all: once something heavy is loaded all that follow are marked, so the first one is to blame."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cases = ERRORS | {
            "serve, port": ["serve", "--port", str(taken.getsockname()[1])],
            "serve, network": ["serve", "--port", "0", "--model", "torchvision:yolo"],
            "serve, folder": ["serve", "--port", "0", "--model", "torchvision", "--weights", str(tmp_path / "no")],
            "serve, model": ["serve", "--port", "0", "--model", "nowhere"],
        }
        scratch = [[word.replace("SCRATCH", str(tmp_path)) for word in words] for words in cases.values()]
        calls = [[word.replace("VIDEO", str(VIDEO)) for word in words] for words in scratch]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(calls), json.dumps(HEAVY)],
            capture_output=True, text=True, check=True, timeout=100, cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(cases)
    for name, (code, loaded, output) in zip(cases, results, strict=True):
        assert (code, loaded) == (2, []), f"{name}: {output}"
    assert list(tmp_path.iterdir()) == []
