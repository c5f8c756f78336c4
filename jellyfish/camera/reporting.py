"""What a camera reports to its server: what became of the frames captured since the stream opened. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict

from jellyfish.core import Outcome, Reason
from jellyfish.protocol import wire


class ReportTally:
    """Counts of one stream. Every frame is first captured and later ended, once each."""

    def __init__(self) -> None:
        self._captured = self._on_time = 0
        self._missed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._slack = [0] * wire.SLACK_BUCKETS

    def captured(self) -> None:
        """One more frame."""
        self._captured += 1

    def ended(self, outcome: Outcome, reason: Reason | None, slack_s: float | None) -> None:
        """A frame's outcome. `slack_s`: SLO minus end-to-end time; None where there was no answer."""
        if reason is None:
            self._on_time += 1
        else:
            self._missed[outcome.value][reason.value] += 1
        if slack_s is not None:
            self._slack[wire.slack_bucket(slack_s)] += 1

    @property
    def report(self) -> wire.Report:
        """The counts so far."""
        missed = {outcome: dict(reasons) for outcome, reasons in self._missed.items()}
        return wire.Report(self._captured, self._on_time, missed, tuple(self._slack))  # type: ignore[arg-type]
