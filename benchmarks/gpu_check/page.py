"""What a check found as a page in Markdown: first what is wrong, then each part in a line, then its tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.gpu_check.findings import CheckReport, PartResult, Sheet, State


def as_page(report: CheckReport) -> str:
    """The whole page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: CheckReport) -> Iterator[str]:
    form = "the short form, whose figures are of few rounds" if report.short else "the full form"
    yield f"# GPU check: {report.device}"
    yield ""
    yield f"{report.started}, `{report.command}`: {form}, {report.seconds:.0f} s."
    yield ""
    yield f"**{_verdict(report)}**"
    yield ""
    yield from _table(["part", "", "s", "found"], [_row(part) for part in report.parts])
    for heading, words in (("Wrong", _wrong(report)), ("Aimed at and missed", _missed(report))):
        if words:
            yield from ("", f"## {heading}", "", *(f"* {each}" for each in words))
    for part in report.parts:
        yield from _part(part)


def _verdict(report: CheckReport) -> str:
    bad = [part.name for part in report.parts if part.state is not State.OK]
    return f"Not right: {', '.join(bad)}." if bad else "All parts ran, and all that must hold does."


def _row(part: PartResult) -> list[str]:
    return [part.name, part.state, f"{part.seconds:.1f}", part.gist]


def _wrong(report: CheckReport) -> list[str]:
    return [f"{part.name}: {word}" for part in report.parts if part.found for word in part.found.wrong]


def _missed(report: CheckReport) -> list[str]:
    return [f"{part.name}: {word}" for part in report.parts if part.found for word in part.found.missed]


def _part(part: PartResult) -> Iterator[str]:
    yield from ("", f"## {part.title} ({part.name})", "", f"{part.state}, {part.seconds:.1f} s. {part.gist}")
    if part.traceback:
        yield from ("", "```", part.traceback.rstrip(), "```")
    if part.found is None:
        return
    for note in part.found.notes:
        yield from ("", note)
    for sheet in part.found.sheets:
        yield from ("", f"### {sheet.title}", "", *_sheet(sheet))


def _sheet(sheet: Sheet) -> Iterator[str]:
    return _table(sheet.header, sheet.rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _row_of(header)
    yield "|" + "---|" * len(header)
    for row in rows:
        yield _row_of(row)


def _row_of(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", "<br>") for cell in cells) + " |"
