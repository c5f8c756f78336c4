"""All findings, as a table for a person or as JSON."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jellyfish.modes.doctor import host, software
from jellyfish.modes.doctor.finding import Finding, Fitness

STYLES = {Fitness.GOOD: "green", Fitness.ADVICE: "yellow", Fitness.PREVENTS: "bold red"}


def doctor(console: Console, as_json: bool) -> bool:
    """Look, and say what was found; whether a server can be started here."""
    found = list(itertools.chain(host.findings(), software.findings()))
    can_serve = all(each.verdict is not Fitness.PREVENTS for each in found)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode({"can_serve": can_serve, "findings": found})).decode())
        return can_serve
    console.print(table(found))
    counts = {verdict: sum(each.verdict is verdict for each in found) for verdict in Fitness}
    says = "A server can be started here" if can_serve else "No server can be started here"
    console.print(f"{says}: {counts[Fitness.PREVENTS]} to mend first, {counts[Fitness.ADVICE]} that would be better.")
    return can_serve


def table(found: Sequence[Finding]) -> Table:
    """As a person reads it."""
    shown = Table(box=None, pad_edge=False, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for each in found:
        words = Text(each.found)
        if each.change:
            words.append(f"\n-> {each.change}", STYLES[each.verdict])
        shown.add_row(Text(each.verdict.value, STYLES[each.verdict]), each.about, words)
    return shown
