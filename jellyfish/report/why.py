"""Why a run's cameras missed frames, in words: how many, when most, for what reason, and whose fault that was. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jellyfish.core import Reason
from jellyfish.report.compare import plain
from jellyfish.report.detail import by_attainment
from jellyfish.report.reading import Run
from jellyfish.report.slices import Clock
from jellyfish.results.reasons import REASONS, Meaning

MOST_CAMERAS = 8
MOST_REASONS = 4
ESTIMATED = {
    "late": "late, as the server reckons: the camera does not report, so whose fault it was is not known",
    "not_sent": "not sent: the numbers of its frames leave some out, and the camera does not report why",
}
"""What stands in place of a reason where the server counts itself."""


def why(run: Run) -> Iterator[str]:
    """Lines, the camera that missed most first."""
    order = by_attainment(run)
    missing = [row for row in order if _count(run, "on_time", row) < _count(run, "captured", row)]
    for row in missing[:MOST_CAMERAS]:
        yield from _of(run, row)
    if len(missing) > MOST_CAMERAS:
        yield f"{len(missing) - MOST_CAMERAS} more cameras missed frames."
    if len(order) > len(missing):
        others = ", ".join(run.frames.clients.listed[row] for row in order[len(missing) :][:MOST_CAMERAS])
        more = len(order) - len(missing) - MOST_CAMERAS
        yield f"No frame missed: {others}{f' and {more} more' if more > 0 else ''}."


def _of(run: Run, row: int) -> Iterator[str]:
    name = run.frames.clients.listed[row]
    captured, on_time = (round(_count(run, key, row)) for key in ("captured", "on_time"))
    missed = captured - on_time
    yield f"{name}: {missed} of {captured} frames missed ({100 * missed / captured:.2f} %), most {_when(run, row)}"
    for reason, frames in run.frames.missed_by_reason(name).most_common(MOST_REASONS):
        whose = _blamed(run, name, reason) or whose_fault(reason)
        yield f"  {frames} {plain(reason)}: {meaning(reason)}{f' ({whose})' if whose else ''}"


def _blamed(run: Run, client: str, reason: str) -> str:
    """Where they come from, as the server judged then; empty where it has not."""
    found = {blame: frames for (who, why, blame), frames in run.frames.blames.items() if (who, why) == (client, reason)}
    told = ", ".join(f"{blame} {found[blame]}" for blame in sorted(found, key=lambda each: -found[each]))
    return f"it lay with: {told}" if told else ""


def meaning(reason: str) -> str:
    """What it means; of one that this version does not know, that."""
    known = _known(reason)
    return ESTIMATED.get(reason, "this version does not know what that is") if known is None else known.words


def whose_fault(reason: str) -> str:
    """Whose fault it is by itself."""
    known = _known(reason)
    return "" if known is None else known.whose.replace("`", "")


def _known(reason: str) -> Meaning | None:
    try:
        return REASONS[Reason(reason)]
    except ValueError:
        return None


def _when(run: Run, row: int) -> str:
    """The step of time in which it missed most."""
    series = run.frames.over_time
    missed = series["captured"].values[row] - series["on_time"].values[row]
    step, width_s = int(np.argmax(missed)), run.bins.width_s
    clock = run.part.clock if run.part is not None else Clock(None)
    begin_s = run.bins.origin_s + step * width_s
    begin, end = clock.at(begin_s), clock.at(begin_s + width_s)
    return f"at {begin}" if begin == end else f"from {begin} to {end}"


def _count(run: Run, key: str, row: int) -> float:
    return float(run.frames.over_time[key].values[row].sum())
