"""Runs side by side: which belong together, what differs in how they were made, and what in what came of them."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from jellyfish.report.estimates import F1_METRICS, METRICS, Estimate, Metric, RunGroup
from jellyfish.report.reading import Run

CONFIDENCE = "95 % interval"
APART = ("seed", "results")
"""Keys of a configuration that may differ between runs of one group."""
LONGEST_VALUE = 100
NOTHING = "\N{EN DASH}"
ACCURACY_IS = {
    "measured": "F1 measured on labelled frames",
    "tables": "that of the variants in tables, as measured elsewhere",
    "top-1": "the share of right first guesses",
    "unknown": "not known",
}


def grouped(runs: Sequence[Run]) -> list[RunGroup]:
    """Runs that differ by their seed alone become one group, in the order of their coming."""
    groups: list[tuple[Any, list[Run]]] = []
    for run in runs:
        made = _made(run)
        for known, members in groups:
            if run.seed is not None and known == made and run.seed not in {member.seed for member in members}:
                members.append(run)
                break
        else:
            groups.append((made, [run]))
    return [RunGroup(_label([run.name for run in members]), tuple(members)) for _, members in groups]


def changes(base: RunGroup, other: RunGroup) -> list[tuple[str, str, str]]:
    """What differs in how the runs were made: (key, one, other), first what both have. Things of a list are
    told together."""
    one, two = ({**_values(_made(group.runs[0])), "seed": _seeds(group)} for group in (base, other))
    told = [(path, one.get(path, NOTHING), two.get(path, NOTHING)) for path in sorted(one.keys() | two.keys())]
    apart = [(path, before, after) for path, before, after in told if before != after]
    return sorted(apart, key=lambda each: NOTHING in each[1:])  # first what both sides have


def not_comparable(base: RunGroup, other: RunGroup) -> str:
    """Why there is no difference in accuracy to tell, where both sides have one; else empty."""
    kinds = {base.accuracy, other.accuracy}
    if len(kinds) == 1 or "unknown" in kinds:
        return ""
    return (
        f"Accuracy is not compared: that of {base.label} is {ACCURACY_IS[base.accuracy]}, that of {other.label} is "
        f"{ACCURACY_IS[other.accuracy]}."
    )


class DifferenceRow(NamedTuple):
    """A difference as it is shown: `−0.42 points`, `−0.61 to −0.20`, `better`."""

    name: str
    value: str
    interval: str
    verdict: str


def difference_rows(found: dict[str, Estimate]) -> list[DifferenceRow]:
    """The differences that there are, metric by metric."""
    rows = []
    for key, metric in METRICS.items():
        estimate = found[key]
        if math.isnan(estimate.value):
            continue
        unit = "points" if metric.unit == "%" else metric.unit
        value = f"{shown(metric, estimate.value, sign=True)} {unit}".rstrip()
        interval = shown_interval(metric, estimate, sign=True)
        rows.append(DifferenceRow(metric.name, value, interval, verdict(metric, estimate)))
    return rows


def verdict(metric: Metric, difference: Estimate) -> str:
    """What a difference comes to: `unclear` where its interval holds 0, `not judged` where it has none."""
    if difference.is_clear:
        return "better" if (difference.value < 0) == metric.lower_is_better else "worse"
    if difference.interval is not None:
        return "unclear"
    return "not judged" if difference.value else "the same"


def missed_shares(runs: Sequence[Run]) -> dict[str, float]:
    """Share of the captured frames that were not answered on time, by reason, largest first."""
    captured = sum(run.frames.outcomes.total() for run in runs)
    missed: Counter[str] = Counter()
    for run in runs:
        for (_, _, reason), frames in run.frames.misses.items():
            missed[reason] += frames
    return {reason: frames / captured for reason, frames in missed.most_common()}


def told_f1(group: RunGroup, key: str) -> str:
    """What is to be added to an F1 that nobody measured in this run; empty for all else."""
    return " (tables)" if key in F1_METRICS and group.accuracy == "tables" else ""


def plain(reason: str) -> str:
    """`no_answer` -> `no answer`."""
    return reason.replace("_", " ")


def shown(metric: Metric, value: float, *, sign: bool = False) -> str:
    """A value in the metric's unit and digits, without the unit."""
    if math.isnan(value):
        return NOTHING
    rounded = round(metric.scale * value, metric.digits) or 0.0  # no minus zero
    text = f"{rounded:{'+' if sign and rounded else ''}.{metric.digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def shown_interval(metric: Metric, estimate: Estimate, *, sign: bool = False) -> str:
    """The interval as `low to high`; empty when there is none."""
    if estimate.interval is None:
        return ""
    return " to ".join(shown(metric, end, sign=sign) for end in estimate.interval)


def _made(run: Run) -> dict[str, Any]:
    """How a run was made, but for its seed and the folder that it wrote to."""
    info = run.info
    made = {key: info.get(key) for key in ("mode", "devices", "profile", "versions", "machine")}
    return {"configuration": _without(run.config), **made}


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in APART}
    return [_without(inner) for inner in value] if isinstance(value, list) else value


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path and path != "configuration" else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, _text(value)


def _values(value: Any) -> dict[str, str]:
    """The different values at each path, whatever their number and place in lists."""
    found: dict[str, set[str]] = {}
    for path, text in _leaves(value):
        found.setdefault(path, set()).add(text)
    return {path: textwrap.shorten(", ".join(sorted(texts)), LONGEST_VALUE) for path, texts in found.items()}


def _seeds(group: RunGroup) -> str:
    return ", ".join(sorted({_text(run.seed) for run in group.runs}))


def _text(value: Any) -> str:
    return NOTHING if value is None else str(value)


def _label(names: Sequence[str]) -> str:
    """One name for all: what they begin with, or the first."""
    if len(names) == 1:
        return names[0]
    same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    common = "".join(letters[0] for letters in same).rstrip("-_ .")
    return f"{common if len(common) > 2 else names[0]} ({len(names)} seeds)"
