"""`jellyfish trace`: what the program knows by itself, what a trace is like, and traces of one's own."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from jellyfish.errors import InputError
from jellyfish.link.files import read_trace, save_trace
from jellyfish.link.statistics import LOW_MBPS, OUTAGE_MBPS, TraceStatistics, per_second, statistics_of
from jellyfish.link.synthetic import KNOWN, resolve_trace
from jellyfish.link.trace import BandwidthTrace
from jellyfish.link.wanted import Wanted, wanted_trace
from jellyfish.whole_files import written_whole

FORMS = {
    "csv": "CSV",
    "rates": "one rate in Mbit/s per line",
    "packets": "mahimahi packet times, counted in steps of 100 ms",
}


def show_known(console: Console) -> None:
    """Print the traces that have a name, with the statistics of those of seed 0."""
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    for heading in ("name", "mean\nMbit/s", "5 %\nMbit/s", "longest\noutage s", "what it is"):
        table.add_column(heading, justify="left" if heading in ("name", "what it is") else "right")
    for name, words in KNOWN.items():
        trace = resolve_trace(name, seed=0)
        if trace is not None:
            told = statistics_of(trace)
            numbers = (told.mean_mbps, told.percentiles_mbps[5], told.longest_outage_s)
            table.add_row(name, *(f"{number:.1f}" for number in numbers), words)
    table.add_row("10mbps", "10.0", "10.0", "0.0", "always this rate; any other, with its unit")
    table.add_row("none", "", "", "", "a link that is not shaped")
    console.print(table)
    console.print("\nOr the path of a file: CSV `time_s,mbps`, one rate in Mbit/s per line, mahimahi packet times.")


def show(text: str, seed: int, plot: Path | None, console: Console) -> None:
    """Print the statistics of the trace of that name or file, and draw it if asked to."""
    trace = resolve_trace(text, seed)
    if trace is None:
        raise InputError("trace none: a link that is not shaped has nothing to show")
    form = f" ({FORMS[read_trace(Path(text))[0]]})" if Path(text).is_file() else ""
    if plot is not None:
        draw(trace, plot)
    _print_statistics(f"{text}{form}", statistics_of(trace), console)
    if plot is not None:
        console.print(f"drawn: {plot}", soft_wrap=True, markup=False)


def make(kind: str, file: Path, seed: int, duration_s: float, wanted: Wanted, console: Console) -> None:
    """Write a trace of a kind as CSV, and print what it is like."""
    trace = wanted_trace(kind, seed, duration_s, wanted)
    save_trace(trace, file)
    _print_statistics(str(file), statistics_of(trace), console)


def draw(trace: BandwidthTrace, path: Path) -> None:
    """Draw one round of `trace` into a PNG file: the mean rate of each second, outages marked.

    Raises `InputError` for another kind of file, or one that cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"{path}: a plot is a PNG file; give a name that ends in .png")
    from matplotlib.figure import Figure  # seconds to import; a Figure of one's own draws on Agg, without a display

    mbps = per_second(trace)
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.stairs(mbps, linewidth=1)
    down = (mbps < OUTAGE_MBPS).astype(float)
    axes.stairs(down, fill=True, color="tab:red", alpha=0.3, transform=axes.get_xaxis_transform())
    axes.set(title=trace.name, xlabel="s", ylabel="Mbit/s", xlim=(0, len(mbps)), ylim=(0, None))
    try:
        with written_whole(path) as place:
            figure.savefig(place, dpi=120)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _print_statistics(title: str, told: TraceStatistics, console: Console) -> None:
    correlation = "-" if told.autocorrelation is None else f"{told.autocorrelation:.2f}"
    lines = {
        "duration": f"{told.duration_s:g} s, then it repeats",
        "mean": f"{told.mean_mbps:.2f} Mbit/s",
        "coefficient of variation": f"{told.variation:.2f}",
        "autocorrelation": f"{correlation} (one second with the next)",
        "percentiles": "  ".join(f"{percent} %: {mbps:.1f}" for percent, mbps in told.percentiles_mbps.items()),
        f"below {LOW_MBPS:g} Mbit/s": f"{100 * told.low_share:.1f} % of the seconds",
        f"below {OUTAGE_MBPS:g} Mbit/s": f"{told.outages} times, at longest {told.longest_outage_s:g} s",
    }
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for name, value in lines.items():
        table.add_row(name, value)
    console.print(title, style="bold", markup=False, soft_wrap=True)
    console.print(table)
