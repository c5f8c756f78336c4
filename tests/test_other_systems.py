"""A camera on systems that lack what Linux has: no uvloop, no signals of the loop's, no fork."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.media.films import film
from tests.test_example_client import listening

LACKING = """
import asyncio, importlib.util, os, signal, sys

found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "uvloop" else found(name, *rest)
sys.modules["uvloop"] = None

def lacking(*arguments):
    raise NotImplementedError

asyncio.SelectorEventLoop.add_signal_handler = asyncio.SelectorEventLoop.remove_signal_handler = lacking
for module, names in {
    os: ("register_at_fork", "sched_setaffinity", "sched_getaffinity", "setpgrp", "nice", "fork"),
    signal: ("pthread_sigmask", "SIGHUP", "SIGUSR1"),
}.items():
    for name in names:
        delattr(module, name)

from jellyfish.__main__ import main

main()
"""


async def test_a_camera_needs_nothing_of_linuxs_and_is_stopped_in_order(tmp_path: Path) -> None:
    clip = film(tmp_path / "film.mp4")
    async with listening() as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", LACKING,
            *("camera", str(clip), "--connect", url, "--fps", "10", "--slo-ms", "5000", "--results", "run"),
            cwd=tmp_path, env={"PYTHONPATH": str(Path(__file__).parents[1])},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        said = ""
        while "source live" not in said and (line := await process.stdout.readline()):
            said += line.decode()
        frames = tmp_path / "run" / "frames.jsonl"
        while process.returncode is None and not frames.exists():
            await asyncio.wait((asyncio.create_task(process.wait()),), timeout=0.05)
        process.terminate()
        said += (await process.stdout.read()).decode()
        code = await process.wait()
    assert code == 0, said
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["on_time"] > 0
