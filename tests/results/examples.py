"""Plausible records for the tests of results."""

from typing import Any

from jellyfish.core import Outcome, Reason
from jellyfish.results.records import FrameRecord

REASONS = {
    Outcome.LATE: Reason.NETWORK,
    Outcome.DROPPED: Reason.EXPIRED,
    Outcome.SKIPPED: Reason.STALE,
    Outcome.LOST: Reason.NO_ANSWER,
}


def frame_record(outcome: Outcome = Outcome.ON_TIME, **fields: Any) -> FrameRecord:
    """A record with what its outcome implies; `fields` add and replace."""
    implied: dict[str, Any] = {"client": "camera-0", "frame": 0, "captured_s": 0.0, "deadline_s": 0.1, "slo_ms": 100.0}
    implied["reason"] = REASONS.get(outcome)
    if outcome in (Outcome.ON_TIME, Outcome.LATE):
        implied |= {"variant": "w100-448", "e2e_ms": 50.0}
    return FrameRecord(outcome=outcome, **(implied | fields))
