"""`jellyfish reproduce rtss22`: the published evaluation's matrix in virtual time, several cells at once, resumable."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from jellyfish import __version__
from jellyfish.devices.process import deaf_children
from jellyfish.errors import InputError, RunError
from jellyfish.lab.processes import process_pool
from jellyfish.lab.reproduction.causes import Miss, Quickest, misses
from jellyfish.lab.reproduction.matrix import MADE_TRACES, Cell, Matrix, recorded_traces
from jellyfish.lab.reproduction.outcome import CellResult, summed_up
from jellyfish.lab.reproduction.policies import NAMES, OURS
from jellyfish.lab.reproduction.tables import in_words, policy_table
from jellyfish.lab.simulation.links import CameraLink, camera_links
from jellyfish.lab.simulation.model import load_model
from jellyfish.lab.simulation.scenario import Scenario
from jellyfish.lab.simulation.simulate import simulated_frames
from jellyfish.modes.progress import ProgressReport
from jellyfish.results.environment import machine, versions
from jellyfish.results.records import FrameRecord

CELLS = "cells"
MATRIX_FILE = "matrix.json"
EVALUATIONS = ("rtss22",)


def published_matrix(
    evaluation: str,
    traces: Path | None,
    clients: Sequence[int],
    slos_ms: Sequence[float],
    rates_fps: Sequence[float],
    policies: str | None,
    seeds: int,
    seconds: float,
) -> Matrix:
    """The matrix of a published evaluation, as far as it is asked for. InputError for what there is not."""
    if evaluation not in EVALUATIONS:
        raise InputError(f"no evaluation {evaluation!r}: there is {', '.join(EVALUATIONS)}")
    wanted = NAMES if policies is None else tuple(name.strip() for name in policies.split(","))
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        raise InputError(f"no policy {unknown[0]!r}: choose among {', '.join(NAMES)}")
    return Matrix(
        clients=tuple(dict.fromkeys(clients)),
        slos_ms=tuple(dict.fromkeys(slos_ms)),
        rates_fps=tuple(dict.fromkeys(rates_fps)),
        policies=tuple(dict.fromkeys(wanted)),
        traces=dict(MADE_TRACES) if traces is None else recorded_traces(traces),
        seeds=tuple(range(seeds)),
        seconds=seconds,
    )


def reproduce(matrix: Matrix, folder: Path, workers: int | None, console: Console) -> None:
    """Run what is missing in `folder`, then write `matrix.json` and the figures there, and show the table.

    Cells that an earlier call finished are not run again. Raises InputError when the folder holds something else, or
    when a trace cannot be used.
    """
    cells = matrix.cells()
    for scenario in {(cell.trace, cell.clients): matrix.scenario(cell) for cell in cells}.values():
        camera_links(scenario)  # refuses a wrong trace before anything is run
    with ProgressReport(console) as progress:
        results = _all_results(matrix, cells, _prepared(folder), workers or os.cpu_count() or 1, progress)
        progress("Drawing", 0, 1)
        from jellyfish.lab.reproduction.figures import figures  # matplotlib takes a second to load

        _write(folder, matrix, results, figures(results))
        progress("Drawing", 1, 1)
    console.print(policy_table(results))
    console.print(in_words(results), highlight=False, markup=False)
    console.print(f"All figures and {MATRIX_FILE} are in {folder}", soft_wrap=True, markup=False)


def _prepared(folder: Path) -> Path:
    """The folder of the cells. InputError when `folder` is not one that this command has made."""
    cells = folder / CELLS
    if folder.exists() and not cells.is_dir() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something else: give --results a new folder, or one to go on with")
    try:
        cells.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{cells} cannot be made: {error.strerror}") from error
    return cells


def _all_results(
    matrix: Matrix, cells: Sequence[Cell], folder: Path, workers: int, progress: ProgressReport
) -> list[CellResult]:
    """Each cell's result, in the matrix' order: from its file, or run now."""
    words = f"{len(cells)} runs of {matrix.seconds:g} virtual seconds"
    found = {cell: _kept(folder, cell, matrix.scenario(cell)) for cell in cells}
    missing = [cell for cell in cells if found[cell] is None]
    progress(words, len(cells) - len(missing), len(cells))
    with process_pool(min(workers, max(1, len(missing)))) as pool:
        with deaf_children():
            running = {pool.submit(_run, cell, matrix.scenario(cell), folder): cell for cell in missing}
        for done, future in enumerate(as_completed(running), len(cells) - len(missing) + 1):
            found[running[future]] = future.result()
            progress(words, done, len(cells))
    return [result for result in found.values() if result is not None]


def _file(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.title}.json"


def _kept(folder: Path, cell: Cell, scenario: Scenario) -> CellResult | None:
    """The result of an earlier call, if it is of this very run."""
    try:
        kept = msgspec.json.decode(_file(folder, cell).read_bytes(), type=CellResult)
    except (OSError, msgspec.MsgspecError):
        return None
    return kept if kept.fingerprint == fingerprint(scenario) else None


def fingerprint(scenario: Scenario) -> str:
    """Of everything that decides what comes of a run: this version, the scenario, and what its traces hold."""
    traces = [link.trace for link in camera_links(scenario).values()]
    parts = (__version__, scenario, [trace and (trace.times_s, trace.bits_per_s, trace.offset_s) for trace in traces])
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _run(cell: Cell, scenario: Scenario, folder: Path) -> CellResult:
    """Simulate one cell and keep its result. Runs in a worker process."""
    records = simulated_frames(scenario)
    links = camera_links(scenario)
    result = summed_up(cell, scenario, records, _misses(scenario, records, links), _bandwidth(scenario, links))
    result = msgspec.structs.replace(result, fingerprint=fingerprint(scenario))
    part = _file(folder, cell).with_suffix(".part")
    part.write_bytes(msgspec.json.encode(result))
    part.replace(_file(folder, cell))  # whole or not at all, for a call that is stopped and goes on
    return result


def _misses(scenario: Scenario, records: Sequence[FrameRecord], links: dict[str, CameraLink]) -> list[Miss]:
    model = load_model(scenario.devices[0].model)
    smallest = model.variants[0]
    run_s = model.profile.of(smallest).p50_s[0] + scenario.host.decode_ms / 1000
    quickest = Quickest(smallest.resolution, scenario.host.encode_ms / 1000, run_s)
    by_client: dict[str, list[FrameRecord]] = {name: [] for name in links}
    for record in records:
        by_client[record.client].append(record)
    return [miss for name, own in by_client.items() for miss in misses(own, links[name], quickest)]


def _bandwidth(scenario: Scenario, links: dict[str, CameraLink]) -> list[float | None]:
    """Mean over the cameras, Mbit/s, second by second; None where a link is not shaped."""
    traces = [link.trace for link in links.values()]

    def mean(second: int) -> float | None:
        rates = [trace.rate_at(second) for trace in traces if trace is not None]
        return round(sum(rates) / len(rates) / 1e6, 3) if len(rates) == len(traces) else None

    return [mean(second) for second in range(round(scenario.duration_s))]


def _write(folder: Path, matrix: Matrix, results: Sequence[CellResult], pictures: Sequence[Any]) -> None:
    """One JSON of everything, and the figures."""
    told = {
        "published": "Jellyfish (RTSS 2022): about 1 % of the frames missed",
        "versions": versions(),
        "machine": machine(),
        "matrix": matrix,
        "cells": [_short(result) for result in results],
    }
    try:
        (folder / MATRIX_FILE).write_bytes(msgspec.json.encode(told))
        for picture in pictures:
            (folder / f"{picture.name}.png").write_bytes(picture.png)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}") from error


def _short(result: CellResult) -> dict[str, Any]:
    """A cell in the one JSON. Its scenario, its seconds and others' single misses stay in the cell's own file."""
    told: dict[str, Any] = msgspec.to_builtins(result)
    for key in ("scenario", "seconds", "shares", "fingerprint"):
        del told[key]
    if result.cell.policy != OURS:
        del told["missed"]
    rates = {"miss_rate": round(result.miss_rate, 6), "published_miss_rate": round(result.published_miss_rate, 6)}
    cell: dict[str, Any] = told.pop("cell")
    return cell | rates | told
