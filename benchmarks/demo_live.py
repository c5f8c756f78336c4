"""See it at work: four looping clips as RTSP cameras, a server that fetches them, and its page. `make demo-live`

    python -m benchmarks.demo_live [--port 8765]

The RTSP server is aio-rtsp-toolkit's (extra `live-demo`). All of it is on this machine alone, and ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av

from jellyfish.installed import is_installed

ROOT = Path(__file__).parent.parent
HERE = "127.0.0.1"
SCENES = {"avenue": "street-avenue", "junction": "street-junction", "town": "street-town"}
MIRRORED = ("mirror", "street-junction")
"""There are three clips; the fourth is one of them the other way round."""
FPS, SLO_MS = 15, 150
START_S = 30.0


def make_clips(folder: Path) -> list[str]:
    """Put what is to be shown into a folder; the cameras' names."""
    for name, scene in SCENES.items():
        shutil.copy(ROOT / "videos" / f"{scene}.mp4", folder / f"{name}.mp4")
    name, scene = MIRRORED
    mirror(ROOT / "videos" / f"{scene}.mp4", folder / f"{name}.mp4")
    return [*SCENES, name]


def mirror(scene: Path, clip: Path) -> None:
    """Write a video with left and right exchanged."""
    with av.open(str(scene)) as source, av.open(str(clip), "w") as target:
        shown = source.streams.video[0]
        rate = shown.average_rate or Fraction(FPS)
        stream = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = shown.width, shown.height, "yuv420p"
        for frame in source.decode(shown):
            turned = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24")[:, ::-1].copy(), format="rgb24")
            target.mux(stream.encode(turned))
        target.mux(stream.encode(None))


def url_of(name: str, port: int) -> str:
    """Where a clip is shown, for ever."""
    return f"rtsp://{HERE}:{port}/{name}.mp4/play_count_0/"


def configuration(names: list[str], rtsp_port: int) -> str:
    """What `jellyfish serve --config` is to read."""

    def lines() -> Iterator[str]:
        for name in names:
            yield f'[[cameras]]\nname = "{name}"\nurl = "{url_of(name, rtsp_port)}"\nfps = {FPS}\nslo_ms = {SLO_MS}\n'

    return "\n".join(lines())


def show_cameras(folder: str, pipe: Connection) -> None:
    """A process: serve the clips of a folder over RTSP, until it is ended."""
    from aio_rtsp_toolkit import server as rtsp

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its parent
    rtsp.logger = logging.getLogger("rtsp")
    asyncio.run(_serve(rtsp.RtspServer(folder, HERE, free_port()), pipe))


async def _serve(server: Any, pipe: Connection) -> None:
    await server.start()
    pipe.send(server.port)
    await server.serve_forever()


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server((HERE, 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8765, help="of the server and its page (default 8765)")
    port = parser.parse_args().port
    if not is_installed("aio_rtsp_toolkit"):
        sys.exit("the demo's cameras need the extra live-demo: pip install '.[live-demo]', or make demo-live")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = make_clips(folder)
        ours, theirs = multiprocessing.Pipe()
        cameras = multiprocessing.get_context("spawn").Process(
            target=show_cameras, args=(temporary, theirs), daemon=True
        )
        cameras.start()
        if not ours.poll(START_S):
            sys.exit("the cameras did not start")
        config = folder / "demo-live.toml"
        config.write_text(configuration(names, ours.recv()))
        print(f"==> When it is ready: http://{HERE}:{port}/ in a browser of this machine. Ctrl-C ends it.", flush=True)
        sys.exit(serve(config, port))


def serve(config: Path, port: int) -> int:
    """Run the server until it ends, by Ctrl-C as a rule; its exit code."""
    command = [sys.executable, "-m", "jellyfish", "serve", "--config", str(config), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the server has heard it, too
            continue


if __name__ == "__main__":
    main()
