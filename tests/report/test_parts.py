"""Parts of recordings: of a run's frames, and of a server's own log, whose parts come and go."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.core import Reason
from jellyfish.errors import InputError
from jellyfish.report.estimates import figures
from jellyfish.report.reading import Run, read_run
from jellyfish.report.slices import PartWanted, moment
from jellyfish.report.why import meaning, whose_fault, why
from jellyfish.results.outcome_lines import OutcomeLine
from jellyfish.results.parted_files import PartedFiles
from jellyfish.results.records import OutageRecord
from tests.report.runs import frame, info, window_clients, windows, write_run

BEGAN_UNIX_S = datetime(2026, 11, 30, 14, 0, tzinfo=UTC).timestamp()


def wanted(begin: str | None = None, end: str | None = None, *cameras: str) -> PartWanted:
    return PartWanted(*(None if text is None else moment(text) for text in (begin, end)), cameras)


def part(folder: Path, begin: str | None = None, end: str | None = None, *cameras: str) -> Run:
    return read_run(folder, "run", wanted=wanted(begin, end, *cameras))


# --- a run ---------------------------------------------------------------------------------------------------


def timed_run(folder: Path) -> None:
    """30 s at 14:00 of two cameras; the first misses what it captures from 10 s to 12 s."""
    records = [
        frame(client, number, miss=client == "camera-0" and 100 <= number < 120,
              captured_unix_s=BEGAN_UNIX_S + number / 10)
        for number in range(300) for client in ("camera-0", "camera-1")
    ]  # fmt: skip
    write_run(folder, records)


def test_a_part_of_a_run_has_the_figures_of_its_frames(tmp_path: Path) -> None:
    timed_run(tmp_path / "run")
    whole, some = read_run(tmp_path / "run", "run"), part(tmp_path / "run", "+9.95s", "+20s")
    assert whole.frames.outcomes == {"on_time": 580, "dropped": 20}
    assert some.frames.outcomes == {"on_time": 182, "dropped": 20}
    assert figures([some])["miss_rate"] == pytest.approx(20 / 202)
    assert figures([some])["p50"] == pytest.approx(figures([whole])["p50"])
    assert some.windows.windows == 21
    assert some.duration_s == pytest.approx(10.05)
    assert some.bins.width_s == 0.25  # as fine as of a run that is no longer
    captured = some.frames.over_time["captured"].values.sum(axis=0)
    assert captured[:4].tolist() == [4, 6, 4, 6]


def test_a_part_may_be_of_some_cameras(tmp_path: Path) -> None:
    timed_run(tmp_path / "run")
    one = part(tmp_path / "run", None, None, "camera-1")
    assert (one.frames.clients.listed, one.frames.outcomes) == (["camera-1"], {"on_time": 300})
    with pytest.raises(InputError, match=r"no frame of camera-7 from .*: there is camera-0, camera-1"):
        part(tmp_path / "run", None, None, "camera-7")


def test_outages_of_a_part_are_told(tmp_path: Path) -> None:
    timed_run(tmp_path / "run")
    away = [
        OutageRecord(client=client, began_s=began_s, ended_s=began_s + 2.0, lasted_s=2.0, why="the server went away")
        for client, began_s in (("camera-0", 3.0), ("camera-0", 12.5), ("camera-1", 12.5))
    ]
    (tmp_path / "run" / "outages.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(away))
    some = part(tmp_path / "run", "+10s", "+20s", "camera-0")
    (told,) = [note for note in some.notes if "no server" in note]
    assert re.fullmatch(r"camera-0 had no server from \d\d:00:12 for 2\.0 s: the server went away", told)


def test_why_cameras_missed_frames_in_words(tmp_path: Path) -> None:
    timed_run(tmp_path / "run")
    first, second, third = why(part(tmp_path / "run", "+5s", "+15s"))
    assert re.fullmatch(
        r"camera-0: 20 of 101 frames missed \(19\.80 %\), most (at \d\d:00:10|from \d\d:00:\d\d to \d\d:00:\d\d)", first
    )
    assert second.startswith("  20 expired: dropped by the server: its deadline could no longer be met")
    assert third == "No frame missed: camera-1."
    assert "(network or server: uplink_ms and queue_ms of the frames around it tell which took the time)" in second
    assert (meaning("of_2031"), whose_fault("of_2031")) == ("this version does not know what that is", "")
    assert all(meaning(reason) and whose_fault(reason) for reason in Reason)


def test_a_reason_counts_whatever_the_outcome(tmp_path: Path) -> None:
    busy = [("late", 3), ("skipped", 2), ("dropped", 1)]
    records = [
        frame("gate", number, miss=True, outcome=outcome, reason=Reason.CAMERA_BUSY)
        for number, outcome in enumerate(outcome for outcome, frames in busy for _ in range(frames))
    ]
    write_run(tmp_path / "run", records)
    _, reason = why(part(tmp_path / "run", None, None, "gate"))
    assert reason.startswith("  6 camera busy: ")


# --- a server's own log --------------------------------------------------------------------------------------


def outcomes(begin_s: float, end_s: float, clients: Sequence[str] = ("gate", "yard")) -> Iterator[OutcomeLine]:
    """Twice a second 7 frames of each camera; from 100 s to 102 s the first one misses 3 of them, more or less."""
    draw = random.Random(0)
    for half in range(int(2 * begin_s), int(2 * end_s)):
        for client in clients:
            missed = draw.randint(2, 4) if client == "gate" and 100 <= half / 2 < 102 else 0
            ended = {("on_time", None): 7 - missed, ("dropped", "overload"): missed}
            for (outcome, reason), frames in ended.items():
                if frames:
                    yield OutcomeLine(
                        t_s=half / 2 - begin_s, unix_s=BEGAN_UNIX_S + half / 2, client=client, outcome=outcome,
                        reason=reason, blame=reason, frames=frames, slo_ms=100.0, variant="w100e1-320", resolution=320,
                        estimated=False,
                    )  # fmt: skip


def write_log(folder: Path, lines: Sequence[OutcomeLine], started: str = "2026-11-30T14:00:00+00:00") -> None:
    """In parts, as a server does."""
    parts, encoder = PartedFiles(folder, 800_000, 1e9), msgspec.json.Encoder()
    parts.begin(msgspec.json.encode(msgspec.structs.replace(info(), started=started, mode="serve")))
    for line in lines:
        assert line.unix_s is not None
        unix_s = line.unix_s
        chunks = {"outcomes": encoder.encode_lines([line])}
        if line.client == "gate" and line.outcome == "on_time":
            at = {"t_s": line.t_s, "unix_s": unix_s}
            chunks["windows"] = encoder.encode_lines([msgspec.structs.replace(windows(1)[0], **at)])
            client = msgspec.structs.replace(window_clients(1)[0], client="gate", **at)
            chunks["window_clients"] = encoder.encode_lines([client])
        parts.write(chunks, unix_s)


def test_a_part_of_a_log_is_read_from_its_parts_alone(tmp_path: Path) -> None:
    lines = list(outcomes(0, 200))
    write_log(tmp_path / "log", lines)
    names = sorted(path.name for path in (tmp_path / "log").glob("outcomes-*"))
    assert len(names) > 4
    read = []
    some = read_run(tmp_path / "log", "log", read.append, wanted("+95s", "+110s"))
    kept = [line for line in lines if 95 <= (line.unix_s or 0) - BEGAN_UNIX_S <= 110]
    missed = sum(line.frames for line in kept if line.reason)
    assert missed > 6
    assert some.frames.outcomes == {"on_time": sum(line.frames for line in kept) - missed, "dropped": missed}
    assert some.frames.misses == {("gate", "dropped", "overload"): missed}
    assert figures([some])["miss_rate"] == pytest.approx(missed / (2 * 31 * 7))
    assert some.windows.windows == 31
    assert sum(read) < 0.5 * sum(path.stat().st_size for path in (tmp_path / "log").glob("*.jsonl"))
    (only,) = some.notes
    assert "counts frames and keeps none" in only
    assert some.duration_s == 15.0


def test_a_whole_log_adds_up_and_says_when_the_server_was_started_anew(tmp_path: Path) -> None:
    first, second = list(outcomes(0, 60)), list(outcomes(80, 120))
    write_log(tmp_path / "log", first)
    write_log(tmp_path / "log", second, "2026-11-30T14:01:19+00:00")
    run = read_run(tmp_path / "log", "log")
    assert run.frames.outcomes.total() == sum(line.frames for line in first + second)
    notes = " ".join(run.notes)
    assert "The server was started anew: 2026-11-30T14:01:19+00:00." in notes
    assert re.search(r"gate: nothing was heard of any frame from \d\d:00:59 for 20 s: it had no stream, or", notes)
    with pytest.raises(InputError, match="no frame was recorded"):
        part(tmp_path / "log", "+65s", "+70s")


def test_a_log_that_is_not_whole_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    write_log(tmp_path / "log", list(outcomes(0, 200)))
    *_, last = sorted((tmp_path / "log").glob("outcomes-*"))
    last.write_bytes(last.read_bytes()[:-20])
    for path in (tmp_path / "log").glob("run-*.json"):
        path.unlink()
    run = part(tmp_path / "log", "-10s")
    assert any("is cut off" in note for note in run.notes)
    assert any("run.json is missing" in note for note in run.notes)


def report(*options: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, ["report", *map(str, options)])
    assert "Traceback" not in done.output
    return done.exit_code, done.output


def test_the_command_says_why_a_camera_missed_frames_at_that_time(tmp_path: Path) -> None:
    write_log(tmp_path / "log", list(outcomes(0, 200)))
    code, said = report(
        tmp_path / "log", "--from", "-110s", "--to", "-90s", "--camera", "gate", "-o", tmp_path / "out"
    )  # fmt: skip
    assert code == 0, said
    assert re.search(r"gate: \d+ of 287 frames missed \(\d\.\d\d %\), most \w+ \d\d:01:4", said)
    assert re.search(
        r"overload: dropped by the server: keeping it would have cost more frames than it is worth \(it lay with: "
        r"overload \d+\)",
        " ".join(said.split()),
    )
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "2026-11-30" in page and "yard" not in page


def test_wrong_parts_are_one_clear_line(tmp_path: Path) -> None:
    write_log(tmp_path / "log", list(outcomes(0, 20)))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "windows-000001.jsonl").write_bytes(b"{}\n")
    wrong = {
        "is no moment": [tmp_path / "log", "--from", "noon"],
        "nothing is recorded from 2026-12-24": [tmp_path / "log", "--from", "2026-12-24"],
        "no frame of shed": [tmp_path / "log", "--camera", "shed"],
        "is the log of a server that had no camera": [tmp_path / "old"],
    }
    for said, options in wrong.items():
        code, output = report(*options, "-o", tmp_path / "out")
        assert (code, said in output) == (2, True), output
    assert not (tmp_path / "out").exists()
