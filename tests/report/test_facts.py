"""What a report says was run, whatever the files hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from jellyfish.report.estimates import RunGroup
from jellyfish.report.facts import facts
from jellyfish.report.reading import read_run
from tests.report.runs import write_run

CAMERA = {
    "name": "camera-0",
    "video": "videos/street.mp4",
    "fps": 15.0,
    "slo_s": 0.1,
    "trace": "wifi",
    "delay_s": 0.005,
}


def told(folder: Path, info: dict[str, Any], summary: dict[str, Any] | None = None) -> dict[str, str]:
    """The facts of a run with these keys in its files."""
    write_run(folder)
    for name, keys in (("run.json", info), ("summary.json", summary or {})):
        known = msgspec.json.decode((folder / name).read_bytes())
        (folder / name).write_bytes(msgspec.json.encode(known | keys))
    run = read_run(folder, "run")
    return {name: values[0] for name, values in facts([RunGroup("run", (run,))]).items()}


def test_a_bench_run_is_told_by_what_decided_its_figures(tmp_path: Path) -> None:
    said = told(
        tmp_path / "run",
        {
            "mode": "bench",
            "config": {
                "cameras": [CAMERA, CAMERA | {"fps": 25.0, "video": "/elsewhere/b.mp4"}],
                "server": {"planner": "shared", "target": 99.9},
            },
            "versions": {"jellyfish-serving": "0.1", "torch": "2.9"},
            "machine": {"system": "Linux", "architecture": "x86_64", "processors": 2},
            "profile": "A Processor",
            "command": ["/somewhere/jellyfish", "bench", "--trace", "a b"],
        },
    )
    assert {key: said[key] for key in list(said)[:6]} == {
        "What": "bench",
        "Deadline": "100 ms",
        "Frame rate": "15, 25 a second",
        "Link": "wifi, 5 ms each way",
        "Planner": "shared, for 99.9 % in time",
        "Video": "street.mp4, b.mp4",
    }
    assert said["Version"] == "jellyfish 0.1, torch 2.9"
    assert said["Machine"] == "Linux x86_64, 2 processors, A Processor"
    assert said["Command"] == "jellyfish bench --trace 'a b'"


@pytest.mark.parametrize(
    ("config", "planner"),
    [
        ({"server": {"variant": "w100e2-448"}}, "none: w100e2-448 for all"),
        ({"controller": "mpc", "server": {"planner": "client"}}, "none: cameras steer by mpc"),
        ({"connect": "ws://here/v1/stream"}, "of the server at ws://here/v1/stream"),
        ({"planner": "best", "clients": [{"fps": 15}]}, "best"),
    ],
)
def test_who_plans_is_told(tmp_path: Path, config: dict[str, Any], planner: str) -> None:
    assert told(tmp_path / "run", {"config": config})["Planner"] == planner


def test_no_device_is_busy_for_more_than_all_the_time(tmp_path: Path) -> None:
    said = told(tmp_path / "run", {}, {"devices": {"cpu": {"busy_share": 1.01}, "gpu": {"busy_share": 0.25}}})
    assert said["Devices"] == "cpu (100 % busy), gpu (25 % busy)"


@pytest.mark.parametrize(
    "odd", [{"config": 3}, {"config": {"cameras": [1, {"fps": "x"}], "server": []}}, {"machine": []}]
)
def test_odd_files_say_less(tmp_path: Path, odd: dict[str, Any]) -> None:
    assert told(tmp_path / "run", odd | {"command": "x", "versions": None})["Deadline"] == "100 ms"
