"""One camera: a coded clip, shown for ever by GStreamer's RTSP server. Runs under Debian's Python.

    /usr/bin/python3 -m benchmarks.rtsp.gstreamer_camera UNITS [--port 0] [--user NAME ...]

Lines of JSON on standard output say where it is and since when its clip runs (on the clock that does not step; again
after each freeze). Lines on standard input are faults: `{"freeze": 10}` (captures nothing for so long, the connection
stays) and `{"stall": 3}` (goes on capturing, sends nothing for so long, then all at once). It ends when that is closed.
"""

from __future__ import annotations

import argparse
import bisect
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

from benchmarks.rtsp import units  # noqa: E402

PATH = "/stream"
LAUNCH = (
    "( appsrc name=camera is-live=true format=time do-timestamp=false caps=video/x-h264,stream-format=byte-stream,"
    "alignment=au ! rtph264pay name=pay0 pt=96 config-interval=0 )"
)
MOST_QUEUED_BYTES = 8_000_000


def tell(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


class Showing:
    """Hands coded pictures to whichever pipeline there is, when they are due."""

    def __init__(self, clip: units.Coded) -> None:
        self._clip = clip
        self._sends_s = [unit.sent_s for unit in clip.units]
        self._began_s = time.monotonic()
        self._held_until_s = 0.0
        self._source: Any = None
        self._opened = False
        """Whether the pipeline has had a picture that decoding can begin with."""
        self._changing = threading.Lock()

    def shown_by(self, source: Any) -> None:
        with self._changing:
            self._source, self._opened = source, False

    def run(self) -> None:
        while True:
            now = time.monotonic()
            lap, since_s = divmod(now - self._began_s, self._clip.length_s)
            number = bisect.bisect_right(self._sends_s, since_s)
            self._until(lap, number)

    def _until(self, lap: float, first: int) -> None:
        """Send the rest of this lap from a picture on, each in its time."""
        for unit in self._clip.units[first:]:
            due_s = self._began_s + lap * self._clip.length_s + unit.sent_s
            while (wait_s := max(due_s, self._held_until_s) - time.monotonic()) > 0:
                time.sleep(min(wait_s, 0.05))
                due_s = self._began_s + lap * self._clip.length_s + unit.sent_s  # a freeze moves it
            self._push(unit, due_s - unit.sent_s + unit.captured_s)
        while time.monotonic() < self._began_s + (lap + 1) * self._clip.length_s:
            time.sleep(0.002)

    def _push(self, unit: units.Unit, captured_s: float) -> None:
        with self._changing:
            if self._source is None or not (self._opened or unit.key):
                return
            running_ns = self._source.get_current_running_time()
            if running_ns == Gst.CLOCK_TIME_NONE:
                return
            self._opened = True
            buffer = Gst.Buffer.new_wrapped(unit.data)
            buffer.pts = max(0, running_ns - int(1e9 * (time.monotonic() - captured_s)))
            self._source.emit("push-buffer", buffer)

    def freeze(self, seconds: float) -> None:
        self._began_s += seconds
        self.tell(time.monotonic() + seconds)

    def tell(self, since_s: float | None = None) -> None:
        """Since when the clip runs; from `since_s` on it is so."""
        tell(began=self._began_s, since=self._began_s if since_s is None else since_s)

    def stall(self, seconds: float) -> None:
        self._held_until_s = time.monotonic() + seconds


def listen_to_faults(showing: Showing, loop: Any) -> None:
    faults = {"freeze": showing.freeze, "stall": showing.stall}
    for line in sys.stdin:
        for name, value in json.loads(line).items():
            faults[name](value)
    loop.quit()


def factory_of(showing: Showing, transport: str | None) -> Any:
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(LAUNCH)
    factory.set_shared(True)
    if transport is not None:
        from gi.repository import GstRtsp

        wanted = {"udp": GstRtsp.RTSPLowerTrans.UDP, "tcp": GstRtsp.RTSPLowerTrans.TCP}
        factory.set_protocols(wanted[transport])

    def configured(_factory: Any, media: Any) -> None:
        source = media.get_element().get_by_name("camera")
        source.set_property("max-bytes", MOST_QUEUED_BYTES)
        media.connect("unprepared", lambda _media: showing.shown_by(None))
        showing.shown_by(source)

    factory.connect("media-configure", configured)
    return factory


def guard(server: Any, factory: Any, user: str, password: str) -> None:
    """Let only that user look (digest, as most cameras ask for)."""
    from gi.repository import GstRtsp

    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    role = Gst.Structure.new_from_string(
        "viewer,media.factory.access=(boolean)true,media.factory.construct=(boolean)true"
    )
    factory.add_role_from_structure(role)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("units", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--transport", choices=("udp", "tcp"))
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    Gst.init(None)
    showing = Showing(units.read(options.units))
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(str(options.port))
    factory = factory_of(showing, options.transport)
    if options.user:
        guard(server, factory, options.user, options.password)
    server.get_mount_points().add_factory(PATH, factory)
    if server.attach(None) == 0:
        sys.exit(f"port {options.port} is taken")
    loop = GLib.MainLoop()
    threading.Thread(target=showing.run, daemon=True).start()
    threading.Thread(target=listen_to_faults, args=(showing, loop), daemon=True).start()
    tell(port=server.get_bound_port(), path=PATH)
    showing.tell()
    loop.run()


if __name__ == "__main__":
    main()
