"""The table at the end of a run, for people. Turns a `Summary` into something that rich prints; computes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from jellyfish.results.accuracy import AccuracyFigures
from jellyfish.results.histogram import Percentiles
from jellyfish.results.planning import PlannerFigures
from jellyfish.results.summary import Figures, Summary

NOT_MEASURED = "not measured"
SHOWN_REASONS = 3
SHOWN_VARIANTS = 3
NOTHING = "-"
"""In the place of a figure that there is none of."""
TWO_VARIANTS = len("w100e2-448:50 w075e2-384:50")


def summary_table(summary: Summary, folder: Path | None) -> RenderableType:
    """The run's table, one row per client and a total, and where the rest of it is, if anywhere. Legible at 100
    columns."""
    headings = _accuracy_headings(summary.accuracy)
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    table.add_column("client", no_wrap=True, max_width=16)
    for heading in ("fps", "on\ntime\n%", "e2e ms\np50/p95/p99"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("missed because\n% of captured")
    table.add_column("variants\n% of on time", min_width=TWO_VARIANTS)
    for client, figures in summary.clients.items():
        table.add_row(Text(client), *_cells(figures, headings))
    table.add_section()
    table.add_row("all", *_cells(summary, headings), style="bold")
    accuracy = "" if headings else f" Accuracy {NOT_MEASURED}: no labels."
    busy = " The cameras were a bottleneck." if summary.emulation is not None and summary.emulation.bottleneck else ""
    bound = busy + _host(summary)
    words = f"{summary.offered} frames in {summary.duration_s:.0f} s.{accuracy}{bound}{_planning(summary.planner)}"
    told = [words] if folder is None else [f"{words} Everything else is in ", (str(folder), "bold")]
    return Group(table, Text(), Text.assemble(*told, overflow="fold"))


def what_is_left(summary: Summary, folder: Path) -> str:
    """Of a run that was stopped before its end, in a line."""
    return f"stopped; {summary.offered:,} frames in {folder}"


def _host(summary: Summary) -> str:
    """How busy the server's own machine was, where that cost frames."""
    if summary.host is None or not summary.host.binds:
        return ""
    busy = f"event loop {100 * summary.host.loop:.0f} %, decoders {100 * summary.host.decoders:.0f} % occupied"
    return (
        f" The host was a bottleneck ({busy}): {100 * summary.thinned_share:.1f} % of the frames were left out for it."
    )


def _planning(figures: PlannerFigures | None) -> str:
    """What planning took, and how restless it was."""
    if figures is None or figures.core_share is None or figures.changes_per_minute is None:
        return ""
    share, changes = 100 * figures.core_share, figures.changes_per_minute
    return f" Planning took {share:.1f} % of a core; {changes:.1f} changes of variant per client and minute."


def fusion_table(summary: Summary) -> Table:
    """A row per device: what went to the cloud, how late it answered, and how good answers are without and with it."""
    measure = "F1" if summary.accuracy.top1_offered is None else "top-1"
    table = Table(box=None, header_style="bold", padding=(0, 1), pad_edge=False)
    table.add_column("device", no_wrap=True, max_width=16)
    headings = (
        "sent\n%",
        "kbit/s",
        "cloud's answers\nlag in frames\np50/p95",
        f"{measure}\nlocal",
        f"{measure} cloud\ninstant",
        f"{measure} cloud\narrived",
        f"{measure}\nfused",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, told in (summary.fusion or {}).items():
        lag = "-" if told.lag_frames is None else f"{told.lag_frames.p50}/{told.lag_frames.p95}"
        f1 = (told.f1.local, told.f1.cloud_instant, told.f1.cloud_arrived, told.f1.fused)
        table.add_row(Text(name), f"{100 * told.sent_share:.1f}", f"{told.kbps:.0f}", lag, *map(_share, f1))
    return table


def _accuracy_headings(accuracy: AccuracyFigures) -> dict[str, str]:
    """Columns for what is known of the accuracy: heading -> key."""
    if accuracy.expected_offered is not None:
        return {"F1 of\ntables,\non time": "expected_on_time"}
    if accuracy.top1_offered is not None:
        return {"top-1\non\ntime": "top1_on_time", "top-1\nof all": "top1_offered"}
    if accuracy.f1_offered is not None:
        return {"F1\non\ntime": "f1_on_time", "F1\nstream": "streaming_f1"}
    return {}


def _cells(figures: Figures, headings: dict[str, str]) -> tuple[str, ...]:
    return (
        f"{figures.captured_fps:.2g}" if 0 < figures.captured_fps < 1 else f"{figures.captured_fps:.1f}",
        NOTHING if figures.slo_attainment is None else percent(figures.slo_attainment),
        latency(figures.e2e_ms),
        *(_share(getattr(figures.accuracy, key)) for key in headings.values()),
        _missed(figures),
        _variants(figures),
    )


def percent(share: float) -> str:
    """A share as a percentage that says 100 only when nothing is missing."""
    return "100" if share >= 1 else f"{min(100 * share, 99.99):.2f}"


def latency(e2e_ms: Percentiles | None) -> str:
    """p50/p95/p99 in milliseconds."""
    return "-" if e2e_ms is None else f"{e2e_ms.p50:.0f}/{e2e_ms.p95:.0f}/{e2e_ms.p99:.0f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _missed(figures: Figures) -> str:
    """The commonest reasons, in the words of the files, in percent of the captured frames."""
    reasons = list(figures.missed_by_reason.items())
    shown = reasons[:SHOWN_REASONS]
    if rest := sum(frames for _, frames in reasons[SHOWN_REASONS:]):
        shown.append(("other", rest))
    return _items((reason, _small_percent(frames / figures.offered)) for reason, frames in shown)


def _variants(figures: Figures) -> str:
    """The commonest variants, in percent of the on-time frames."""
    return _items((name, _small_percent(share)) for name, share in list(figures.variants.items())[:SHOWN_VARIANTS])


def _items(pairs: Iterable[tuple[str, str]]) -> str:
    """`name:number` each; without spaces inside, so that lines break between items only."""
    return " ".join(f"{name}:{number}" for name, number in pairs) or "-"


def _small_percent(share: float) -> str:
    percentage = 100 * share
    return "<0.1" if percentage < 0.1 else f"{percentage:.1f}" if percentage < 9.95 else f"{percentage:.0f}"
