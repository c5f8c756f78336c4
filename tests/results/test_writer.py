import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jellyfish.core import Outcome, Task
from jellyfish.errors import InputError
from jellyfish.protocol.served_model import ServedModel
from jellyfish.results.environment import machine, versions
from jellyfish.results.records import FrameRecord, OutageRecord, PlanRecord, RunInfo, milliseconds
from jellyfish.results.summary import RunSummary
from jellyfish.results.window_lines import ClientLine, DeviceLine, WindowLine, WindowLines
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
MOMENT: dict[str, Any] = {"window": 1, "t_s": 0.5}
WINDOW = WindowLines(
    WindowLine(
        **MOMENT, planner="greedy", cause="join", solve_ms=1.5, accuracy=0.6, clients=2, mapped=1, mappable=1
    ),
    (
        ClientLine(**MOMENT, client="camera-0", mapped=True, variant="w100-448", resolution=448, overhead_ms=3.0),
        ClientLine(**MOMENT, client="camera-1", mapped=False, overhead_ms=3.0),
    ),
    (DeviceLine(**MOMENT, device="cpu:0", variants="w100-448+w100-320", batches="2+1", batch=2, clients=1),),
)  # fmt: skip
PLAN = PlanRecord(client="camera-0", t_s=0.5, mapped=True, variant="w100-448", resolution=448, probe_interval_ms=500.0)
OUTAGE = OutageRecord(client="camera-0", began_s=1.0, ended_s=3.5, lasted_s=2.5, why="closed by the server")


MODEL = ServedModel("mine", "2", Task.CLASSIFICATION, ("car", "bus"), {})


def test_what_answers_is_said_in_the_header_once_it_is_known(tmp_path: Path) -> None:
    with ResultWriter(tmp_path / "run", INFO) as writer:
        before = json.loads((tmp_path / "run" / "run.json").read_bytes())
        writer.model(MODEL)
    after = json.loads((tmp_path / "run" / "run.json").read_bytes())
    assert {before[key] for key in ("model", "version", "task")} == {None}
    told = {"model": "mine", "version": "2", "task": "classification", "classes": ["car", "bus"]}
    assert after == before | told


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_run_leaves_files_of_flat_lines_whose_keys_are_always_there(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "one"
    record = frame_record(bytes=9000, resolution=448, detections=3, tp=2, fp=1, fn=0)
    skipped = frame_record(Outcome.SKIPPED, frame=1)
    with ResultWriter(folder, INFO) as writer:
        writer.frame(record, 0.0)
        writer.frame(skipped, 0.0)
        writer.window(WINDOW, 0.5)
        writer.plan(PLAN, 0.5)
        writer.outage(OUTAGE, 3.5)
        summary = RunSummary()
        summary.add(record)
        writer.summary(summary.summary(1.0, {"camera-0": 1}))
    written = {
        "frames.jsonl": [record, skipped],
        "windows.jsonl": [WINDOW.window],
        "window_clients.jsonl": [*WINDOW.clients],
        "window_devices.jsonl": [*WINDOW.devices],
        "plans.jsonl": [PLAN],
        "outages.jsonl": [OUTAGE],
    }
    assert {path.name for path in folder.iterdir()} == {*written, "run.json", "summary.json"}
    for name, values in written.items():
        for line, value in zip(lines(folder / name), values, strict=True):
            assert msgspec.json.decode(line, type=type(value)) == value
            told = msgspec.json.decode(line)
            assert tuple(told) == value.__struct_fields__
            assert not any(isinstance(part, list | dict) for part in told.values())
    assert msgspec.json.decode((folder / "run.json").read_bytes(), type=RunInfo) == INFO
    assert msgspec.json.decode((folder / "run.json").read_bytes())["schema"] == 2
    assert msgspec.json.decode((folder / "summary.json").read_bytes())["clients"]["camera-0"]["on_time"] == 1


def test_there_is_no_file_without_a_line(tmp_path: Path) -> None:
    with ResultWriter(tmp_path / "run", INFO) as writer:
        writer.frame(frame_record(), 0.0)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"run.json", "frames.jsonl"}


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
