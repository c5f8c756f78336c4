"""The package as people install it: a wheel in an environment of its own, which serves and runs cameras elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import aiohttp
import msgspec
import pytest

from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.models.slimmable.weights import load_weights
from jellyfish.protocol import wire
from tests.server.peer import Peer
from tests.test_installed import extras, imported_as

ROOT = Path(__file__).parents[1]
PARTS = ("jellyfish", "videos", "pyproject.toml", "README.md", "LICENSE")
"""What a wheel is built from."""
QUIET = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
ONE_SIZE = ("--device", "cpu", "--variant", "w025e1-128", "--max-batch", "1")

PATIENCE_S = 120
"""For each step, on a machine that has much else to do."""


@pytest.mark.timeout(4 * PATIENCE_S)
def test_a_wheel_without_extras_serves_from_an_empty_folder_and_runs_cameras(tmp_path: Path) -> None:
    environment, here = installed(built(tmp_path), tmp_path), tmp_path / "empty"
    here.mkdir()
    profile = tmp_path / "profile.json"
    profile.write_bytes(any_profile())
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [environment / "bin" / "jellyfish", "serve", "--port", "0", "--profile", profile, *ONE_SIZE]
    with subprocess.Popen(command, cwd=here, env=surroundings, stdout=subprocess.PIPE, text=True) as server:
        try:
            result = asyncio.run(answer(ready_url(server)))
        finally:
            server.terminate()
        rest, _ = server.communicate(timeout=PATIENCE_S)
    assert (result.reason, result.variant) == (None, "w025e1-128")
    assert (server.returncode, rest.splitlines()[-1]) == (0, "stopped")
    assert list(here.iterdir()) == []
    cameras = ("--clients", "1", "--fps", "2", "--slo-ms", "10000", "--duration", "1", "--results", tmp_path / "run")
    command = [environment / "bin" / "jellyfish", "bench", "--profile", profile, *ONE_SIZE, *cameras]
    subprocess.run(command, cwd=here, env=surroundings, check=True, timeout=PATIENCE_S, stdout=subprocess.DEVNULL)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["on_time"] > 0


async def answer(url: str) -> wire.Result:
    """What a server says of one frame that may take its time."""
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        peer = Peer(socket, asyncio.get_running_loop().time)
        await peer.send(wire.Hello("camera", 1, 60_000))
        await peer.until(wire.Welcome)
        await peer.send_frame(0)
        return await peer.until(wire.Result)


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
    """An environment with the wheel; all else, but for what is an extra, it takes from the one of this test."""
    environment = folder / "environment"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    pip("--python", environment / "bin" / "python", "install", *QUIET, "--no-compile", wheel)
    assert {path.name for path in (packages / "jellyfish" / "videos").glob("*.mp4")} >= {"street-avenue.mp4"}
    places = {sysconfig.get_path(part) for part in ("purelib", "platlib")}
    absent = f"import sys; sys.modules.update(dict.fromkeys({list(imported_as(extras()))}))"
    (packages / "others.pth").write_text("\n".join((absent, *places)))
    return environment


def pip(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr


def any_profile() -> bytes:
    """What the server is given instead of measuring this machine: so slow that nobody soon thinks that it hangs."""
    weights = load_weights()
    latencies = tuple(VariantLatency(variant, (1.0,), (1.0,)) for variant in weights.variants())
    return msgspec.json.encode(LatencyProfile("cpu", "a processor", weights.card.sha256, latencies))


def ready_url(server: subprocess.Popen[str]) -> str:
    """Where a server that has just been started listens, once it says so."""
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if found := re.search(r"ready: (ws://\S+)", line):
            return found[1]
    raise AssertionError("".join(said))
