"""The search for the most cameras that are served as promised."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jellyfish.config import BenchConfig, CameraConfig
from jellyfish.core import Outcome
from jellyfish.modes.find_clients import ClientSearch, find_clients
from jellyfish.program.stopping import Stop
from jellyfish.results.emulation import EmulationFigures
from jellyfish.results.summary import RunSummary, Summary
from tests.results.examples import frame_record


@given(first=st.integers(1, 200), most=st.integers(1, 200), able=st.integers(0, 250))
def test_the_search_finds_the_largest_number_in_few_runs(first: int, most: int, able: int) -> None:
    search, tried = ClientSearch(first, most), list[int]()
    while (count := search.next) is not None:
        assert 1 <= count <= most
        assert count not in tried
        tried.append(count)
        search.tried(count, count <= able)
    assert search.good == min(able, most)
    assert len(tried) <= 17


def fleet(count: int) -> tuple[CameraConfig, ...]:
    return tuple(CameraConfig(f"camera-{n}", Path("clip.mp4"), 15, 0.1, "none", 0.0, n) for n in range(count))


def searched(tmp_path: Path, able: int, busy: bool = False, most: int = 64) -> tuple[str, dict[str, object]]:
    """What is printed, and `clients.json`, where a server is able to serve so many."""

    async def run(config: BenchConfig, folder: Path, console: Console, stop: Stop) -> tuple[Summary, list[str]]:
        count = len(config.cameras)
        assert folder == config.results
        served = RunSummary()
        for frame in range(200):
            late = frame < 3 and count > able
            served.add(frame_record(Outcome.LATE if late else Outcome.ON_TIME, frame=frame, tp=1, fp=0, fn=0))
        figures = EmulationFigures(encode="shared", bottleneck=busy, busy_cameras=0, missed_frames=0)
        return msgspec.structs.replace(served.summary(10.0, {"camera-0": 200}), emulation=figures), []

    (tmp_path / "found").mkdir()
    console = Console(width=100, record=True, file=io.StringIO())
    config = BenchConfig((), 10.0, tmp_path / "found", 0)
    asyncio.run(find_clients(config, fleet, 4, most, 0.99, console, Stop(), run))
    return console.export_text(), json.loads((tmp_path / "found" / "clients.json").read_text())


def test_what_was_found_is_told_written_and_drawn(tmp_path: Path) -> None:
    said, found = searched(tmp_path, able=11)
    assert "11 cameras met 99 % on time." in said
    assert found["clients"] == 11
    assert found["at_least"] is False
    trials = found["trials"]
    assert isinstance(trials, list)
    assert [(trial["clients"], trial["meets_target"]) for trial in trials] == [
        (4, True), (8, True), (16, False), (12, False), (10, True), (11, True),
    ]  # fmt: skip
    assert (tmp_path / "found" / "clients.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("able", "words"), [(0, "Not even one camera"), (1, "1 camera met"), (64, "more were not tried")]
)
def test_the_ends_of_the_search_are_told(tmp_path: Path, able: int, words: str) -> None:
    said, found = searched(tmp_path, able)
    assert words in said
    assert found["clients"] == able


def test_where_cameras_were_the_bottleneck_the_server_may_do_more(tmp_path: Path) -> None:
    assert "the server may do more" in " ".join(searched(tmp_path, able=11, busy=True)[0].split())
