"""The example of a model of one's own, served over real sockets: it finds the lamp where it is."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.core import Variant
from jellyfish.devices.profile.table import LatencyProfile, VariantLatency
from jellyfish.media.video_writer import write_video
from jellyfish.results.records import FrameRecord, RunInfo

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "my_detector.py"
WIDTH, HEIGHT = 320, 180
LEFT, TOP, RIGHT, BOTTOM = 80, 60, 120, 90


def test_the_page_shows_the_file_as_it_is_and_it_is_short() -> None:
    text = EXAMPLE.read_text()
    assert text in EXAMPLE.parents[1].joinpath("models.md").read_text()
    assert len(text.splitlines()) <= 40


@pytest.fixture
def unchanged_process() -> Iterator[None]:
    """A run in this process tunes it, and makes the example importable."""
    path = list(sys.path)
    yield
    sys.path[:] = path
    sys.modules.pop(EXAMPLE.stem, None)
    gc.unfreeze()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    dark = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    dark[TOP:BOTTOM, LEFT:RIGHT] = 255
    write_video(tmp_path / "lamp.mp4", [dark] * 10, 5, WIDTH, HEIGHT)
    return tmp_path / "lamp.mp4"


@pytest.mark.usefixtures("unchanged_process")
def test_a_server_runs_it_and_its_cameras_get_what_it_finds(tmp_path: Path, video: Path) -> None:
    latencies = tuple(VariantLatency(Variant(each, "bright"), (0.002,), (0.003,)) for each in (160, 320))
    profile = LatencyProfile("cpu", "handmade", "bright things, 1", latencies)
    (tmp_path / "profile.json").write_bytes(msgspec.json.encode(profile))
    options = {
        "model": f"{EXAMPLE}:Detector", "video": video, "clients": 1, "fps": 4, "slo-ms": 5000, "trace": "none",
        "duration": 1, "max-batch": 1, "profile": tmp_path / "profile.json", "results": tmp_path / "run",
    }  # fmt: skip
    words = [word for option, value in options.items() for word in (f"--{option}", str(value))]
    done = CliRunner().invoke(cli.app, ["bench", *words, "--save-detections"])
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "run" / "frames.jsonl").read_bytes().splitlines()
    answered = [frame for line in lines if (frame := msgspec.json.decode(line, type=FrameRecord)).variant]
    assert answered and {frame.variant for frame in answered} <= {"bright-160", "bright-320"}
    assert {frame.detections for frame in answered} == {1}
    found = msgspec.json.decode((tmp_path / "run" / "detections.json").read_bytes())
    assert {each["category"] for each in found} == {"lamp"}
    for each in found:
        assert each["bbox"] == pytest.approx([LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP], abs=3)
    info = msgspec.json.decode((tmp_path / "run" / "run.json").read_bytes(), type=RunInfo)
    assert info.model == "my_detector"
