from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from jellyfish.core import Outcome
from jellyfish.errors import InputError
from jellyfish.results.environment import machine, versions
from jellyfish.results.records import (
    ClientAssignment,
    ClientSnapshot,
    DeviceAssignment,
    FrameRecord,
    RunInfo,
    WindowLine,
    WindowPlan,
    milliseconds,
)
from jellyfish.results.summary import RunSummary
from jellyfish.results.writer import ResultWriter, default_folder
from tests.results.examples import frame_record

INFO = RunInfo(
    command=["jellyfish", "bench"],
    mode="bench",
    started="2026-01-02T03:04:05+00:00",
    seed=7,
    config={"clients": 4},
    versions=versions(),
    machine=machine(),
    devices=["cpu:0"],
    profile="profile.json",
)
WINDOW = WindowLine(
    t_s=0.5,
    planner="greedy",
    cause="join",
    solve_ms=1.5,
    accuracy=0.6,
    mapped=1,
    mappable=1,
    snapshot={"camera-0": ClientSnapshot(bandwidth_mbps=10.0, overhead_ms=3.0, budget_ms={"w100-448": 60.0})},
    plan=WindowPlan(
        {"cpu:0": DeviceAssignment(("w100-448",), 2)}, {"camera-0": ClientAssignment("cpu:0", "w100-448", 448)}
    ),
)


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_run_leaves_its_four_files(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "one"
    record = frame_record(bytes=9000, resolution=448, detections=3, tp=2, fp=1, fn=0)
    with ResultWriter(folder, INFO) as writer:
        writer.frame(record, 0.0)
        writer.window(WINDOW, 0.5)
        summary = RunSummary()
        summary.add(record)
        writer.summary(summary.summary(1.0, {"camera-0": 1}))
    assert sorted(path.name for path in folder.iterdir()) == [
        "frames.jsonl",
        "run.json",
        "summary.json",
        "windows.jsonl",
    ]
    assert msgspec.json.decode((folder / "frames.jsonl").read_bytes(), type=FrameRecord) == record
    assert msgspec.json.decode((folder / "windows.jsonl").read_bytes(), type=WindowLine) == WINDOW
    assert msgspec.json.decode((folder / "run.json").read_bytes(), type=RunInfo) == INFO
    assert msgspec.json.decode((folder / "run.json").read_bytes())["schema"] == 1
    assert msgspec.json.decode((folder / "summary.json").read_bytes())["clients"]["camera-0"]["on_time"] == 1


def test_what_is_not_known_of_a_frame_is_not_written() -> None:
    assert msgspec.json.decode(msgspec.json.encode(frame_record(Outcome.SKIPPED))) == {
        "client": "camera-0",
        "frame": 0,
        "captured_s": 0.0,
        "outcome": "skipped",
        "slo_ms": 100.0,
        "reason": "stale",
    }


def test_lines_are_whole_and_on_disk_once_a_second_while_the_run_goes(tmp_path: Path) -> None:
    with ResultWriter(tmp_path / "run", INFO) as writer:
        path = tmp_path / "run" / "frames.jsonl"
        written = []
        for frame in range(31):
            writer.frame(frame_record(frame=frame), now=100.0 + 0.1 * frame)
            written.append(len(lines(path)))
        assert all(frame + 1 - count <= 11 for frame, count in enumerate(written))
        for line in lines(path):
            msgspec.json.decode(line, type=FrameRecord)
    assert len(lines(path)) == 31


def test_many_lines_at_once_are_not_held_in_memory(tmp_path: Path) -> None:
    with ResultWriter(tmp_path / "run", INFO) as writer:
        for frame in range(5000):
            writer.frame(frame_record(frame=frame), now=0.0)
        assert len(lines(tmp_path / "run" / "frames.jsonl")) > 1000


def test_an_existing_folder_is_used_only_when_empty(tmp_path: Path) -> None:
    ResultWriter(tmp_path, INFO).close()
    with pytest.raises(InputError, match="is not empty; name a new folder"):
        ResultWriter(tmp_path, INFO)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be used"):
        ResultWriter(tmp_path / "file", INFO)


def test_the_default_folder_is_new(tmp_path: Path) -> None:
    started = datetime(2026, 1, 2, 3, 4, 5)
    first = default_folder("bench", started, tmp_path)
    assert first == tmp_path / "bench-20260102-030405"
    first.mkdir()
    second = default_folder("bench", started, tmp_path)
    second.mkdir()
    assert [second.name, default_folder("bench", started, tmp_path).name] == [f"{first.name}-2", f"{first.name}-3"]


def test_durations_are_written_to_the_microsecond() -> None:
    assert milliseconds(0.0123456789) == 12.346
