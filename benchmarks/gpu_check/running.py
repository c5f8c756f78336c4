"""Runs the parts in a process of their own, so that none can keep the others from being heard.

A part that raises is told with its traceback. One that breaks the device for its process, ends it or never returns
costs itself alone: the parts after it run in a new process. What has been found is handed on as it is found.
"""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection

from benchmarks.gpu_check.findings import PartResult, State
from benchmarks.gpu_check.parts import Part
from benchmarks.gpu_check.place import Options, Place

PATIENCE, STARTING_S = 2.0, 120.0
"""A part is given up after so many times its budget, and so long for a process that has to begin with loading all."""
OVERTIME_S, END_S = 20.0, 5.0
"""What the last part may take beyond the time for all; how long a process that was killed is waited for."""
LEAST_SHARE = 0.3
"""A part is left out where there is less than this share of its time left."""

Begun = Callable[[Part], None]
"""Told of each part when it begins."""


def results(
    parts: Sequence[Part], options: Options, most_s: float, begun: Begun = lambda part: None
) -> Iterator[PartResult]:
    """What becomes of each part, in order, all of them within about `most_s`."""
    ends_s, left = time.monotonic() + most_s, list(parts)
    while left:
        for result in _of_one_process(tuple(left), options, ends_s, begun):
            left.pop(0)
            yield result


def _of_one_process(parts: Sequence[Part], options: Options, ends_s: float, begun: Begun) -> Iterator[PartResult]:
    """Until all is done, or the process is of no more use; the part that it ended with, at least."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run_parts, args=(theirs, parts, options, ends_s), daemon=True)
    process.start()
    theirs.close()
    try:
        for part in parts:
            result, usable = _heard(ours, part, options, begun, ends_s - time.monotonic())
            yield result
            if not usable:
                return
    finally:
        process.kill()
        process.join(END_S)  # one that the kernel holds is left behind


def _heard(
    connection: Connection, part: Part, options: Options, begun: Begun, left_s: float
) -> tuple[PartResult, bool]:
    """What the process says of a part, and whether it can go on. `left_s`: of the time for all parts."""
    usual_s = max(options.stretch, 1.0) * STARTING_S + PATIENCE * _budget_s(part, options)
    limit_s = min(usual_s, max(left_s, 0.0) + OVERTIME_S)
    begun(part)
    try:
        if not connection.poll(limit_s):
            return _failed(part, options, limit_s, f"it had not ended after {limit_s:.0f} s, and was given up"), False
        result, usable = connection.recv()
    except (EOFError, OSError):
        return _failed(part, options, 0.0, "its process ended without a word: the system or a library ended it"), False
    return result, usable


def _failed(part: Part, options: Options, seconds: float, words: str) -> PartResult:
    return PartResult(part.name, part.title, State.FAILED, seconds, _budget_s(part, options), None, words)


def _run_parts(connection: Connection, parts: Sequence[Part], options: Options, ends_s: float) -> None:
    """In the process: each part, and what became of it."""
    place = Place(options)
    for part in parts:
        result = run_part(part, place, ends_s - time.monotonic())
        usable = result.state is not State.FAILED or _works(place)
        connection.send((result, usable))
        if not usable:
            return


def run_part(part: Part, place: Place, left_s: float) -> PartResult:
    """What became of it. It may take what is left of the time, where that is less than its own."""
    budget_s = _budget_s(part, place.options)
    if left_s < LEAST_SHARE * budget_s:
        return PartResult(part.name, part.title, State.LEFT_OUT, 0.0, budget_s)
    began_s = time.perf_counter()
    try:
        found = part.run(place, min(budget_s, left_s))
    except Exception:
        seconds = time.perf_counter() - began_s
        return PartResult(part.name, part.title, State.FAILED, seconds, budget_s, None, traceback.format_exc())
    state = State.WRONG if found.wrong else State.OK
    return PartResult(part.name, part.title, state, time.perf_counter() - began_s, budget_s, found)


def _budget_s(part: Part, options: Options) -> float:
    return part.short_s if options.short else part.budget_s * options.stretch


def _works(place: Place) -> bool:
    return place.gpu is None or place.gpu.works()
