"""The package as people install it: a wheel, in an environment of its own, served from an empty folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import msgspec

from jellyfish.devices.opening import subject_of, torch_device
from jellyfish.devices.process import usable_cores
from jellyfish.devices.profile.store import save_profile
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.devices.workers import Workplace
from jellyfish.models.slimmable.weights import load_weights

ROOT = Path(__file__).parents[1]
PARTS = ("jellyfish", "videos", "pyproject.toml", "README.md", "LICENSE")
"""What a wheel is built from."""
QUIET = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
ONE_SIZE = ("--device", "cpu", "--variant", "w025e1-128", "--max-batch", "1")


def test_a_wheel_serves_from_an_empty_folder(tmp_path: Path) -> None:
    environment, here = installed(built(tmp_path), tmp_path), tmp_path / "empty"
    here.mkdir()
    save_profile(any_profile(), tmp_path / "cache" / "jellyfish" / "profiles")
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    surroundings["XDG_CACHE_HOME"] = str(tmp_path / "cache")

    def jellyfish(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [environment / "bin" / "jellyfish", *arguments]
        return subprocess.Popen(
            command, cwd=here, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    with jellyfish("serve", "--port", "0", *ONE_SIZE) as server:
        try:
            url = ready_url(server)
            cameras = ("--clients", "1", "--fps", "10", "--slo-ms", "20000", "--trace", "none", "--duration", "1")
            with jellyfish("bench", "--connect", url, *cameras, "--results", "run") as bench:
                said, _ = bench.communicate(timeout=60)
            assert bench.returncode == 0, said
        finally:
            server.terminate()
        rest, _ = server.communicate(timeout=60)
    assert (server.returncode, rest.splitlines()[-1]) == (0, "stopped")
    frames = [msgspec.json.decode(line) for line in (here / "run" / "frames.jsonl").read_bytes().splitlines()]
    assert {frame["variant"] for frame in frames if frame["outcome"] == "on_time"} == {"w025e1-128"}


def built(folder: Path) -> Path:
    """A wheel, made without a network from a copy: nothing is left behind here, nothing of an earlier build gets in."""
    source = folder / "source"
    source.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, source / part)
    pip("wheel", *QUIET, "--no-build-isolation", "--wheel-dir", folder, source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(wheel: Path, folder: Path) -> Path:
    """An environment with the wheel; all else it takes from the one of this test."""
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    pip("--python", environment / "bin" / "python", "install", *QUIET, wheel)
    assert (packages / "jellyfish").is_dir()
    (packages / "others.pth").write_text("\n".join({sysconfig.get_path(part) for part in ("purelib", "platlib")}))
    return environment


def pip(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def any_profile() -> LatencyProfile:
    """What the server finds instead of measuring this machine. Times do not matter where one size serves."""
    weights = load_weights()
    subject = subject_of(Workplace(torch_device("cpu"), weights, None, usable_cores()), "cpu", None)
    latencies = tuple(VariantLatency(variant, (0.01,), (0.01,)) for variant in weights.variants())
    return LatencyProfile(subject.device, subject.hardware, subject.weights, latencies, software=subject.software)


def ready_url(server: subprocess.Popen[str]) -> str:
    """Where a server that has just been started listens, once it says so."""
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if found := re.search(r"ready: (ws://\S+)", line):
            return found[1]
    raise AssertionError("".join(said))
