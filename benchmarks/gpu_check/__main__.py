"""Test and measure a device with one command, and write what was found as one JSON and one page.

    python -m benchmarks.gpu_check [--device cuda:0] [--output FOLDER] [--short] [--max-batch 8] [--minutes 7.5]

All parts together take no longer than --minutes, about. A part that fails is told with its traceback, and the others
go on; both files are written anew after each part, so that a run that is ended early leaves what it had found. Exit
code 1 if something is wrong: an answer, or a part that failed or had no time left. Needs torch, torchvision, NumPy,
msgspec and safetensors, and nothing else. What each figure means: docs/gpu/README.md.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.gpu_check.findings import CheckReport, PartResult, save
from benchmarks.gpu_check.page import as_page
from benchmarks.gpu_check.parts import PARTS, Part
from benchmarks.gpu_check.place import Options
from benchmarks.gpu_check.running import results
from jellyfish.devices.naming import check_device
from jellyfish.errors import InputError

MINUTES = 7.5
GPU_BATCH, PROCESSOR_BATCH, SHORT_BATCH = 16, 8, 4


def main(words: Sequence[str] | None = None) -> int:
    """The exit code."""
    arguments = _arguments(words)
    try:
        _check(arguments)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    most_batch, stretch = arguments.max_batch or _usual_batch(arguments), arguments.minutes / MINUTES
    options = Options(arguments.device, arguments.short, most_batch, stretch)
    began_s, parts = time.perf_counter(), list[PartResult]()

    def seconds() -> float:
        return time.perf_counter() - began_s

    def begun(part: Part) -> None:
        print(f"[{seconds():6.1f} s] {part.name} ...", flush=True)

    command = shlex.join(["python", "-m", "benchmarks.gpu_check", *(sys.argv[1:] if words is None else words)])
    started = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    report = CheckReport(started, command, arguments.device, arguments.short, 60 * arguments.minutes)
    for result in results(PARTS, options, report.most_s, begun):
        parts.append(result)
        report = report.but(parts, seconds())
        _write(report, arguments.output)
        print(f"[{seconds():6.1f} s] {result.name}: {result.state}, {result.seconds:.1f} s: {result.gist}", flush=True)
    print(f"written: {arguments.output / 'gpu-check.json'} and gpu-check.md beside it")
    return 0 if report.is_right else 1


def _usual_batch(arguments: argparse.Namespace) -> int:
    if arguments.short:
        return SHORT_BATCH
    return PROCESSOR_BATCH if arguments.device == "cpu" else GPU_BATCH


def _write(report: CheckReport, folder: Path) -> None:
    save(report, folder)
    (folder / "gpu-check.md").write_text(as_page(report), encoding="utf-8")


def _check(arguments: argparse.Namespace) -> None:
    """InputError, at once, for what cannot be."""
    check_device(arguments.device)
    if arguments.max_batch is not None and not 1 <= arguments.max_batch <= 64:
        raise InputError(f"--max-batch is 1 to 64, not {arguments.max_batch}")
    if not 0 < arguments.minutes <= 60:
        raise InputError(f"--minutes is above 0, up to 60, not {arguments.minutes:g}")
    try:
        arguments.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--output {arguments.output} cannot be made ({error.strerror}): give another folder"
        ) from error
    if arguments.device != "cpu":
        from jellyfish.models.torch_device import torch_device  # torch takes seconds to load

        torch_device(arguments.device)


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0", help="cpu or cuda:N")
    parser.add_argument("--output", type=Path, default=Path("results/gpu-check"), help="folder for the two files")
    parser.add_argument("--short", action="store_true", help="a minute's form: few sizes, batches and rounds")
    parser.add_argument("--max-batch", type=int, default=None, help="16 on a GPU, 8 on a processor, 4 if --short")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all parts together")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
