"""See it at work: four looping clips as RTSP cameras, a server that fetches them, and its page. `make demo-live`

    python -m benchmarks.demo_live [--port 8765]

The RTSP server is aio-rtsp-toolkit's (extra `live-demo`). All of it is on this machine alone, and ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from fractions import Fraction
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av
import av.filter

from jellyfish.errors import InputError
from jellyfish.installed import require

ROOT = Path(__file__).parent.parent
HERE = "127.0.0.1"
SCENES = {
    "avenue": ("street-avenue", False), "junction": ("street-junction", False), "town": ("street-town", False),
    "mirror": ("street-junction", True),
}  # fmt: skip
"""Cameras' names -> which clip they show, and whether the other way round: there are three clips."""
CODING = {"preset": "ultrafast", "tune": "zerolatency", "g": "30"}
"""As cameras code: no frame needs a later one, for it would have to wait for that."""
FPS, SLO_MS = 15, 200
START_S = 30.0


def make_clips(folder: Path) -> list[str]:
    """Put what is to be shown into a folder; the cameras' names."""
    for name, (scene, mirrored) in SCENES.items():
        code(ROOT / "videos" / f"{scene}.mp4", folder / f"{name}.mp4", mirrored)
    return list(SCENES)


def code(scene: Path, clip: Path, mirrored: bool) -> None:
    """Write a video as a camera would, with left and right exchanged where that is wanted."""
    with av.open(str(scene)) as source, av.open(str(clip), "w") as target:
        shown = source.streams.video[0]
        rate = shown.average_rate or Fraction(FPS)
        stream = target.add_stream("libx264", rate=rate, options=CODING)
        stream.width, stream.height, stream.pix_fmt = shown.width, shown.height, "yuv420p"
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(template=shown), graph.add("hflip" if mirrored else "null"), graph.add("buffersink")
        ).configure()
        for frame in source.decode(shown):
            graph.vpush(frame)
            target.mux(stream.encode(graph.vpull()))
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

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its parent, however that ends
    threading.Thread(target=end_with_parent, daemon=True).start()
    rtsp.logger = logging.getLogger("rtsp")
    asyncio.run(_serve(rtsp.RtspServer(folder, HERE, free_port()), pipe))


def end_with_parent() -> None:
    """Wait for the end of the process that started this one, and end this one, too."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(0)


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
    try:
        require("demo_live", "aio_rtsp_toolkit")
    except InputError as error:
        sys.exit(str(error))
    with tempfile.TemporaryDirectory() as temporary:
        print("==> Making four clips as cameras code them ...", flush=True)
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
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # else it would outlive this
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the server has heard it, too
            continue


if __name__ == "__main__":
    main()
