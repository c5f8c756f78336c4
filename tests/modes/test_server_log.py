"""A server's own log: what it holds, and that it never costs the server anything."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from jellyfish.modes.run import run_info
from jellyfish.modes.server_log import MOST_WAITING_BYTES, ServerLog
from jellyfish.results.parted_files import PartedFiles
from jellyfish.results.records import RunInfo
from jellyfish.results.window_lines import ClientLine, WindowLine
from tests.results.test_writer import WINDOW

INFO = run_info("serve", datetime(2026, 1, 2, tzinfo=UTC), 0, {}, ["cpu"], "handmade")


def parts(folder: Path) -> PartedFiles:
    return PartedFiles(folder, 10_000_000, 86_400.0)


async def test_a_log_holds_its_header_and_the_lines_of_windows(tmp_path: Path) -> None:
    log = ServerLog(parts(tmp_path / "log"))
    log.begin(INFO)
    log.window(WINDOW, 0.5)
    await log.close()
    read = {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()}
    windows = {f"{name}-000001.jsonl" for name in ("windows", "window_clients", "window_devices")}
    assert set(read) == windows | {"run-000001.json"}
    assert msgspec.json.decode(read["run-000001.json"], type=RunInfo) == INFO
    assert msgspec.json.decode(read["windows-000001.jsonl"], type=WindowLine) == WINDOW.window
    clients = msgspec.json.Decoder(ClientLine).decode_lines(read["window_clients-000001.jsonl"])
    assert tuple(clients) == WINDOW.clients


async def test_a_disk_that_fails_costs_lines_and_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = ServerLog(parts(tmp_path / "log"))
    log.begin(INFO)
    (tmp_path / "log").rename(tmp_path / "gone")
    for _ in range(3):
        log.window(WINDOW, 0.5)
        await log.flush()
    (failed,) = [record.message for record in caplog.records]
    assert "cannot be written, windows are left out" in failed
    (tmp_path / "gone").rename(tmp_path / "log")
    log.window(WINDOW, 0.5)
    await log.close()
    assert "is written again" in caplog.records[-1].message
    assert sum(path.read_bytes().count(b"\n") for path in (tmp_path / "log").glob("windows-*")) == 1


class HangingFiles(PartedFiles):
    """A disk that hangs in its first write."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 10_000_000, 86_400.0)
        self.over = threading.Event()

    def write(self, chunks: Mapping[str, bytes], now_unix_s: float) -> None:
        self.over.wait()


async def test_a_disk_that_hangs_is_not_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = HangingFiles(tmp_path / "log")
    log = ServerLog(files, patience_s=0.0)
    log.begin(INFO)
    line_bytes = len(msgspec.json.encode(WINDOW.window))
    for number in range(MOST_WAITING_BYTES // line_bytes):
        log.window(WINDOW, number / 2)
        log.tick()
    await log.close()
    files.over.set()
    assert [record.message for record in caplog.records] == [
        f"{files.folder}: the disk does not keep up: windows are left out"
    ]
