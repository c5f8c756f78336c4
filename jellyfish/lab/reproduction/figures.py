"""The figures of a matrix: misses and accuracy by clients, latency, sizes over time, and the variants themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from jellyfish.lab.reproduction.outcome import SHARE_EDGES, CellResult
from jellyfish.lab.reproduction.policies import NAMES, OURS
from jellyfish.lab.reproduction.tables import PUBLISHED, Total, policies_of, traces_of
from jellyfish.lab.simulation.model import load_model
from jellyfish.report.style import GREY, RUN_COLOURS, RUN_DASHES, Canvas, Picture

COLOURS, DASHES, MARKERS = (*RUN_COLOURS, GREY), (*RUN_DASHES, ":"), "osD^vXP*"
"""One of each per policy."""
LEAST_SHOWN_PERCENT = 0.01
"""Everything below is drawn here: a logarithmic axis has no zero."""
SHOWN_OVER_TIME = (OURS, PUBLISHED, "oracle")


def figures(results: Sequence[CellResult]) -> list[Picture]:
    """All of them, for the policies and traces that were run."""
    return [
        _by_clients(results, "miss-rate", "Frames missed", "missed (%), log", _miss_percent),
        _by_clients(
            results, "accuracy", "Accuracy of the frames answered on time", "F1", lambda total: total.f1_on_time
        ),
        _by_clients(results, "accuracy-offered", "Accuracy over all frames", "F1", lambda total: total.f1_offered),
        _latency(results),
        _over_time(results),
        _profiles(results),
    ]


def _line_of(policy: str) -> dict[str, Any]:
    number = NAMES.index(policy)
    return {"color": COLOURS[number], "linestyle": DASHES[number], "label": policy}


def _miss_percent(total: Total) -> float:
    return max(LEAST_SHOWN_PERCENT, 100 * total.miss_rate)


def _by_clients(
    results: Sequence[CellResult], name: str, title: str, unit: str, value: Callable[[Total], float]
) -> Picture:
    """A panel per SLO and trace; a line per policy over the number of clients, frame rates together."""
    slos_ms = sorted({result.cell.slo_ms for result in results})
    traces, policies = traces_of(results), policies_of(results)
    counts = sorted({result.cell.clients for result in results})
    canvas = Canvas(title, len(slos_ms), 1.2 + 2.1 * len(slos_ms), columns=max(2, len(traces)), sharey="all")
    panels = np.array(canvas.axes).reshape(len(slos_ms), -1)
    for row, slo_ms in enumerate(slos_ms):
        for column, trace in enumerate(traces):
            axes = panels[row, column]
            here = [result for result in results if (result.cell.slo_ms, result.cell.trace) == (slo_ms, trace)]
            for policy in policies:
                own = [result for result in here if result.cell.policy == policy]
                totals = [Total(result for result in own if result.cell.clients == count) for count in counts]
                marker = MARKERS[NAMES.index(policy)]
                axes.plot(
                    range(len(counts)), [value(total) for total in totals], marker=marker, ms=4, **_line_of(policy)
                )
            _label_panel(axes, f"{trace}, {slo_ms:g} ms", counts)
            if column == 0:
                axes.set_ylabel(unit)
        for axes in panels[row, len(traces) :]:
            axes.set_visible(False)
    for axes in panels[-1]:
        axes.set_xlabel("clients")
    if name == "miss-rate":
        canvas.axes[0].set_yscale("log")
        canvas.axes[0].yaxis.set_major_formatter(FuncFormatter(_percent))
    canvas.legend(columns=len(policies))
    return canvas.picture(name, f"{title}, by policy, number of clients, SLO (rows) and trace (columns).")


def _percent(value: float, _: int) -> str:
    return f"≤{LEAST_SHOWN_PERCENT:g}" if value <= LEAST_SHOWN_PERCENT else f"{value:g}"


def _label_panel(axes: Axes, title: str, counts: Sequence[int]) -> None:
    axes.set_title(title, fontweight="normal", fontsize=9)
    axes.set_xticks(range(len(counts)), [str(count) for count in counts])


def _latency(results: Sequence[CellResult]) -> Picture:
    """Share of the captured frames that were answered within so much of the SLO, a panel per trace."""
    traces = traces_of(results)
    canvas = Canvas("Latency, end to end", 1, 3.2, columns=max(2, len(traces)), sharey="all")
    for axes, trace in zip(canvas.axes, traces, strict=False):
        for policy in policies_of(results):
            own = [each for each in results if (each.cell.policy, each.cell.trace) == (policy, trace)]
            answered = np.sum([each.shares for each in own], axis=0)
            share = np.cumsum(answered) / sum(each.frames for each in own)
            axes.plot(SHARE_EDGES[1:], 100 * share[:-1], **_line_of(policy))
        axes.axvline(1.0, color=GREY, linestyle=":", linewidth=1.2)
        axes.set_title(trace, fontweight="normal", fontsize=9)
        axes.set_xlabel("capture to answer / SLO")
    for axes in canvas.axes[len(traces) :]:
        axes.set_visible(False)
    canvas.axes[0].set_ylabel("captured frames answered (%)")
    canvas.legend(columns=len(policies_of(results)))
    return canvas.picture("latency", "Latency as a share of the SLO, all cells of a trace together. Dotted: the SLO.")


def _over_time(results: Sequence[CellResult]) -> Picture:
    """For the middle of the matrix: uplink above, sizes that the networks saw below, a column per trace."""
    traces = traces_of(results)
    chosen = [_middle([result for result in results if result.cell.trace == trace]) for trace in traces]
    canvas = Canvas("Uplink and size over time", 2, 4.4, (2, 3), columns=max(2, len(traces)))
    panels = np.array(canvas.axes).reshape(2, -1)
    for column, runs in enumerate(chosen):
        above, below = panels[:, column]
        first = runs[0]
        rates = [np.nan if each is None else each for each in first.seconds.bandwidth_mbps]
        above.step(range(len(rates)), rates, where="post", color="black", linewidth=1.0)
        above.set_ylim(bottom=0)
        cell = first.cell
        above.set_title(
            f"{cell.trace}: {cell.clients} x {cell.fps:g} fps, {cell.slo_ms:g} ms", fontsize=9, fontweight="normal"
        )
        for run in runs:
            sizes = [np.nan if each is None else each for each in run.seconds.resolution]
            below.plot(range(len(sizes)), sizes, **_line_of(run.cell.policy) | {"linewidth": 1.1})
        below.set_xlabel("time (s)")
    for axes in panels[:, len(traces) :].ravel():
        axes.set_visible(False)
    panels[0, 0].set_ylabel("mean uplink (Mbit/s)")
    panels[1, 0].set_ylabel("mean size (pixels)")
    canvas.legend(columns=len(SHOWN_OVER_TIME))
    words = "Mean uplink of the cameras, and the mean size of their frames as the networks saw them, second by second."
    return canvas.picture("sizes-over-time", words)


def _middle(results: Sequence[CellResult]) -> list[CellResult]:
    """One run of each policy to be shown: the middle SLO, the lower rate, half of the clients."""
    slos, counts = sorted({each.cell.slo_ms for each in results}), sorted({each.cell.clients for each in results})
    slo_ms, clients = slos[len(slos) // 2], counts[len(counts) // 2]
    fps, seed = min(each.cell.fps for each in results), min(each.cell.seed for each in results)
    cells = {
        each.cell.policy: each
        for each in results
        if (each.cell.slo_ms, each.cell.clients, each.cell.fps, each.cell.seed) == (slo_ms, clients, fps, seed)
    }
    return [cells[policy] for policy in SHOWN_OVER_TIME if policy in cells] or list(cells.values())[:1]


def _profiles(results: Sequence[CellResult]) -> Picture:
    """The simulated device: latency by batch, and accuracy, of its variants."""
    model = load_model(results[0].scenario.devices[0].model)
    canvas = Canvas("The variants of the simulated device", 1, 3.2, columns=2)
    left, right = canvas.axes
    shown = model.variants[:: max(1, len(model.variants) // 4)]
    for number, variant in enumerate(shown):
        latency_ms = [1000 * seconds for seconds in model.profile.of(variant).p50_s]
        style: dict[str, Any] = {"color": RUN_COLOURS[number], "linestyle": RUN_DASHES[number]}
        left.plot(range(1, len(latency_ms) + 1), latency_ms, label=variant.name, **style)
    left.set_xlabel("batch")
    left.set_ylabel("median latency (ms)")
    sizes = [variant.resolution for variant in model.variants]
    right.plot(sizes, [model.accuracy(variant) for variant in model.variants], "o-", color="black", ms=4)
    right.set_xlabel("size (pixels)")
    right.set_ylabel("F1, relative to the largest")
    canvas.legend(columns=len(shown))
    return canvas.picture("profiles", f"Latency by batch and accuracy by size: {model.origin}.")
