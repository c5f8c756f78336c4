"""Maps of one run: a line for each client, time across, as colours."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from jellyfish.report.bins import Floats
from jellyfish.report.estimates import MEASURES, RunGroup
from jellyfish.report.series import TimeSeries
from jellyfish.report.style import (
    LEAST_ACCURACY_SPAN,
    NO_FRAMES,
    Canvas,
    Picture,
    label,
    say_instead,
    time_axis,
    widened,
)  # fmt: skip

MOST_CLIENTS_NAMED = 20
LEAST_COLOURED = 90.0
"""The scale of on-time frames goes at least from there to 100 %."""
COLOURS = mpl.colormaps["cividis"]


def attainment_map(series: TimeSeries, order: list[int]) -> Picture:
    """Which client missed frames, and when; words where none did. `order`: the clients' rows from the top."""
    words = "Each line is a client, the one that missed most at the top; grey: it captured no frame."
    values = 100 * series.attainment()
    known = values[~np.isnan(values)]
    lowest = float(known.min()) if known.size else 100.0
    if lowest >= 100:
        return _none_missed(len(order))
    canvas = Canvas("On-time frames per client", height_in=_map_height_in(order))
    _map(canvas, series, values, order, (min(lowest, LEAST_COLOURED), 100.0), "on time (% of captured)")
    return canvas.picture("client-attainment", words)


def _none_missed(clients: int) -> Picture:
    canvas = Canvas("On-time frames per client", height_in=1.4)
    say_instead(canvas.axes[0], "none missed")
    whose = "the client's" if clients == 1 else f"each of the {clients} clients'"
    return canvas.picture("client-attainment", f"All of {whose} frames were answered on time, all of the time.")


def accuracy_map(series: TimeSeries, order: list[int]) -> Picture:
    """How good the answers to each client were, over time."""
    words = (
        "Each line is a client, in the order of the figure before; grey: no frame answered on time, or none labelled."
    )
    values, measure = series.accurate(), MEASURES[series.accuracy]
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    canvas = Canvas(f"{measure} per client", height_in=_map_height_in(order))
    _map(canvas, series, values, order, widened(low, high, LEAST_ACCURACY_SPAN), f"{measure} of on-time frames")
    return canvas.picture("client-accuracy", words)


def _map_height_in(order: list[int]) -> float:
    return 1.6 + min(3.6, max(1.2, 0.2 * len(order)))


def _map(
    canvas: Canvas, series: TimeSeries, values: Floats, order: list[int], scale: tuple[float, float], name: str
) -> None:
    """Colours for clients (down) over time (across), on a `scale` of that name."""
    axes = canvas.axes[0]
    seconds = time_axis(axes, [RunGroup("", (series.run,))])
    image = axes.pcolormesh(
        series.edges_s / seconds, np.arange(len(order) + 1) - 0.5, np.ma.masked_invalid(values[order]), cmap=COLOURS,
        vmin=scale[0], vmax=scale[1], rasterized=True,
    )  # fmt: skip
    axes.set_facecolor(NO_FRAMES)
    axes.grid(visible=False)
    axes.invert_yaxis()
    if len(order) <= MOST_CLIENTS_NAMED:
        axes.set_yticks(range(len(order)), [label(series.run.frames.clients.listed[row]) for row in order])
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(order)} clients")
    canvas.colour_bar(image, name)
