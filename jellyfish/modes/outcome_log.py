"""What has become of each camera's frames since the last look, as lines of a server's own log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jellyfish.core import Outcome
from jellyfish.modes.running_server import SplitOf, nothing_known
from jellyfish.results.outcome_lines import OutcomeLine
from jellyfish.results.records import Timeline, milliseconds
from jellyfish.server.attained import Attained
from jellyfish.server.fleet.blame import Circumstances, blamed
from jellyfish.server.service import Service
from jellyfish.server.session import Session

WriteOutcomes = Callable[[Sequence[OutcomeLine]], None]
Fared = tuple[str, str | None]
"""An outcome, and a reason where it is a miss."""


class OutcomeLog:
    """Looks at all sessions now and then, and once more at those that have gone."""

    def __init__(self, write: WriteOutcomes, timeline: Timeline, split: SplitOf = nothing_known) -> None:
        """`split`: where the frames of a client spent their time lately."""
        self._write, self._timeline, self._split = write, timeline, split
        self._told: dict[Session, dict[Fared, int]] = {}

    def look(self, service: Service, now: float) -> None:
        """Write what has ended since the last time."""
        here = dict.fromkeys(service.sessions.values())
        over = service.host.over
        lines = [line for session in here | dict.fromkeys(self._told) for line in self._of(session, now, over)]
        self._told = {session: self._told[session] for session in here}
        if lines:
            self._write(lines)

    def _of(self, session: Session, now: float, host_over: bool) -> Iterator[OutcomeLine]:
        attained = session.attained
        before, counts = self._told.get(session, {}), fared(attained)
        self._told[session] = counts
        plan = session.plan
        at = Circumstances(self._split(session), host_over, plan.mapped, plan.fps is not None)
        for (outcome, reason), frames in counts.items():
            if (more := frames - before.get((outcome, reason), 0)) > 0:  # an estimate may have been put right
                yield OutcomeLine(
                    t_s=self._timeline.run_s(now),
                    unix_s=self._timeline.unix_s(now),
                    client=session.client,
                    outcome=outcome,
                    reason=reason,
                    blame=None if reason is None else blamed(reason, at).value,
                    frames=more,
                    slo_ms=milliseconds(session.slo_s),
                    variant=plan.variant if plan.mapped else None,
                    resolution=plan.resolution if plan.mapped else None,
                    estimated=attained.estimated,
                )


def fared(attained: Attained) -> dict[Fared, int]:
    """Frames by outcome and reason."""
    counts: dict[Fared, int] = {(Outcome.ON_TIME.value, None): attained.on_time}
    for outcome, reasons in attained.missed.items():
        counts |= {(outcome, reason): frames for reason, frames in reasons.items()}
    return counts
