"""The report as one HTML page that needs nothing else: styles and figures are inside. Pure: text out of values.

Whatever comes out of a run's files is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from jellyfish import __version__
from jellyfish.report.estimates import RunGroup
from jellyfish.report.reading import Run
from jellyfish.report.style import Picture
from jellyfish.report.tables import against, clients_table, facts_table, headline, missed_because, paragraph
from jellyfish.results.reasons import REASONS

MEANINGS = {reason.value: meaning.words for reason, meaning in REASONS.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Detail:
    """One run shown by itself."""

    group: RunGroup
    run: Run
    pictures: tuple[Picture, ...]
    strip: bytes | None = None
    """A JPEG of frames with what was answered for them, where the run left one."""


def page(groups: Sequence[RunGroup], pictures: Sequence[Picture], details: Sequence[Detail]) -> str:
    """The whole page. `pictures` compare the groups, `details` show a run each."""
    title = " · ".join(group.label for group in groups)
    several = len(groups) > 1
    body = [
        f"<header><p class=kind>Jellyfish report</p><h1>{escape(title)}</h1></header>",
        _notes(groups),
        f'<div class="top{" many" if len(groups) > 2 else ""}">',
        _section("The run" if not several else "The runs", facts_table(groups)),
        _section("Figures of merit", headline(groups), missed_because(groups, MEANINGS)),
        "</div>",
        *(_section(f"{other.label} against {groups[0].label}", against(groups[0], other)) for other in groups[1:]),
        *(_strip(detail, several) for detail in details),
        _section("Side by side" if several else "Over the whole run", _grid(pictures)),
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


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def _notes(groups: Sequence[RunGroup]) -> str:
    """What must be known of the files, before anything else."""
    told = [f"{run.name}: {note}" for group in groups for run in group.runs for note in run.notes]
    return f"<aside><h2>Mind the files</h2>{_list(told)}</aside>" if told else ""


def _strip(detail: Detail, several: bool) -> str:
    """What the cameras saw and what was answered, as a picture."""
    if detail.strip is None:
        return ""
    data = base64.b64encode(detail.strip).decode()
    alt = "Frames of the cameras with boxes around what was found in them"
    words = "A few of the frames that were answered on time, with what the answer said was in them."
    whose = f" of {detail.run.name}" if several else ""
    return _section(
        f"What was seen{whose}",
        f'<div class="wide strip"><img src="data:image/jpeg;base64,{data}" alt="{escape(alt)}"></div>'
        f"{paragraph(words)}",
    )


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
    return _section(f"{run.name} by itself", paragraph(stands), _grid(detail.pictures), clients_table(run))


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
    if "top-1" in kinds:
        told.append(
            "Top-1 is the share of frames whose likeliest class is that of their largest object; of all captured "
            "frames, a miss is wrong."
        )
    if "unknown" in kinds:
        told.append(
            "Where accuracy is not told, frames were not labelled, or runs of one group know different kinds of it."
        )
    return _list(told)
