"""How many of a client's captured frames were answered in time: as it reports, or as the server can tell. Pure.

A client alone knows what it skipped, and when an answer reached it. Its reports are believed as long as they can be
true; what a server sees by itself stands in for those of a client that sends none, and is marked as estimated.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from jellyfish.core import Outcome, Reason
from jellyfish.protocol import wire
from jellyfish.server.offered import RATE_TOLERANCE

NOT_SENT = "not_sent"
"""In place of a reason: frames that an estimate takes for captured, as their numbers were left out."""
LATE = Outcome.LATE.value
"""In place of a reason: an estimate does not tell whose fault a late answer was."""


@dataclass(frozen=True, slots=True)
class Attained:
    """What became of a client's frames since its stream opened: captured = on_time + missed + open ones."""

    captured: int
    on_time: int
    missed: dict[str, dict[str, int]]
    """Outcome -> reason -> frames."""
    slack: tuple[int, ...]
    """Answered frames by SLO minus end-to-end time, see `wire.SLACK_EDGES_MS`; empty where the client leaves it out."""
    estimated: bool
    """Whether the server had to guess, for want of a report that can be true."""

    @property
    def missed_by_reason(self) -> dict[str, int]:
        """Whatever their outcome."""
        missed = Counter[str]()
        for reasons in self.missed.values():
            missed.update(reasons)
        return dict(missed)

    @property
    def ended(self) -> int:
        """Frames that have an outcome."""
        return self.on_time + sum(sum(reasons.values()) for reasons in self.missed.values())

    @property
    def share(self) -> float | None:
        """On-time frames among those that have an outcome; None while none has."""
        return self.on_time / self.ended if self.ended else None


class Attainment:
    """One stream's, from its frames and its reports. A report that cannot be true ends the belief in all of them."""

    def __init__(self, fps: float, opened_s: float) -> None:
        """`fps`: what the client said that it captures."""
        self._fps, self._opened_s = fps, opened_s
        self._first_number = self._last_number = 0
        self._first_s = self._last_s = opened_s
        self._received = self._answered = self._dropped = self._on_time = self._late = 0
        self._missed = Counter[str]()
        self._slack = [0] * wire.SLACK_BUCKETS
        self._report: wire.Report | None = None
        self._believed = True
        self.told = 0
        """Grows with all that `attained` depends on."""

    def arrived(self, number: int, now: float) -> None:
        """A frame is here."""
        self.told += 1
        if not self._received:
            self._first_number, self._first_s = number, now
        self._received += 1
        self._last_number, self._last_s = max(self._last_number, number), now

    def answered(self, slack_s: float) -> None:
        """A frame's answer leaves now. `slack_s`: what is probably left of its SLO when the client has it."""
        self.told += 1
        self._answered += 1
        self._slack[wire.slack_bucket(slack_s)] += 1
        if slack_s >= 0:
            self._on_time += 1
        else:
            self._late += 1

    def dropped(self, reason: Reason) -> None:
        """A frame was dropped here."""
        self.told += 1
        self._dropped += 1
        self._missed[reason.value] += 1

    def reported(self, report: wire.Report, now: float) -> None:
        """The client's own counts."""
        self.told += 1
        self._believed = self._believed and self._may_be_true(report, now)
        if self._believed:
            self._report = report

    @property
    def attained(self) -> Attained:
        """By the newest report or, where there is none to be believed, by what was seen here."""
        if self._report is None or not self._believed:
            return self._estimated()
        report = self._report
        missed = {str(outcome): reasons for outcome, reasons in report.missed.items()}
        return Attained(report.captured, report.on_time, missed, report.slack, estimated=False)

    def _estimated(self) -> Attained:
        """Numbers left out are frames that were not sent, but no more than the client said that it captures."""
        named = self._last_number - self._first_number + 1 if self._received else 0
        agreed = round(self._fps * (self._last_s - self._first_s)) + 1
        captured = max(self._received, min(named, agreed))
        missed = {Outcome.DROPPED.value: dict(self._missed)}
        if self._late:
            missed[Outcome.LATE.value] = {LATE: self._late}
        if captured > self._received:
            missed[Outcome.SKIPPED.value] = {NOT_SENT: captured - self._received}
        return Attained(captured, self._on_time, missed, tuple(self._slack), estimated=True)

    def _may_be_true(self, report: wire.Report, now: float) -> bool:
        """Whether it agrees with what was agreed, with what was seen here and with the report before it."""
        most = 1 + RATE_TOLERANCE * self._fps * max(0.0, now - self._opened_s)
        ended = report.on_time + sum(sum(reasons.values()) for reasons in report.missed.values())
        answered = report.on_time + sum(report.missed.get("late", {}).values())
        dropped = sum(report.missed.get("dropped", {}).values())
        return (
            ended <= report.captured <= most
            and answered <= self._answered
            and dropped <= self._dropped
            and _slack_agrees(report, answered)
            and (self._report is None or _follows(report, self._report))
        )


def _slack_agrees(report: wire.Report, answered: int) -> bool:
    """The histogram, where there is one, holds each answered frame on its side of the deadline."""
    if not report.slack:
        return True
    return sum(report.slack) == answered and sum(report.slack[wire.FIRST_IN_TIME :]) == report.on_time


def _follows(report: wire.Report, earlier: wire.Report) -> bool:
    """No count has fallen."""
    pairs = [(report.captured, earlier.captured), (report.on_time, earlier.on_time)]
    for outcome, reasons in earlier.missed.items():
        newer = report.missed.get(outcome, {})
        pairs += [(newer.get(reason, 0), frames) for reason, frames in reasons.items()]
    pairs += itertools.zip_longest(report.slack, earlier.slack, fillvalue=0)
    return all(now >= then for now, then in pairs)
