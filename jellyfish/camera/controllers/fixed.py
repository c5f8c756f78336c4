"""One size whatever happens: the baseline of not adapting at all. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from jellyfish.camera.controllers.controller import ControllerTerms, Feedback, OnTheWay


class Fixed:
    """Always the same resolution: the given one, or the largest below it that the server offers."""

    def __init__(self, terms: ControllerTerms, resolution: int | None = None) -> None:
        """`resolution`: None takes the middle of the ladder."""
        sizes = terms.ladder.sizes
        wanted = sizes[(len(sizes) - 1) // 2].resolution if resolution is None else resolution
        self._resolution = max((s.resolution for s in sizes if s.resolution <= wanted), default=sizes[0].resolution)

    def choose(self, now: float, captured_s: float, on_the_way: Sequence[OnTheWay]) -> int:
        """The one size."""
        return self._resolution

    def sent(self, now: float, resolution: int, size_bytes: int) -> None:
        """Nothing is learnt."""

    def answered(self, now: float, feedback: Feedback) -> None:
        """Nothing is learnt."""
