"""How figures look: sizes, colours that the colour-blind can tell apart, and what they are saved as.

Figures are narrow, so that their text stays legible on a phone; a wide screen shows several side by side.
No pyplot: figures are made and dropped, without global state.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jellyfish.report.estimates import RunGroup

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#000000", "#777777"
"""Okabe and Ito's palette (Color Universal Design, 2008), and a grey."""
RUN_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
RUN_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1)), "-", (0, (1, 2)))
MOST_GROUPS = len(RUN_COLOURS)

WIDTH_IN = 4.8
WIDE_IN = 9.6
HEIGHT_IN = 3.2
PNG_DPI = 200
NO_FRAMES = "#E4E4E4"
LEAST_ACCURACY_SPAN = 0.25
"""Of axes that accuracy is drawn on: a hundredth is a small difference, and looks like one."""
_ONE_FAMILY = ("viridis", 0.0, 0.97)
_FAMILIES = (("Blues", 0.95, 0.35), ("Oranges", 0.95, 0.35), ("Greens", 0.95, 0.35), ("Purples", 0.95, 0.35))
"""(scale, its end for the smallest size, for the largest)."""
LONGEST_LABEL = 28

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",
    "text.parse_math": False,
    "svg.hashsalt": "jellyfish",
}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A finished figure. `words` say what to see in it, below it and to those who cannot see it."""

    name: str
    title: str
    words: str
    svg: bytes
    png: bytes


class Canvas:
    """A figure being drawn: draw on `canvas.axes`, row by row, then `picture`."""

    def __init__(
        self,
        title: str,
        rows: int = 1,
        height_in: float = HEIGHT_IN,
        ratios: tuple[int, ...] = (),
        columns: int = 1,
        sharey: Literal["all", "row", "none"] = "none",
    ) -> None:
        """Panels of one column share their x axis. With several columns the figure is wide, its title above them."""
        self._title = title
        with mpl.rc_context(_STYLE):
            width_in = WIDTH_IN if columns == 1 else WIDE_IN
            self._figure = Figure(figsize=(width_in, height_in), layout="constrained")
            panels = self._figure.subplots(
                rows, columns, sharex="col", sharey=sharey, squeeze=False, height_ratios=ratios or None
            )
            self.axes: list[Axes] = list(panels.ravel())
            if columns == 1:
                self.axes[0].set_title(title)
            else:
                self._figure.suptitle(title, fontsize=10.5, fontweight="bold", x=0.01, ha="left")

    def legend(self, columns: int = 2) -> None:
        """One legend below all panels, for what has a label; none where there is nothing to tell apart."""
        found = dict[str, Any]()
        for axes in self.axes:
            handles, labels = axes.get_legend_handles_labels()
            found |= dict(zip(labels, handles, strict=True))
        if len(found) > 1:
            with mpl.rc_context(_STYLE):
                self._figure.legend(list(found.values()), list(found), loc="outside lower center", ncols=columns)

    def colour_bar(self, image: Any, label: str) -> None:
        """A scale for the colours of `image`."""
        with mpl.rc_context(_STYLE):
            self._figure.colorbar(image, ax=self.axes, label=label, shrink=0.9, pad=0.02)

    def picture(self, name: str, words: str) -> Picture:
        """Save as SVG and PNG."""
        with mpl.rc_context(_STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # a name in letters that the font lacks: boxes will do
            svg, png = io.BytesIO(), io.BytesIO()
            self._figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
            self._figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
        return Picture(name, self._title, words, svg.getvalue(), png.getvalue())


def label(name: str) -> str:
    """A name out of a file as it may stand in a figure: short, printable, and not hidden for its underscore."""
    text = "".join(letter if letter.isprintable() else "?" for letter in name)
    text = text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"
    return f" {text}" if text.startswith("_") else text


def line_of(number: int) -> dict[str, Any]:
    """Colour and dashes of the group with this number."""
    return {"color": RUN_COLOURS[number], "linestyle": RUN_DASHES[number]}


def shades(variants: Sequence[str]) -> dict[str, Any]:
    """A colour for each variant. Sizes of one family are shades of one scale, from dark to light in the order given; a
    family is what has the same name but for its numbers."""
    families: dict[str, list[str]] = {}
    for name in variants:
        families.setdefault(re.sub(r"\d+", "", name), []).append(name)
    scales = (_ONE_FAMILY,) if len(families) == 1 else _FAMILIES
    found: dict[str, Any] = {}
    for number, names in enumerate(families.values()):
        scale, first, last = scales[number % len(scales)]
        for position, name in enumerate(names):
            found[name] = mpl.colormaps[scale](first + (last - first) * position / max(1, len(names) - 1))
    return found


def say_instead(axes: Axes, words: str) -> None:
    """Words in the place of a figure in which there would be nothing to see."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=13, color=GREEN)


def widen(axes: Axes, least_span: float, most: float = 1.0) -> None:
    """Have the y axis span at least so much, within 0 to `most`: what hardly changes must not look as if it did."""
    low, high = widened(*axes.get_ylim(), least_span, most)
    axes.set_ylim(low, high)


def widened(low: float, high: float, least_span: float, most: float = 1.0) -> tuple[float, float]:
    """(low, high) at least `least_span` apart, about the same middle, within 0 to `most` where they were."""
    missing = least_span - (high - low)
    if missing <= 0:
        return low, high
    bottom = min(max(low - missing / 2, 0.0), max(most, high) - least_span)
    return bottom, bottom + least_span


def time_axis(axes: Axes, groups: Sequence[RunGroup]) -> float:
    """Label the time axis; by how much seconds are to be divided."""
    longest_s = max(run.duration_s for group in groups for run in group.runs)
    unit, seconds = next(
        ((unit, seconds) for unit, seconds in (("h", 3600.0), ("min", 60.0)) if longest_s > 3 * seconds), ("s", 1.0)
    )
    axes.set_xlabel(f"time since the run's start ({unit})")
    axes.set_xlim(0, longest_s / seconds)
    return seconds
