"""What became of a server's cameras' frames, as flat lines of its own log, which holds no single frames. No I/O.

Each line counts what has ended since the look before: lines of any stretch of time add up to what became of its frames.
"""

from __future__ import annotations

import msgspec

from jellyfish.results.units import Count, Milliseconds, Pixels, RunSeconds, UnixSeconds


class OutcomeLine(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of one camera that fared alike: a line of `outcomes.jsonl`, which only a server's own log has."""

    t_s: RunSeconds
    """When the server looked, twice a second and when cameras come and go. Cameras report once a second."""
    unix_s: UnixSeconds | None = None
    """The same on the server's machine's clock."""
    client: str
    """Whose frames they are."""
    outcome: str
    """How they ended: the words of `frames.jsonl`."""
    reason: str | None = None
    """Why they were not answered on time, likewise; null where they were. Where the server counts itself (`estimated`)
    also `late`, and `not_sent` for frames that it takes for captured because their numbers were left out."""
    blame: str | None = None
    """Where a miss comes from, as the server judges by where the camera's frames spent their time then: `network`,
    `server`, `overload`, `host`, `source` or `camera` (docs/fleet.md); null where they were on time."""
    frames: Count
    """How many have ended so since the line before."""
    slo_ms: Milliseconds
    """What the client asked for."""
    variant: str | None = None
    """What its plan had its frames run with when the server looked; null where it had no place."""
    resolution: Pixels | None = None
    """The longest side that this plan asked for; null likewise."""
    estimated: bool
    """Whether the server counted by itself, for want of reports that can be true."""
