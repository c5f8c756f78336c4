"""The report as one HTML page that needs nothing else: styles and figures are inside. Pure: text out of values.

Whatever comes out of a run's files is escaped.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from jellyfish import __version__
from jellyfish.report.compare import (
    NOTHING,
    changes,
    in_words,
    missed_shares,
    plain,
    reasons_in_words,
    shown,
    shown_interval,
    verdict,
)  # fmt: skip
from jellyfish.report.detail import by_attainment
from jellyfish.report.estimates import METRICS, Estimate, RunGroup, alike, differences, estimates
from jellyfish.report.reading import Run
from jellyfish.report.style import RUN_COLOURS, Picture
from jellyfish.report.tally import percentiles_ms
from jellyfish.results.reasons import REASONS

MOST_CLIENT_ROWS = 50

MEANINGS = {reason.value: meaning.words for reason, meaning in REASONS.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """One run shown by itself."""

    group: RunGroup
    run: Run
    pictures: tuple[Picture, ...]


def page(groups: Sequence[RunGroup], pictures: Sequence[Picture], details: Sequence[Detail]) -> str:
    """The whole page. `pictures` compare the groups, `details` show a run each."""
    title = " · ".join(group.label for group in groups)
    several = len(groups) > 1
    body = [
        f"<header><p class=kind>Jellyfish report</p><h1>{escape(title)}</h1></header>",
        _notes(groups),
        "<div class=top>",
        _section("Figures of merit", _headline(groups)),
        _section("In short", *map(_in_short, groups), *(_against(groups[0], other) for other in groups[1:])),
        "</div>",
        _section("Side by side" if several else "The run", _grid(pictures)),
        *(_detail(detail) for detail in details),
        _section("How to read this", _explanation(groups)),
        f"<footer>Made from result files alone by jellyfish {escape(__version__)}.</footer>",
    ]
    style = files("jellyfish.report").joinpath("page.css").read_text("utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Jellyfish report</title><style>{style}</style></head>\n"
        f"<body>{''.join(filter(None, body))}</body></html>\n"
    )


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>\n"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _notes(groups: Sequence[RunGroup]) -> str:
    """What must be known of the files, before anything else."""
    told = [f"{run.name}: {note}" for group in groups for run in group.runs for note in run.notes]
    return f"<aside><h2>Mind the files</h2>{_list(told)}</aside>" if told else ""


def _in_short(group: RunGroup) -> str:
    captured = sum(run.frames.outcomes.total() for run in group.runs)
    shares = missed_shares(group.runs)
    missed = round(sum(shares.values()) * captured)
    clients = max(run.frames.clients.rows for run in group.runs)
    seconds = sum(run.duration_s for run in group.runs)
    told = (
        f"{group.label}: {captured - missed} of {captured} frames of {clients} client{'s' * (clients != 1)} in "
        f"{seconds:.0f} s were answered on time."
    )
    if not missed:
        return _paragraph(f"{told} None missed.")
    reason, share = next(iter(shares.items()))
    meaning = f" ({MEANINGS[reason]})" if reason in MEANINGS else ""
    of_them = "all" if len(shares) == 1 else f"{round(share * captured)} of them"
    return _paragraph(f"{told} {missed} missed, {of_them} as “{plain(reason)}”{meaning}.")


def _against(base: RunGroup, other: RunGroup) -> str:
    found = differences(base, other)
    told = [in_words(base.label, other.label, found), reasons_in_words(base, other)]
    if not alike(base, other):
        told.append("They do not have the same seeds, clients and duration: a difference may be of the load.")
    apart = changes(base, other)
    made = f"Made differently: {'; '.join(apart)}." if apart else "run.json tells no difference in how they were made."
    return _paragraph(" ".join(filter(None, told))) + _paragraph(made) + _difference_table(base, other, found)


def _difference_table(base: RunGroup, other: RunGroup, found: dict[str, Estimate]) -> str:
    rows = []
    for key, metric in METRICS.items():
        estimate = found[key]
        if math.isnan(estimate.value):
            continue
        unit = "points" if metric.unit == "%" else metric.unit
        value = _value(
            f"{shown(metric, estimate.value, sign=True)} {unit}", shown_interval(metric, estimate, sign=True)
        )
        rows.append(f"<tr><th scope=row>{escape(metric.name)}</th>{value}<td>{verdict(metric, estimate)}</td></tr>")
    head = f"<tr><th></th><th>{escape(other.label)} minus {escape(base.label)}</th><th></th></tr>"
    return f"<div class=wide><table class=figures><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></div>"


def _headline(groups: Sequence[RunGroup]) -> str:
    head = "".join(
        f'<th scope=col><i style="background:{RUN_COLOURS[number]}"></i>{escape(group.label)}</th>'
        for number, group in enumerate(groups)
    )
    found = [estimates(group) for group in groups]
    rows = []
    for key, metric in METRICS.items():
        cells = [_value(shown(metric, one[key].value), shown_interval(metric, one[key])) for one in found]
        unit = f" <small>{escape(metric.unit)}</small>" if metric.unit else ""
        rows.append(f"<tr><th scope=row>{escape(metric.name)}{unit}</th>{''.join(cells)}</tr>")
    for name, values in _facts(groups).items():
        cells = [f"<td>{escape(value)}</td>" for value in values]
        rows.append(f"<tr class=fact><th scope=row>{escape(name)}</th>{''.join(cells)}</tr>")
    return (
        f"<div class=wide><table class=figures><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _value(value: str, interval: str) -> str:
    return f"<td><b>{value}</b>{f' <small>{interval}</small>' if interval else ''}</td>"


def _facts(groups: Sequence[RunGroup]) -> dict[str, list[str]]:
    """What was run, by group; rows about which nothing is known are left out."""
    facts = {
        "Captured frames": [str(sum(run.frames.outcomes.total() for run in group.runs)) for group in groups],
        "Clients": [_distinct(str(run.frames.clients.rows) for run in group.runs) for group in groups],
        "Duration": [_distinct(f"{run.duration_s:.0f} s" for run in group.runs) for group in groups],
        "Seed": [_distinct(str(run.seed) for run in group.runs if run.seed is not None) for group in groups],
        "Mode": [_distinct(_title(run) for run in group.runs) for group in groups],
        "Devices": [_devices(group.runs) for group in groups],
        "Started": [_started(group.runs[0]) for group in groups],
    }
    return {name: values for name, values in facts.items() if any(values)}


def _distinct(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, texts)))


def _started(run: Run) -> str:
    """`2026-01-31T12:00:05+00:00` -> to the minute."""
    return str(run.info.get("started", ""))[:16].replace("T", " ")


def _title(run: Run) -> str:
    return ": ".join(str(text) for text in (run.info.get("mode"), run.config.get("title")) if text)


def _devices(runs: Sequence[Run]) -> str:
    """Devices, and how busy they were (mean over the runs)."""
    busy: dict[str, list[float]] = {}
    for run in runs:
        measured = run.summary.get("devices")
        for name, figures in measured.items() if isinstance(measured, dict) else ():
            share = figures.get("busy_share") if isinstance(figures, dict) else None
            busy.setdefault(str(name), []).extend([share] if isinstance(share, int | float) else [])
    if busy:
        return ", ".join(
            f"{name} ({100 * sum(shares) / len(shares):.0f} % busy)" if shares else name
            for name, shares in busy.items()
        )
    named = runs[0].info.get("devices")
    return ", ".join(map(str, named)) if isinstance(named, list) else ""


def _grid(pictures: Sequence[Picture]) -> str:
    return f"<div class=grid>{''.join(map(_figure, pictures))}</div>"


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.svg).decode()
    return (
        f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{escape(f"{picture.title}. {picture.words}")}">'
        f"<figcaption>{escape(picture.words)}</figcaption></figure>"
    )


def _detail(detail: Detail) -> str:
    run, several = detail.run, len(detail.group.runs) > 1
    stands = f"The run of {detail.group.label} with the median miss rate stands for all." if several else ""
    return _section(f"{run.name} by itself", _paragraph(stands), _grid(detail.pictures), _clients(run))


def _clients(run: Run) -> str:
    order = by_attainment(run)
    rows = "".join(_client_row(run, row) for row in order[:MOST_CLIENT_ROWS])
    head = "<th>client</th><th>captured</th><th>on time %</th><th>p50</th><th>p95</th><th>p99 ms</th><th>missed as</th>"
    which = f" (the {MOST_CLIENT_ROWS} that missed most)" if len(order) > MOST_CLIENT_ROWS else ""
    table = f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    return (
        f"<details><summary>{len(order)} client{'s' * (len(order) != 1)} in numbers{which}</summary>{table}</details>"
    )


def _client_row(run: Run, row: int) -> str:
    name = run.frames.clients.listed[row]
    captured, on_time = (int(run.frames.over_time[key].values[row].sum()) for key in ("captured", "on_time"))
    p50, p95, p99 = percentiles_ms(run.frames.client_latency(row), (0.5, 0.95, 0.99)).tolist()
    missed = {reason: frames for (client, _, reason), frames in run.frames.misses.items() if client == name}
    told = ", ".join(f"{plain(reason)} {missed[reason]}" for reason in sorted(missed, key=lambda one: -missed[one])[:3])
    times = "".join(f"<td>{shown(METRICS['p50'], value)}</td>" for value in (p50, p95, p99))
    share = f"{100 * on_time / captured:.2f}" if captured else NOTHING
    return (
        f"<tr><th scope=row>{escape(name)}</th><td>{captured}</td><td>{share}</td>{times}<td>{escape(told)}</td></tr>"
    )


def _explanation(groups: Sequence[RunGroup]) -> str:
    kinds = {group.accuracy for group in groups}
    told = [
        "A miss is a captured frame that was not answered before its deadline, for whatever reason. Goodput is answers "
        "on time per second.",
        "Latency is from capture to answer on the client's clock, over answered frames, late ones included.",
        "Small figures are 95 % intervals: of blocks of time drawn again and again (bootstrap), as neighbouring frames "
        "share their fate; where three or more runs differ by their seed alone, of the spread between seeds (Student's "
        "t). Runs of the same seeds, clients and duration are compared block by block or seed by seed. A difference is "
        "unclear where its interval holds 0. No interval is told where nothing varied or a run is too short.",
    ]
    if "tables" in kinds:
        told.append("F1 in simulations is the mean of the variants' F1 as measured elsewhere: no network ran.")
    if "measured" in kinds:
        told.append("F1 is at IoU 0.5, from counts summed over frames; of all captured frames, a miss finds nothing.")
    if "unknown" in kinds:
        told.append("Where F1 is not told, frames were not labelled, or runs of one group know different kinds of it.")
    return _list(told)
