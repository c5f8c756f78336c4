"""Folders of runs as they are found on disk."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from jellyfish.core import Outcome, Reason
from jellyfish.results.records import FrameRecord, RunInfo
from jellyfish.results.summary import RunSummary
from jellyfish.results.window_lines import ClientLine, WindowLine


def frame(client: str = "camera-0", number: int = 0, *, miss: bool = False, **fields: Any) -> FrameRecord:
    """A frame of a camera with 10 frames/s, answered in 50 ms, or dropped; `fields` replace."""
    known: dict[str, Any] = {
        "client": client, "frame": number, "captured_s": number / 10, "slo_ms": 100.0,
        "deadline_s": number / 10 + 0.1, "resolution": 320,
        "bytes": 20_000, "wait_ms": 2.0, "outcome": Outcome.DROPPED if miss else Outcome.ON_TIME,
    }  # fmt: skip
    if miss:
        known |= {"reason": Reason.EXPIRED}
    else:
        known |= {"variant": "w100-320", "device": "cpu", "batch": 1, "e2e_ms": 50.0, "uplink_ms": 18.0,
                  "queue_ms": 5.0, "execute_ms": 20.0, "downlink_ms": 5.0, "tp": 3, "fp": 1, "fn": 1}  # fmt: skip
    return FrameRecord(**(known | fields))


def frames(
    seconds: int = 30, clients: Sequence[str] = ("camera-0", "camera-1"), misses: float = 0.05, seed: int = 0
) -> list[FrameRecord]:
    """Frames of a run with random latency and misses."""
    draw = random.Random(seed)
    return [
        frame(client, number, miss=draw.random() < misses, e2e_ms=None if misses == 1 else 40 + 20 * draw.random())
        for number in range(10 * seconds)
        for client in clients
    ]


def windows(seconds: int = 30, clients: int = 2) -> list[WindowLine]:
    """A window every half second."""
    return [
        WindowLine(
            window=half, t_s=half / 2, planner="best", cause="period", solve_ms=1.5, accuracy=0.8, clients=clients,
            mapped=clients, mappable=clients,
        )
        for half in range(2 * seconds)
    ]  # fmt: skip


def window_clients(seconds: int = 30, clients: Sequence[str] = ("camera-0", "camera-1")) -> list[ClientLine]:
    """What was known of each client in each of them."""
    return [
        ClientLine(
            window=half, t_s=half / 2, client=client, mapped=True, device="cpu", variant="w100-320", resolution=320,
            worst_ms=90.0, bandwidth_mbps=9.0, overhead_ms=2.0, care=1.0,
        )
        for half in range(2 * seconds)
        for client in clients
    ]  # fmt: skip


def info(seed: int = 0, **config: Any) -> RunInfo:
    return RunInfo(
        command=[], mode="simulate", started="2026-01-31T12:00:00+00:00", seed=seed,
        config={"title": "Test", "seed": seed, **config}, versions={}, machine={}, devices=["cpu"], profile="none",
    )  # fmt: skip


def write_run(
    folder: Path, records: Sequence[FrameRecord] | None = None, *, seed: int = 0, **config: Any
) -> Sequence[FrameRecord]:
    """A finished run, as the program leaves it behind."""
    records = frames(seed=seed) if records is None else records
    summary, captured = RunSummary(), dict[str, int]()
    for record in records:
        summary.add(record)
        captured[record.client] = captured.get(record.client, 0) + 1
    folder.mkdir(parents=True)
    (folder / "run.json").write_bytes(msgspec.json.encode(info(seed, **config)))
    (folder / "frames.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(records))
    (folder / "windows.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(windows()))
    (folder / "window_clients.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(window_clients()))
    (folder / "summary.json").write_bytes(msgspec.json.encode(summary.summary(30.0, captured)))
    return records
