"""Frames that wait for a decoder, and whose turn it is: the client's that has been given least lately. Pure.

What a client is given are megapixels, in virtual time as in start-time fair queueing: who begins to wait again starts
where the last one that was taken did, so that nobody saves up turns, and nobody who has just had a large picture gets
the next one at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

LARGE_MEGAPIXELS = 1.0
"""From here on a picture keeps a decoder for long."""
LEAST_MEGAPIXELS = 0.05
"""What each frame counts for at least."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class WaitingFrame(Generic[_T]):
    """One frame, and whatever its owner waits with."""

    client: str
    megapixels: float
    deadline_s: float
    owner: _T

    @property
    def large(self) -> bool:
        """Whether it keeps a decoder for long."""
        return self.megapixels >= LARGE_MEGAPIXELS


@dataclass(slots=True)
class _Client(Generic[_T]):
    given: float
    frames: deque[WaitingFrame[_T]] = field(default_factory=deque)


class DecodingQueue(Generic[_T]):
    """In order within a client, fair between them. Bounded."""

    def __init__(self, most: int) -> None:
        """`most`: frames of all clients."""
        self._most, self._count = most, 0
        self._waiting: dict[str, _Client[_T]] = {}
        """Those that have frames here: mostly few of many, and looked through for every frame."""
        self._ahead: dict[str, _Client[_T]] = {}
        """Those that have none, and may be ahead of all that have."""
        self._given = 0.0
        """What the client that was last taken from had been given until then."""

    def __len__(self) -> int:
        return self._count

    def put(self, frame: WaitingFrame[_T]) -> bool:
        """Have a frame wait; False if too many do."""
        if self._count == self._most:
            return False
        client = self._waiting.get(frame.client)
        if client is None:
            client = self._waiting[frame.client] = self._ahead.pop(frame.client, _Client(self._given))
            client.given = max(client.given, self._given)
        client.frames.append(frame)
        self._count += 1
        return True

    def take(self, large: bool) -> WaitingFrame[_T] | None:
        """The next frame to decode, with or without large ones; None if there is none."""
        able = [client for client in self._waiting.values() if large or not client.frames[0].large]
        if not able:
            return None
        client = min(able, key=lambda client: client.given)
        frame = client.frames[0]
        self._given = max(self._given, client.given)
        client.given += max(LEAST_MEGAPIXELS, frame.megapixels)
        self.remove(frame)
        return frame

    def expired(self, now: float) -> list[WaitingFrame[_T]]:
        """Forget the frames whose deadline is over; they are returned."""
        late = [frame for client in self._waiting.values() for frame in client.frames if frame.deadline_s <= now]
        for frame in late:
            self.remove(frame)
        return late

    def remove(self, frame: WaitingFrame[_T]) -> bool:
        """Forget a frame; False if it does not wait."""
        client = self._waiting.get(frame.client)
        if client is None or frame not in client.frames:
            return False
        client.frames.remove(frame)
        self._count -= 1
        if not client.frames:
            self._ahead[frame.client] = self._waiting.pop(frame.client)
            if len(self._ahead) > self._most:
                self._forget_equals()
        return True

    def _forget_equals(self) -> None:
        """A client that waits for nothing and is not ahead of those that do is like one that has never been here."""
        self._ahead = {name: client for name, client in self._ahead.items() if client.given > self._given}

    def clear(self) -> list[WaitingFrame[_T]]:
        """Forget all frames; they are returned."""
        waiting = [frame for client in self._waiting.values() for frame in client.frames]
        self._waiting, self._ahead, self._count = {}, {}, 0
        return waiting
