"""Which servers want what of one keeper, which can run one thing at a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from jellyfish.modes.cluster.lines import WorkerWish

HELD_S = 15.0
"""A server that has not asked for so long has gone."""
UNUSED_S = 60.0
"""So long after the last one has gone the place is given back. Who starts again till then finds workers warm."""


@dataclass(slots=True)
class _Claim:
    """What one server wants."""

    wish: WorkerWish
    heard_s: float


class Claims:
    """The first wish holds as long as somebody has it."""

    def __init__(self, now: float) -> None:
        self.wish: WorkerWish | None = None
        """What is to be run."""
        self._claims: dict[str, _Claim] = {}
        self._heard_s = now

    def ask(self, front: str, wish: WorkerWish, now: float) -> None:
        """The server called `front` wants this."""
        self._heard_s = now
        self._claims.pop(front, None)
        self._claims[front] = _Claim(wish, now)
        self.look(now)

    def look(self, now: float) -> None:
        """Forget who has gone; another's wish may hold then."""
        self._claims = {front: each for front, each in self._claims.items() if now - each.heard_s <= HELD_S}
        wishes = [each.wish for each in self._claims.values()]
        if wishes and self.wish not in wishes:
            self.wish = wishes[0]

    def why_not(self, wish: WorkerWish) -> str:
        """Why another wish does not hold, in words; empty for the one that does."""
        if self.wish is None or wish == self.wish:
            return ""
        return f"another server uses it, for the model {self.wish.model} or with other options"

    def unused(self, now: float) -> bool:
        """Whether nobody wants anything any more."""
        return now - self._heard_s > UNUSED_S
