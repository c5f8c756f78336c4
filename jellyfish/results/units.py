"""What the numbers of result files are counted in, and from where: types that say so, to `docs/results.md` too."""

from __future__ import annotations

from typing import Annotated

import msgspec


def _meta(unit: str, zero: str | None = None) -> msgspec.Meta:
    return msgspec.Meta(extra={"unit": unit, "zero": zero})


RunSeconds = Annotated[float, _meta("s", "the run's start")]
"""A moment. The run's start is when its first camera may capture; of a server's own log it is when that begins."""
UnixSeconds = Annotated[float, _meta("s", "1970-01-01 00:00 UTC")]
"""A moment on the clock of the machine that wrote it, as that clock stood when the run began: it is not set later."""
Seconds = Annotated[float, _meta("s")]
Milliseconds = Annotated[float, _meta("ms")]
Count = Annotated[int, _meta("count")]
Number = Annotated[int, _meta("number", "the first is 0")]
"""Which one it is, counted up."""
Bytes = Annotated[int, _meta("bytes")]
Megabytes = Annotated[float, _meta("10^6 bytes")]
Pixels = Annotated[int, _meta("pixels")]
Share = Annotated[float, _meta("share, 0..1")]
F1 = Annotated[float, _meta("F1, 0..1")]
Mbps = Annotated[float, _meta("10^6 bit/s")]
Kbps = Annotated[float, _meta("10^3 bit/s")]
PerSecond = Annotated[float, _meta("1/s")]
PerMinute = Annotated[float, _meta("1/min")]
Frames = Annotated[float, _meta("frames")]
Plain = Annotated[float, _meta("-")]
"""A number without a unit."""
