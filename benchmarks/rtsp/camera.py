"""A camera of the benchmarks: a process that speaks RTSP, its faults, and what it truly showed when."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rtsp.units import Coded

ROOT = Path(__file__).parents[2]
DEBIAN_PYTHON = "/usr/bin/python3"
PACKAGES = "gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
NEEDED = "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0'); \
from gi.repository import Gst, GstRtspServer; Gst.init(None); \
missing = [name for name in ('appsrc', 'rtph264pay', 'rtpbin') if Gst.ElementFactory.find(name) is None]; \
assert not missing, missing"
START_S, STOP_S = 20.0, 5.0


def why_not() -> str | None:
    """Why no such camera can run here; None where one can."""
    try:
        tried = subprocess.run([DEBIAN_PYTHON, "-c", NEEDED], capture_output=True, text=True, timeout=60)
    except OSError as error:
        return f"{DEBIAN_PYTHON} does not run: {error}"
    if tried.returncode == 0:
        return None
    said = tried.stderr.strip().splitlines()[-1:] or ["it ended without a word"]
    return f"GStreamer's RTSP server is not there ({said[0]}); on Debian: apt-get install {PACKAGES}"


@dataclass
class Truth:
    """When which picture of a clip was captured. Pure."""

    clip: Coded
    began_s: list[tuple[float, float]] = field(default_factory=list)
    """(from when on, the clip is as if it ran since when): at the start, and from the end of each freeze. Both on the
    machine's clock that does not step."""
    _captures_s: Sequence[float] = ()

    def __post_init__(self) -> None:
        self._captures_s = sorted(unit.captured_s for unit in self.clip.units)

    def captured_s(self, number: int, seen_s: float) -> float | None:
        """When the picture of that number was captured that was there at `seen_s`; None where there was none yet."""
        ran_s = [began_s for since_s, began_s in self.began_s if since_s <= seen_s]
        if number >= len(self._captures_s) or not ran_s:
            return None
        first_s = ran_s[-1] + self._captures_s[number]
        return first_s + (seen_s - first_s) // self.clip.length_s * self.clip.length_s


class RtspCamera:
    """The process, between `start` and `stop`; may be started again, with another clip."""

    def __init__(
        self, name: str, port: int = 0, transport: str | None = None, user: str | None = None, password: str = ""
    ) -> None:
        self.name, self.port = name, port
        self._transport, self._user, self._password = transport, user, password
        self._process: subprocess.Popen[str] | None = None
        self.truths: list[Truth] = []
        """What it showed, in order: one for each start."""

    @property
    def url(self) -> str:
        """Without its credentials."""
        return f"rtsp://127.0.0.1:{self.port}/stream"

    def start(self, units: Path, clip: Coded) -> None:
        """Show a clip; returns when it listens."""
        command = [DEBIAN_PYTHON, "-m", "benchmarks.rtsp.gstreamer_camera", str(units), "--port", str(self.port)]
        command += ["--transport", self._transport] if self._transport else []
        command += ["--user", self._user, "--password", self._password] if self._user else []
        self._process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        truth = Truth(clip)
        self.truths.append(truth)
        listening = threading.Event()
        threading.Thread(target=self._read, args=(self._process, truth, listening), daemon=True).start()
        if not listening.wait(START_S) or not truth.began_s:
            self.kill()
            raise RuntimeError(f"{self.name}: its RTSP server did not start")

    def _read(self, process: subprocess.Popen[str], truth: Truth, listening: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            facts = json.loads(line)
            self.port = facts.get("port", self.port)
            if "began" in facts:
                truth.began_s.append((facts["since"], facts["began"]))
                listening.set()
        listening.set()

    def freeze(self, seconds: float) -> None:
        """Capture nothing for so long; the connection stays."""
        self._tell(freeze=seconds)

    def stall(self, seconds: float) -> None:
        """Go on capturing but send nothing for so long, then all of it at once."""
        self._tell(stall=seconds)

    def _tell(self, **fault: float) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps(fault) + "\n")
        self._process.stdin.flush()

    def hang(self) -> None:
        """Stand still: connections stay, and nothing is answered, not even to who connects."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(which)

    def kill(self) -> None:
        """Lose its power."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def captured_s(self, number: int, seen_s: float) -> float | None:
        """When the picture of that number was captured, of those that were there at `seen_s`."""
        started = [truth for truth in self.truths if truth.began_s and truth.began_s[0][0] <= seen_s]
        return started[-1].captured_s(number, seen_s) if started else None


@contextlib.contextmanager
def running(cameras: Sequence[RtspCamera]) -> Iterator[None]:
    """Whatever happens, none of them stays."""
    try:
        yield
    finally:
        for camera in cameras:
            camera.kill()
