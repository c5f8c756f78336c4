"""WebSocket frames, found by their headers alone in what a client sends (RFC 6455, section 5.2). Pure.

Nothing is unmasked, copied or kept; whether the frames are right is for whoever reads them.
"""

from __future__ import annotations

_LENGTH_BYTES = {126: 2, 127: 8}
_MASK_BYTES = 4
MOST_HEADER_BYTES = 14


class FrameCount:
    """Follows one stream of frames."""

    def __init__(self) -> None:
        self._payload = 0
        """Bytes of the frame that has begun which have yet to come."""

    def within(self, data: bytes, most_bytes: int, most_frames: int) -> tuple[int, int]:
        """How many bytes of `data` may go on, and how many frames begin in them: no more than so many of either.

        Those bytes are taken for gone: the next call's `data` starts behind them. The start of a header that has not
        come whole does not go on.
        """
        end, frames = 0, 0
        most_bytes = min(most_bytes, len(data))
        while end < most_bytes:
            if self._payload == 0:
                header = None if frames == most_frames else _header(data, end)
                if header is None:
                    break
                header_bytes, self._payload = header
                end, frames = end + header_bytes, frames + 1
            passed = max(0, min(self._payload, most_bytes - end))
            self._payload -= passed
            end += passed
        return end, frames


def _header(data: bytes, start: int) -> tuple[int, int] | None:
    """Bytes of the header at `start`, and of the payload behind it; None while the header is not there whole."""
    if len(data) < start + 2:
        return None
    short = data[start + 1] & 0x7F
    more = _LENGTH_BYTES.get(short, 0)
    header_bytes = 2 + more + (_MASK_BYTES if data[start + 1] & 0x80 else 0)
    if len(data) < start + header_bytes:
        return None
    length = int.from_bytes(data[start + 2 : start + 2 + more], "big") if more else short
    return header_bytes, length
