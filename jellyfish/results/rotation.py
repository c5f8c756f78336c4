"""Which parts of a log that never ends are kept: no more bytes than may be, and nothing that is too old. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PARTS = 16
"""A part ends when it has this share of the bytes or of the age that all may have, so that little goes at once."""


@dataclass(slots=True)
class Part:
    """Files that are begun, ended and deleted together."""

    number: int
    began_unix_s: float
    bytes: int = 0


class Rotation:
    """Says before each write where it goes, and what is to be deleted. Times are the machine's clock's."""

    def __init__(self, most_bytes: int, most_age_s: float, found: Iterable[Part] = ()) -> None:
        """`found`: parts of earlier times."""
        self._most_bytes, self._most_age_s = most_bytes, most_age_s
        self._parts = sorted(found, key=lambda part: part.number)
        self._next = self._parts[-1].number + 1 if self._parts else 1
        self._ended = True

    @property
    def bytes(self) -> int:
        """Of all parts that are kept."""
        return sum(part.bytes for part in self._parts)

    def takes(self, size_bytes: int, now_unix_s: float) -> bool:
        """Whether so much more may go into the newest part; else `begin` another."""
        if self._ended or not self._parts:
            return False
        newest = self._parts[-1]
        young = now_unix_s - newest.began_unix_s < self._most_age_s / PARTS
        return young and newest.bytes + size_bytes <= self._most_bytes / PARTS

    def begin(self, now_unix_s: float) -> int:
        """The number of a new part."""
        self._parts.append(Part(self._next, now_unix_s))
        self._next, self._ended = self._next + 1, False
        return self._parts[-1].number

    def end(self) -> None:
        """The newest part takes nothing any more."""
        self._ended = True

    def surplus(self, size_bytes: int, now_unix_s: float) -> list[int]:
        """Numbers of the parts that have to go before so much more is written, oldest first. They count no more."""
        gone = []
        while self._parts and self._must_go(self._parts[0], size_bytes, now_unix_s):
            gone.append(self._parts.pop(0).number)
        self._ended |= not self._parts
        return gone

    def _must_go(self, oldest: Part, size_bytes: int, now_unix_s: float) -> bool:
        return now_unix_s - oldest.began_unix_s >= self._most_age_s or self.bytes + size_bytes > self._most_bytes

    def wrote(self, size_bytes: int) -> None:
        """So much has gone into the newest part."""
        self._parts[-1].bytes += size_bytes
