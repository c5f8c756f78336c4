"""Which files does a frame cross on the server? Every function that is called for one is written down, on all threads.

    python benchmarks/frame_way.py [--seconds 3]

A server and one camera, a real video over real sockets. Files of the control path (window, estimates for the planner,
plans), of start and of the camera's own account are left out: what is called from the control loop, or from nobody in
the package. With `--package` the files of another checkout's package are counted in the same way.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import threading
from asyncio.subprocess import DEVNULL
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop
from rich.console import Console

from jellyfish.config import ServerConfig
from jellyfish.modes.progress import ProgressReport
from jellyfish.modes.serving import serving

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jellyfish"
CONTROL = ("control/loop.py", "control/planners", "control/capacity.py")
"""What runs once a window or at start; a frame never waits for it."""


class Crossed:
    """Counts calls by file while `recording`, of functions that the control path has not called."""

    def __init__(self) -> None:
        self.recording = False
        self.calls = Counter[str]()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if not self.recording or event != "call":
            return
        file = self._file(frame)
        if file is None:
            return
        caller: FrameType | None = frame
        while caller is not None:
            if (self._file(caller) or "").startswith(CONTROL):
                return
            caller = caller.f_back
        self.calls[file] += 1

    @staticmethod
    def _file(frame: FrameType) -> str | None:
        name = frame.f_code.co_filename
        return name[len(str(PACKAGE)) + 1 :] if name.startswith(str(PACKAGE) + os.sep) else None


async def measure(seconds: float, crossed: Crossed) -> int:
    """Serve one camera, which runs in a process of its own; frames recorded."""
    with contextlib.ExitStack() as stack:
        progress = stack.enter_context(ProgressReport(Console(stderr=True)))
        async with serving(ServerConfig(port=0), lambda record, service: None, progress) as server:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            camera = [sys.executable, "cli.py", "bench", "--clients", "1", "--connect", server.url, "--trace", "none"]
            process = await asyncio.create_subprocess_exec(
                *camera, "--duration", f"{seconds + 4:g}", "--results", f"{folder}/run", cwd=ROOT, stdout=DEVNULL
            )
            while not server.service.sessions:  # noqa: ASYNC110 - the service has no event for it
                await asyncio.sleep(0.1)
            await asyncio.sleep(3)
            crossed.recording = True
            await asyncio.sleep(seconds)
            crossed.recording = False
            await process.wait()
    return round(15 * seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    arguments = parser.parse_args()
    crossed = Crossed()
    threading.setprofile(crossed)
    sys.setprofile(crossed)
    frames = uvloop.run(measure(arguments.seconds, crossed))
    sys.setprofile(None)
    often = {file: calls for file, calls in crossed.calls.items() if calls >= frames / 2}
    for file, calls in sorted(often.items(), key=lambda item: -item[1]):
        print(f"{calls / frames:6.1f} calls a frame  {file}")
    print(f"{len(often)} files; once in a while only: {', '.join(sorted(set(crossed.calls) - set(often))) or 'none'}")


if __name__ == "__main__":
    main()
