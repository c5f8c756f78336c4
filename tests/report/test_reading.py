"""What a run's folder tells, in whatever state it was left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jellyfish.core import Outcome
from jellyfish.errors import InputError
from jellyfish.report import lines
from jellyfish.report.estimates import figures
from jellyfish.report.reading import read_run
from jellyfish.report.tally import MOST_CLIENTS, percentiles_ms
from jellyfish.results.streams import AgreementFigures, OutageFigures
from tests.report.runs import frame, frames, write_run


def test_a_whole_run_has_the_figures_of_its_summary_and_no_remark(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    run = read_run(tmp_path / "run", "run")
    told = figures([run])
    assert run.notes == ()
    assert told["miss_rate"] == pytest.approx(run.summary["miss_rate"])
    assert told["goodput"] == pytest.approx(run.summary["goodput_fps"])
    assert told["f1_on_time"] == pytest.approx(run.summary["accuracy"]["f1_on_time"])
    assert told["f1_captured"] == pytest.approx(run.summary["accuracy"]["f1_offered"])
    for name in ("p50", "p95", "p99"):
        assert told[name] == pytest.approx(run.summary["e2e_ms"][name], abs=0.01)
    assert run.windows.windows == 60
    for row, client in enumerate(run.frames.clients.listed):
        p95 = percentiles_ms(run.frames.client_latency(row), (0.95,))
        assert float(p95[0]) == pytest.approx(run.summary["clients"][client]["e2e_ms"]["p95"], abs=0.01)


def test_frames_after_the_stated_end_count_too(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [frame(number=number, miss=number == 400) for number in range(401)])
    assert figures([read_run(tmp_path / "run", "run")])["miss_rate"] == pytest.approx(1 / 401)


def cut_frames(run: Path) -> None:
    (run / "frames.jsonl").write_bytes((run / "frames.jsonl").read_bytes()[:-20])


def cut_windows(run: Path) -> None:
    (run / "windows.jsonl").write_bytes((run / "windows.jsonl").read_bytes()[:-20])


def spoil_line(text: bytes) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        told = (run / "frames.jsonl").read_bytes().split(b"\n")
        told[2] = text
        (run / "frames.jsonl").write_bytes(b"\n".join(told))

    return spoil


def change(name: str, before: bytes, after: bytes) -> Callable[[Path], None]:
    def change_it(run: Path) -> None:
        text = (run / name).read_bytes()
        assert before in text
        (run / name).write_bytes(text.replace(before, after))

    return change_it


def without(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without("summary.json"), "summary.json is missing: the run was not finished"),
        (without("run.json"), "run.json is missing"),
        (without("windows.jsonl"), "windows.jsonl is missing"),
        (without("window_clients.jsonl"), "window_clients.jsonl is missing"),
        (change("summary.json", b"}", b""), "summary.json is cut off"),
        (lambda run: (run / "run.json").write_text("[]"), "run.json is not what this program writes"),
        (lambda run: (run / "windows.jsonl").write_text(""), "windows.jsonl holds no line"),
        (cut_frames, "The last line of frames.jsonl is cut off"),
        (cut_windows, "The last line of windows.jsonl is cut off"),
        (spoil_line(b"{"), "1 line of frames.jsonl cannot be read and are left out; the first: line 3"),
        (spoil_line(b"\x00\xff"), "1 line of frames.jsonl"),
        (spoil_line(b"[" * 50_000), "1 line of frames.jsonl"),
        (spoil_line(b'{"client":"x","captured_s":1e300,"outcome":"lost"}'), "1 line of frames.jsonl"),
        (change("frames.jsonl", b'"batch"', b'"lot"'), "frames.jsonl has keys that this version does not know"),
        (change("run.json", b'"mode"', b'"kind"'), "run.json has keys that this version does not know"),
        (change("run.json", b'"schema":2', b'"schema":7'), "schema 7"),
        (change("frames.jsonl", b'"dropped"', b'"postponed"'), "does not know count as misses: postponed"),
        (change("summary.json", b'"offered":600', b'"offered":601'), "summary.json counts 601 frames"),
    ],
)
def test_damage_gets_a_word_and_the_rest_is_read(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    write_run(tmp_path / "run")
    damage(tmp_path / "run")
    run = read_run(tmp_path / "run", "run")
    assert any(said in note for note in run.notes), run.notes
    assert run.frames.outcomes.total() >= 599


NESTED = {
    "t_s": 0.5, "planner": "best", "cause": "period", "solve_ms": 1.5, "accuracy": 0.8, "mapped": 1, "mappable": 1,
    "snapshot": {"camera-0": {"overhead_ms": 2.0, "budget_ms": {}, "bandwidth_mbps": 9.0}},
    "plan": {"devices": {}, "clients": {"camera-0": {"device": "cpu", "variant": "w100-320", "resolution": 320}}},
}  # fmt: skip


def test_a_folder_of_schema_1_is_read_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    records, folder = write_run(tmp_path / "run"), tmp_path / "run"
    change("run.json", b'"schema":2', b'"schema":1')(folder)
    (folder / "window_clients.jsonl").unlink()
    (folder / "windows.jsonl").write_bytes(msgspec.json.encode(NESTED) + b"\n")
    told = [
        {key: value for key, value in msgspec.to_builtins(record).items() if value is not None} for record in records
    ]
    (folder / "frames.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(told))
    run = read_run(folder, "run")
    (note,) = run.notes
    assert "of an older version" in note and "known of each client" in note
    assert run.frames.outcomes.total() == len(records)
    assert (run.windows.windows, run.windows.over_time["mapped"].values.sum()) == (1, 1)


def test_windows_that_are_elsewhere_and_what_could_not_be_compared_get_a_word(tmp_path: Path) -> None:
    write_run(tmp_path / "run", connect="ws://192.0.2.7:8765/v1/stream")
    for name in ("windows.jsonl", "window_clients.jsonl"):
        (tmp_path / "run" / name).unlink()
    agreement, outages = AgreementFigures(600, 450, ["camera-0"]), OutageFigures(1, 1, 4.2, 4.2)
    summary = msgspec.json.decode((tmp_path / "run" / "summary.json").read_bytes())
    summary |= {"agreement": msgspec.to_builtins(agreement), "outages": msgspec.to_builtins(outages)}
    (tmp_path / "run" / "summary.json").write_bytes(msgspec.json.encode(summary))
    compared, away, elsewhere = read_run(tmp_path / "run", "run").notes
    assert "450 of the 600 frames" in compared
    assert "No server: 1 client, for 4.2 s" in away
    assert "serve --results" in elsewhere


def test_what_was_known_of_clients_is_read(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    windows = read_run(tmp_path / "run", "run").windows
    assert windows.bandwidths.values.sum() == windows.worsts.values.sum() == windows.cares.values.sum() == 120
    assert windows.bandwidth_mbps.values.sum() == pytest.approx(9.0 * 120)


def test_a_crash_loses_what_was_not_written_and_nothing_else(tmp_path: Path) -> None:
    records = write_run(tmp_path / "run")
    whole = (tmp_path / "run" / "frames.jsonl").read_bytes()
    for size in (1000, 20_000, len(whole) - 1):
        (tmp_path / "run" / "frames.jsonl").write_bytes(whole[:size])
        run = read_run(tmp_path / "run", "run")
        written = whole[:size].count(b"\n") + (size == len(whole) - 1)  # the last one lacks its newline only
        expected = [record.outcome for record in records[:written]]
        assert run.frames.outcomes == {outcome: expected.count(outcome) for outcome in set(expected)}


@pytest.mark.parametrize("content", [b"", b"\n\n", b"nothing\n", b'{"client":"a"}\n', b"\xff"])
def test_a_file_without_a_frame_is_refused(tmp_path: Path, content: bytes) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run" / "frames.jsonl").write_bytes(content)
    with pytest.raises(InputError, match="no frame can be read"):
        read_run(tmp_path / "run", "run")


def test_lines_across_blocks_and_lines_too_long_to_keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 100)
    monkeypatch.setattr(lines, "LONGEST_LINE", 5_000)
    write_run(tmp_path / "run", frames(1))
    path = tmp_path / "run" / "frames.jsonl"
    path.write_bytes(path.read_bytes() + b'"' + b"x" * 12_000 + b'"\n' + msgspec.json.encode(frame(number=10)) + b"\n")
    run = read_run(tmp_path / "run", "run")
    assert run.frames.outcomes.total() == 21
    assert any("longer than" in note for note in run.notes)


def test_clients_beyond_the_most_are_counted_as_one(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [frame(f"camera-{number}") for number in range(MOST_CLIENTS + 5)])
    run = read_run(tmp_path / "run", "run")
    captured = run.frames.over_time["captured"].values.sum(axis=1)
    assert run.frames.clients.rows == MOST_CLIENTS + 1
    assert captured[MOST_CLIENTS] == 5
    assert any("further ones" in note for note in run.notes)


def test_parts_and_misses_are_told_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [frame(), frame(number=1, miss=True), frame(number=2, outcome=Outcome.LATE)])
    run = read_run(tmp_path / "run", "run")
    assert run.frames.misses == {("camera-0", "dropped", "expired"): 1, ("camera-0", "late", "late"): 1}
    assert run.frames.parts.sum(axis=1).tolist() == [2] * 5
    assert np.isclose(run.frames.parts_by_latency.sum(), 2 * 50.0)
