"""The examples of docs/api.md, as programs of their own: one serves a model of one's own, the other one's camera."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jellyfish.devices.opening import subject_of
from jellyfish.devices.process import usable_cores
from jellyfish.devices.profile.store import save_profile
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.devices.workers import Workplace
from jellyfish.models.opening import open_model

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
MODEL = f"{EXAMPLES / 'my_detector.py'}:Detector"
VIDEO = next((ROOT / "videos").glob("*.mp4"))
PATIENCE_S = 100


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Those of a machine that has been measured: the server need not begin with it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    model = open_model(MODEL)
    subject = subject_of(Workplace("cpu", model, usable_cores()), None)
    rows = tuple(VariantLatency(variant, (0.004,) * 8, (0.006,) * 8) for variant in model.description.variants)
    profile = LatencyProfile(subject.device, subject.hardware, subject.weights, rows, software=subject.software)
    save_profile(profile, tmp_path / "jellyfish" / "profiles")
    return os.environ | {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}


def test_a_server_and_a_camera_from_python_understand_each_other(surroundings: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, EXAMPLES / "serve_from_python.py", MODEL, "0"]
    with subprocess.Popen(command, env=surroundings, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            done = subprocess.run(
                [sys.executable, EXAMPLES / "camera_from_python.py", url, VIDEO],
                env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE_S,
            )  # fmt: skip
        finally:
            server.send_signal(signal.SIGINT)
        server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 0
    lines = done.stdout.splitlines()
    assert sorted(int(line.split()[0]) for line in lines) == list(range(30))
    assert any(" ms bright-" in line for line in lines), done.stdout


def test_nobody_there_is_a_line(surroundings: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "camera_from_python.py", "ws://127.0.0.1:9/v1/stream", VIDEO],
        env=surroundings, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "error: no Jellyfish server answers" in done.stderr
