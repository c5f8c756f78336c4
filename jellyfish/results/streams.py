"""Of the streams of a run: whose account was compared with the server's, and when a client had no server. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jellyfish.results.records import OutageRecord
from jellyfish.results.units import Count, Seconds


class StreamAccount(msgspec.Struct, frozen=True):
    """One client's frames, as far as a server could have seen them."""

    client: str
    sent: int
    """All that were sent, over all its connections."""
    compared: int
    """Those of its last connection that a farewell of the server's has told of, and its own account likewise."""


class AgreementFigures(msgspec.Struct, frozen=True):
    """How far the client's account of its frames was compared with the server's, which comes with its farewell."""

    sent: Count
    """Frames that were sent. Of all others no server knows."""
    compared: Count
    """Those of them that both accounts hold, alike: where they differ, the run fails."""
    not_compared: list[str]
    """Clients that sent frames over a connection that ended without the server's account of them."""


def agreement(accounts: Sequence[StreamAccount]) -> AgreementFigures:
    """Of all clients together."""
    missing = [account.client for account in accounts if account.compared < account.sent]
    sent, compared = (sum(getattr(account, key) for account in accounts) for key in ("sent", "compared"))
    return AgreementFigures(sent, compared, missing)


def agreement_in_words(figures: AgreementFigures, parties: str = "Client and server") -> str:
    """What was compared, and what could not be."""
    if not figures.sent:
        return "No frame was sent, so there is no server's account to compare with."
    if figures.compared == figures.sent:
        return f"{parties} agree on every frame that was sent ({figures.sent})."
    why = "the server's account of them went with the connection"
    whose = _some(figures.not_compared)
    if not figures.compared:
        return f"None of the {figures.sent} frames that were sent could be compared ({whose}): {why}."
    rest = figures.sent - figures.compared
    return (
        f"{parties} agree on {figures.compared} of the {figures.sent} frames that were sent. "
        f"The other {rest} could not be compared ({whose}): {why}."
    )


SHOWN_NAMES = 4


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_NAMES])
    return shown if len(names) <= SHOWN_NAMES else f"{shown} and {len(names) - SHOWN_NAMES} more"


TOLD_S = 0.05
"""What is shorter is no outage to a person."""


class OutageFigures(msgspec.Struct, frozen=True):
    """Times without a server, of all clients. Each is a line of `outages.jsonl`."""

    outages: Count
    """How many there were."""
    clients: Count
    """Clients that had any."""
    total_s: Seconds
    """All of them together."""
    longest_s: Seconds
    """The longest."""


class OutageTally:
    """Adds up outages as they end."""

    def __init__(self) -> None:
        self._outages, self._total_s, self._longest_s = 0, 0.0, 0.0
        self._clients = set[str]()

    def add(self, record: OutageRecord) -> None:
        """Count one."""
        self._outages += 1
        self._clients.add(record.client)
        self._total_s += record.lasted_s
        self._longest_s = max(self._longest_s, record.lasted_s)

    def figures(self) -> OutageFigures | None:
        """None without any."""
        if not self._outages:
            return None
        return OutageFigures(self._outages, len(self._clients), round(self._total_s, 6), self._longest_s)


def outages_in_words(figures: OutageFigures | None, written: bool = True) -> list[str]:
    """What a person should know of them: a sentence, or none where they were shorter than that tells.

    `written`: whether there is a file with each.
    """
    if figures is None or figures.longest_s < TOLD_S:
        return []
    clients = f"{figures.clients} client{'s' * (figures.clients > 1)}"
    where = " (outages.jsonl)" if written else ""
    many = "" if figures.outages == figures.clients else f", {figures.outages} times in all"
    return [f"No server: {clients}{many}, for {figures.longest_s:.1f} s at the longest{where}."]
