"""Figures in which all runs lie over one another: latency, misses, attainment, accuracy, planner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from jellyfish.report.bins import Floats
from jellyfish.report.compare import missed_shares, plain
from jellyfish.report.estimates import MEASURES, RunGroup
from jellyfish.report.series import TimeSeries, joined
from jellyfish.report.style import (
    GREY,
    LEAST_ACCURACY_SPAN,
    Canvas,
    Picture,
    label,
    line_of,
    say_instead,
    time_axis,
    widen,
)  # fmt: skip
from jellyfish.report.tally import duration_edges_ms, sums_of

SHOWN_REASONS = 8


def comparing(groups: Sequence[RunGroup]) -> list[Picture]:
    """The figures for which there is something to show, in the order of reading."""
    drawn = [_latency(groups), _latency_tail(groups), _misses(groups), _attainment(groups)]
    if any(group.accuracy != "unknown" for group in groups):
        drawn.append(_accuracy(groups))
    if any(run.windows.windows for group in groups for run in group.runs):
        drawn += [_planner_time(groups), _objective(groups)]
    return drawn


def _latency(groups: Sequence[RunGroup]) -> Picture:
    canvas = Canvas("Latency, end to end")
    axes = canvas.axes[0]
    longest_ms = 0.0
    for number, group in enumerate(groups):
        edges_ms, share = _answered_within(group)
        axes.plot(edges_ms, 100 * share, label=label(group.label), **line_of(number))
        longest_ms = max(longest_ms, float(edges_ms[np.searchsorted(share, 0.995 * share[-1])]))
    longest_ms = max(longest_ms, *_mark_deadlines(axes, groups))
    axes.set_xlim(0, 1.1 * longest_ms)
    axes.set_ylim(0, 101)
    axes.set_xlabel("from capture to answer (ms)")
    axes.set_ylabel("captured frames answered (%)")
    canvas.legend()
    words = (
        "Share of all captured frames that were answered within so many milliseconds; what was never answered keeps "
    )
    return canvas.picture("latency", words + "the curve below 100 %. Dotted: the deadlines.")


def _latency_tail(groups: Sequence[RunGroup]) -> Picture:
    canvas = Canvas("Latency, the slowest frames")
    axes = canvas.axes[0]
    longest_ms = 0.0
    for number, group in enumerate(groups):
        edges_ms, share = _answered_within(group)
        left = 100 * (1 - share)
        captured = sum(run.frames.outcomes.total() for run in group.runs)
        shown = left >= 50 / captured  # half a frame: no logarithm of nothing
        axes.plot(edges_ms[shown], left[shown], label=label(group.label), **line_of(number))
        longest_ms = max(longest_ms, float(edges_ms[np.searchsorted(share, share[-1])]))
    axes.set_xlim(0, 1.1 * max(longest_ms, *_mark_deadlines(axes, groups)))
    axes.set_yscale("log")
    axes.set_ylim(top=130)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("from capture to answer (ms)")
    axes.set_ylabel("not answered yet (%), log")
    canvas.legend()
    words = "The same from above, so that one frame in a thousand can be seen: the captured frames still without an "
    more = "answer after so many milliseconds. Lower is better; a flat end was never answered."
    return canvas.picture("latency-tail", words + more)


def _misses(groups: Sequence[RunGroup]) -> Picture:
    shares = [missed_shares(group.runs) for group in groups]
    total = {reason: sum(share.get(reason, 0.0) for share in shares) for share in shares for reason in share}
    reasons = sorted(total, key=lambda reason: -total[reason])[:SHOWN_REASONS]
    canvas = Canvas(
        "Why frames missed", height_in=max(2.2, 1.2 + 0.26 * len(groups) * len(reasons)) if reasons else 1.4
    )
    axes = canvas.axes[0]
    height = 0.8 / len(groups)
    for number, (group, share) in enumerate(zip(groups, shares, strict=True)):
        values = [100 * share.get(reason, 0.0) for reason in reasons]
        places = [row + (number - (len(groups) - 1) / 2) * height for row in range(len(reasons))]
        bars = axes.barh(places, values, 0.9 * height, color=line_of(number)["color"], label=label(group.label))
        axes.bar_label(bars, [_percentage(value) for value in values], padding=3)
    axes.set_yticks(range(len(reasons)), [label(plain(reason)) for reason in reasons])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.16)
    axes.set_xlabel("frames not answered on time (% of captured)")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    if not reasons:
        say_instead(axes, "none missed")
    canvas.legend()
    return canvas.picture("misses", "Frames without an answer on time, by reason, as a share of all captured frames.")


def _percentage(value: float) -> str:
    return "0" if value == 0 else f"{value:.2f}" if value >= 0.005 else "<0.01"


def _attainment(groups: Sequence[RunGroup]) -> Picture:
    canvas = Canvas("On-time frames over time")
    lowest = _over_time(canvas.axes[0], groups, lambda series: 100 * series.attainment_of_all())
    canvas.axes[0].set_ylim(max(0.0, min(90.0, lowest - 5)), 101)
    canvas.axes[0].set_ylabel("on time (% of captured)")
    canvas.legend()
    words = "Share of the frames captured at each time that were answered before their deadline, over all clients."
    return canvas.picture("attainment", words)


ACCURACY_IN_WORDS = {
    "measured": "F1 at IoU 0.5 of the frames answered on time, over all clients.",
    "tables": "The mean over the frames answered on time of their variants' F1 as measured elsewhere (no network ran).",
    "top-1": "Share of the frames answered on time whose likeliest class is that of their largest object.",
}


def _accuracy(groups: Sequence[RunGroup]) -> Picture:
    measure = _measure(groups)
    canvas = Canvas(f"{measure} over time")
    _over_time(canvas.axes[0], groups, lambda series: series.accurate_of_all(), marked=True)
    canvas.axes[0].set_ylabel(f"{measure} of on-time frames")
    widen(canvas.axes[0], LEAST_ACCURACY_SPAN)
    canvas.legend()
    kinds = [kind for kind in ACCURACY_IN_WORDS if any(group.accuracy == kind for group in groups)]
    first, *others = (ACCURACY_IN_WORDS[kind] for kind in kinds)
    marked = [f"Marked ({kind}): {words[0].lower()}{words[1:]}" for kind, words in zip(kinds[1:], others, strict=True)]
    return canvas.picture("accuracy", " ".join([first, *marked, "They cannot be compared." if others else ""]).strip())


def _measure(groups: Sequence[RunGroup]) -> str:
    """What accuracy is called, where it is the same in all of them that know one."""
    known = {MEASURES[group.accuracy] for group in groups if group.accuracy != "unknown"}
    return known.pop() if len(known) == 1 else MEASURES["unknown"]


def _planner_time(groups: Sequence[RunGroup]) -> Picture:
    canvas = Canvas("Planner time")
    axes = canvas.axes[0]
    longest_ms = _over_time(axes, groups, lambda series: series.window("solve_ms"), highest=True)
    axes.set_ylim(0, 1.15 * longest_ms or 1)
    axes.set_ylabel("mean time to plan (ms)")
    if longest_ms == 0:
        axes.text(0.5, 0.5, "0 ms: planning takes no virtual time", transform=axes.transAxes, ha="center", color=GREY)
    canvas.legend()
    words = "How long the planner took, mean over the windows of each step of time, those without a solve included."
    return canvas.picture("planner-time", words)


def _objective(groups: Sequence[RunGroup]) -> Picture:
    canvas = Canvas("What the planner planned", rows=2, height_in=4.2, ratios=(3, 2))
    _over_time(canvas.axes[0], groups, lambda series: series.window("accuracy"))
    canvas.axes[0].set_ylabel(f"planned accuracy ({_measure(groups)})")
    widen(canvas.axes[0], LEAST_ACCURACY_SPAN)
    canvas.axes[0].set_xlabel("")
    _over_time(canvas.axes[1], groups, lambda series: 100 * series.window("mapped") / series.window("mappable"))
    canvas.axes[1].set_ylabel("served (%)")
    canvas.axes[1].set_ylim(-3, 105)
    canvas.axes[1].yaxis.set_major_formatter(PercentFormatter(decimals=0, symbol=""))
    canvas.legend()
    words = (
        "Above: the planner's objective, the rate-weighted mean accuracy over the clients that it could serve. Below: "
    )
    return canvas.picture("objective", words + "how many of those clients its plan served.")


def _over_time(
    axes: Axes,
    groups: Sequence[RunGroup],
    values_of: Callable[[TimeSeries], Floats],
    *,
    highest: bool = False,
    marked: bool = False,
) -> float:
    """A line for each run, one colour for each group; the lowest (or highest) value.

    `marked`: say whose accuracy is of which kind.
    """
    seconds = time_axis(axes, groups)
    seen = []
    for number, group in enumerate(groups):
        style = line_of(number) | {"linewidth": 1.0 if len(group.runs) > 1 else 1.6}
        mark = f" ({group.accuracy})" if group.accuracy not in ("measured", "unknown") else ""
        for position, run in enumerate(group.runs):
            series = TimeSeries(run)
            with np.errstate(invalid="ignore", divide="ignore"):
                values = values_of(series)
            style["label"] = label(group.label) + (mark if marked else "") if position == 0 else None
            axes.plot(*joined(series.middles_s / seconds, values), marker="." if len(values) < 3 else "", **style)
            seen.append(values[~np.isnan(values)])
    all_seen = np.concatenate(seen)
    if not all_seen.size:
        return 0.0
    return float(all_seen.max() if highest else all_seen.min())


def _answered_within(group: RunGroup) -> tuple[Floats, Floats]:
    """Milliseconds and the share of the captured frames of all runs that were answered within them."""
    answered = sum(sums_of(run.frames.latency, 1)[0].sum(axis=0) for run in group.runs)
    captured = sum(run.frames.outcomes.total() for run in group.runs)
    return duration_edges_ms(), np.cumsum(answered) / captured


def _mark_deadlines(axes: Axes, groups: Sequence[RunGroup]) -> list[float]:
    deadlines = sorted({ms for group in groups for run in group.runs for ms in run.frames.deadlines_ms})
    for deadline_ms in deadlines:
        axes.axvline(deadline_ms, color=GREY, linestyle=":", linewidth=1.2)
    return deadlines or [1.0]
