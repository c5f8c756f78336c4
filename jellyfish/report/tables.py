"""The tables of the page, as HTML: what was run, figures, differences, reasons, clients. Pure.

Whatever comes out of a run's files is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from jellyfish.report.compare import (
    NOTHING,
    changes,
    difference_rows,
    missed_shares,
    not_comparable,
    plain,
    shown,
    shown_interval,
    told_f1,
)
from jellyfish.report.detail import by_attainment
from jellyfish.report.estimates import METRICS, RunGroup, alike, differences, estimates, metrics_of
from jellyfish.report.facts import facts
from jellyfish.report.reading import Run
from jellyfish.report.style import RUN_COLOURS
from jellyfish.report.tally import percentiles_ms

MOST_CLIENT_ROWS = 50
MOST_CHANGES = 16
SHOWN_REASONS = 10


def facts_table(groups: Sequence[RunGroup]) -> str:
    """What was run; where all groups agree, it is said once."""
    rows = []
    for name, values in facts(groups).items():
        if len(set(values)) == 1:
            cells = [f"<td class=words colspan={len(values)}>{escape(values[0])}</td>"]
        else:
            cells = [f"<td class=words>{escape(value)}</td>" for value in values]
        rows.append(_row(name, cells))
    head = f"<tr><td></td>{_group_heads(groups)}</tr>" if len(groups) > 1 else ""
    return _table(head, "".join(rows), "facts")


def headline(groups: Sequence[RunGroup]) -> str:
    """The figures of merit with their intervals."""
    found = [estimates(group) for group in groups]
    rows = []
    for key, metric in metrics_of(found).items():
        cells = [
            _value(shown(metric, one[key].value), shown_interval(metric, one[key]), told_f1(group, key))
            for group, one in zip(groups, found, strict=True)
        ]
        rows.append(_row(metric.name, cells, metric.unit))
    for name, unit, values in _planning(groups):
        rows.append(_row(name, [_value(value, "") for value in values], unit))
    return _table(f"<tr><td></td>{_group_heads(groups)}</tr>", "".join(rows), "figures")


def _planning(groups: Sequence[RunGroup]) -> Iterator[tuple[str, str, list[str]]]:
    """Rows of what planning took and how restless it was, of the run that stands for each group."""
    runs = [group.median_run for group in groups]
    solves = [run.windows.solve() for run in runs]
    if any(solve is not None and solve.max > 0 for solve in solves):
        told = [
            NOTHING if one is None else " / ".join(map(_three_digits, (one.p50, one.p99, one.max))) for one in solves
        ]
        yield "Planner time, p50 / p99 / longest", "ms", told
    changes_of = [
        planner.get("changes_per_minute") if isinstance(planner := run.summary.get("planner"), dict) else None
        for run in runs
    ]
    if any(isinstance(each, int | float) for each in changes_of):
        told = [f"{each:.3g}" if isinstance(each, int | float) else NOTHING for each in changes_of]
        yield "Changes of variant", "per client and minute", told


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def missed_because(groups: Sequence[RunGroup], meanings: Mapping[str, str]) -> str:
    """A row for each reason, what it means, and how many frames of each group it cost."""
    shares = [missed_shares(group.runs) for group in groups]
    captured = [sum(run.frames.outcomes.total() for run in group.runs) for group in groups]
    total = {reason: sum(share.get(reason, 0.0) for share in shares) for share in shares for reason in share}
    if not total:
        return paragraph("None missed: every captured frame was answered before its deadline.")
    on_time = (_frames(1 - sum(share.values()), frames) for share, frames in zip(shares, captured, strict=True))
    rows = [_row("on time", [*on_time, "<td></td>"])]
    for reason in sorted(total, key=lambda reason: -total[reason])[:SHOWN_REASONS]:
        cells = "".join(_frames(share.get(reason, 0.0), frames) for share, frames in zip(shares, captured, strict=True))
        meaning = escape(meanings.get(reason, ""))
        rows.append(f"<tr><th scope=row>{escape(plain(reason))}</th>{cells}<td class=words>{meaning}</td></tr>")
    head = f"<tr><th scope=col>Frames</th>{_group_heads(groups)}<td></td></tr>"
    return _table(head, "".join(rows), "figures reasons")


def _frames(share: float, captured: int) -> str:
    return f"<td>{round(share * captured)} <small>{100 * share:.2f} %</small></td>" if share else "<td>0</td>"


def against(base: RunGroup, other: RunGroup) -> str:
    """What came differently, and what was made differently."""
    told = [not_comparable(base, other)]
    if not alike(base, other):
        told.append("They do not have the same seeds, clients and duration: a difference may be of the load.")
    apart = changes(base, other)
    if not apart:
        told.append("run.json tells no difference in how they were made.")
    return _difference_table(base, other) + "".join(map(paragraph, told)) + _change_table(base, other, apart)


def _difference_table(base: RunGroup, other: RunGroup) -> str:
    rows = "".join(
        f"<tr><th scope=row>{escape(row.name)}</th>{_value(row.value, row.interval)}<td>{row.verdict}</td></tr>"
        for row in difference_rows(differences(base, other))
    )
    head = f"<tr><td></td><th>{escape(other.label)} minus {escape(base.label)}</th><th></th></tr>"
    return _table(head, rows, "figures")


def _change_table(base: RunGroup, other: RunGroup, apart: Sequence[tuple[str, str, str]]) -> str:
    if not apart:
        return ""
    rows = "".join(
        f"<tr><th scope=row>{escape(key)}</th><td class=words>{escape(one)}</td><td class=words>{escape(two)}</td></tr>"
        for key, one, two in apart[:MOST_CHANGES]
    )
    head = f"<tr><th scope=col>Made differently</th><th>{escape(base.label)}</th><th>{escape(other.label)}</th></tr>"
    more = len(apart) - MOST_CHANGES
    return _table(head, rows, "facts") + paragraph(f"and {more} more, see run.json" if more > 0 else "")


def clients_table(run: Run) -> str:
    """The clients in numbers, the one that missed most first, to be folded away."""
    order = by_attainment(run)
    rows = "".join(_client_row(run, row) for row in order[:MOST_CLIENT_ROWS])
    head = "<th>client</th><th>captured</th><th>on time %</th><th>p50</th><th>p95</th><th>p99 ms</th><th>missed as</th>"
    which = f" (the {MOST_CLIENT_ROWS} that missed most)" if len(order) > MOST_CLIENT_ROWS else ""
    table = f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    return (
        f"<details open><summary>{len(order)} client{'s' * (len(order) != 1)} in numbers{which}</summary>{table}"
        "</details>"
    )


def _client_row(run: Run, row: int) -> str:
    name = run.frames.clients.listed[row]
    captured, on_time = (int(run.frames.over_time[key].values[row].sum()) for key in ("captured", "on_time"))
    p50, p95, p99 = percentiles_ms(run.frames.client_latency(row), (0.5, 0.95, 0.99)).tolist()
    missed = run.frames.missed_by_reason(name).most_common(3)
    told = ", ".join(f"{plain(reason)} {frames}" for reason, frames in missed)
    times = "".join(f"<td>{shown(METRICS['p50'], value)}</td>" for value in (p50, p95, p99))
    share = f"{100 * on_time / captured:.2f}" if captured else NOTHING
    return (
        f"<tr><th scope=row>{escape(name)}</th><td>{captured}</td><td>{share}</td>{times}<td>{escape(told)}</td></tr>"
    )


def _value(value: str, interval: str, told: str = "") -> str:
    small = f"{escape(told)} {interval}".strip()
    return f"<td><b>{value}</b>{f' <small>{small}</small>' if small else ''}</td>"


def _row(name: str, cells: Iterable[str], unit: str = "") -> str:
    shown_unit = f" <small>{escape(unit)}</small>" if unit else ""
    return f"<tr><th scope=row>{escape(name)}{shown_unit}</th>{''.join(cells)}</tr>"


def _group_heads(groups: Sequence[RunGroup]) -> str:
    return "".join(
        f'<th scope=col><i style="background:{RUN_COLOURS[number]}"></i>{escape(group.label)}</th>'
        for number, group in enumerate(groups)
    )


def _table(head: str, rows: str, kind: str) -> str:
    return f'<div class=wide><table class="{kind}"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def paragraph(text: str) -> str:
    """A paragraph of plain text; nothing for none."""
    return f"<p>{escape(text)}</p>" if text else ""
