"""`jellyfish reproduce`: what it leaves behind, how it goes on, and what it refuses."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import Result
from rich.console import Console
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.lab.reproduction.matrix import Matrix
from jellyfish.lab.reproduction.outcome import CellResult
from jellyfish.lab.reproduction.policies import OURS
from jellyfish.lab.reproduction.reproduce import fingerprint, reproduce

TINY = Matrix((1,), (100.0,), (1.0,), ("jellyfish", "published", "split", "fixed"), {"lte": "lte"}, seconds=5.0)
FIGURES = {"miss-rate", "accuracy", "accuracy-offered", "latency", "sizes-over-time", "profiles"}


def command(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["reproduce", *map(str, words)], env={"COLUMNS": "200"})


def shown(matrix: Matrix, folder: Path) -> str:
    """What a person is told while `matrix` is reproduced in `folder`."""
    screen = io.StringIO()
    reproduce(matrix, folder, 1, Console(file=screen, width=200))
    return screen.getvalue()


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Name -> (when it was written, its bytes) of the cells."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in (folder / "cells").iterdir()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "tiny"
    shown(TINY, folder)
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of a folder in which `TINY` has been run."""
    return Path(shutil.copytree(finished, tmp_path / "tiny"))


def test_the_command_runs_what_is_asked_for_on_all_traces(tmp_path: Path) -> None:
    options = ["--clients", "1", "--slo-ms", "100", "--fps", "1", "--policies", "fixed, split", "--duration", "5"]
    done = command("rtss22", *options, "--workers", "1", "--results", tmp_path / "run")
    assert done.exit_code == 0, done.output
    rows = [line for line in done.output.splitlines() if line.startswith("│")]
    assert [row.split()[1] for row in rows] == ["split", "fixed"]
    assert all(words in done.output for words in ("synthetic", "wifi", "lte", "6 runs of 5 virtual seconds"))
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "cells",
        "matrix.json",
        *(f"{name}.png" for name in FIGURES),
    }
    assert all((tmp_path / "run" / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in FIGURES)


def test_the_one_file_tells_of_every_cell(folder: Path) -> None:
    told = msgspec.json.decode((folder / "matrix.json").read_bytes())
    assert msgspec.convert(told["matrix"], Matrix) == TINY
    assert [cell["policy"] for cell in told["cells"]] == list(TINY.policies)
    for cell in told["cells"]:
        assert (cell["clients"], cell["slo_ms"], cell["fps"], cell["trace"]) == (1, 100, 1, "lte")
        assert cell["frames"] == sum(cell["outcomes"].values()) == 5
        assert sum(cell["causes"].values()) == round(5 * cell["miss_rate"])
        assert ("missed" in cell) == (cell["policy"] == OURS)
        assert len(cell.get("missed", [])) in (0, sum(cell["causes"].values()))


def test_a_cell_keeps_its_scenario_and_its_seconds(folder: Path) -> None:
    kept = [msgspec.json.decode(content, type=CellResult) for _, content in files(folder).values()]
    assert {each.scenario for each in kept} == {TINY.scenario(cell) for cell in TINY.cells()}
    for each in kept:
        assert len(each.seconds.resolution) == len(each.seconds.bandwidth_mbps) == 5
        assert None not in each.seconds.bandwidth_mbps
        assert sum(each.shares) == 5 - sum(each.outcomes.get(name, 0) for name in ("skipped", "dropped", "lost"))


def test_called_again_it_runs_nothing_and_says_the_same(folder: Path) -> None:
    before, told = files(folder), (folder / "matrix.json").read_bytes()
    assert "lte" in shown(TINY, folder)
    assert files(folder) == before
    assert (folder / "matrix.json").read_bytes() == told


def test_only_cells_that_are_missing_damaged_or_of_another_scenario_are_run(folder: Path) -> None:
    before, told = files(folder), (folder / "matrix.json").read_bytes()
    missing, damaged, other, whole = (f"{cell.title}.json" for cell in TINY.cells())
    (folder / "cells" / missing).unlink()
    (folder / "cells" / damaged).write_bytes(before[damaged][1][:-30])
    kept = msgspec.json.decode(before[other][1], type=CellResult)
    longer = fingerprint(msgspec.structs.replace(kept.scenario, duration_s=6.0))
    changed = msgspec.structs.replace(kept, fingerprint=longer, frames=999)
    (folder / "cells" / other).write_bytes(msgspec.json.encode(changed))
    shown(TINY, folder)
    after = files(folder)
    assert set(after) == set(before)
    assert after[whole] == before[whole]
    assert all(after[name][0] > before[name][0] for name in (missing, damaged, other)), "written anew"
    assert all(after[name][1] == before[name][1] for name in before), "the same run gives the same result"
    assert (folder / "matrix.json").read_bytes() == told


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["osdi20"], ["no evaluation 'osdi20'", "rtss22"]),
        (["--policies", "jellyfish,clever"], ["no policy 'clever'", "oracle"]),
        (["--policies", ""], ["--policies is empty"]),
        (["--traces", "EMPTY"], ["no .csv file in", "docs/traces.md"]),
        (["--clients", "1,2.5"], ["2.5 is not a whole number"]),
        (["--clients", "0"], ["--clients", "'0'"]),
        (["--slo-ms", "fast"], ["--slo-ms", "'fast'"]),
        (["--fps", "15,nan"], ["--fps", "'15,nan'"]),
        (["--duration", "1"], ["--duration"]),
        (["--workers", "0"], ["--workers"]),
    ],
)
def test_a_wrong_option_is_refused_with_words(tmp_path: Path, options: list[str], words: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    options = [str(tmp_path / "empty") if word == "EMPTY" else word for word in options]
    done = command(*options, "--results", tmp_path / "run")
    assert done.exit_code == 2, done.output
    said = " ".join(done.output.replace("│", " ").split())
    assert [word for word in words if word not in said] == []
    assert not (tmp_path / "run").exists()


def test_a_broken_trace_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "walk.csv").write_text("time_s,mbps\n0,10\n1,fast\n")
    done = command("--traces", tmp_path / "traces", "--results", tmp_path / "run")
    assert done.exit_code == 2
    assert "walk.csv" in done.output and "line 3" in done.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "no cells"])
def test_a_folder_that_holds_something_else_is_not_written_to(tmp_path: Path, kind: str) -> None:
    results = tmp_path / "results"
    if kind == "file":
        results.write_text("kept")
    else:
        results.mkdir()
        (results / ("cells" if kind == "no cells" else "earlier.txt")).write_text("kept")
    done = command("--results", results)
    assert done.exit_code == 2
    assert "holds something else" in done.output and "--results" in done.output
    kept = [results] if kind == "file" else list(results.iterdir())
    assert [path.read_text() for path in kept] == ["kept"]


def test_a_run_is_known_by_what_its_trace_holds_not_by_its_name(tmp_path: Path) -> None:
    trace = tmp_path / "link_trace.csv"
    prints = []
    for mbps in (10, 10, 20):
        trace.write_text(f"time_s,mbps\n0,{mbps}\n1,5\n")
        matrix = msgspec.structs.replace(TINY, traces={"link": str(trace)})
        prints.append(fingerprint(matrix.scenario(matrix.cells()[0])))
    assert prints[0] == prints[1] != prints[2]
