"""How a processor is divided among the workers of a `cpu` device. Pure: rates are measured by a function handed in.

Many workers of one thread answer most frames a second, fewer of more threads answer one frame sooner. Which is worth
more depends on the machine, so it is measured. All processors are divided; where the event loop and the decoders are at
work, workers give way to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

QUICK_ENOUGH = 0.95
"""Of the best rate: of the divisions that reach so much, the one with most threads for a batch is taken."""


class Division(NamedTuple):
    """So many workers of so many processor threads each."""

    workers: int
    threads: int

    def __str__(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return f"{workers} of {self.threads} thread{'' if self.threads == 1 else 's'}"


def divisions(cores: int, threads: int | None = None) -> list[Division]:
    """Ways to divide `cores`, most workers first; the one way with so many `threads` each, where that is given."""
    if threads is not None:
        return [Division(max(1, cores // threads), threads)]
    powers = [1 << step for step in range(cores.bit_length()) if 1 << step <= cores]
    return [Division(cores // each, each) for each in sorted({*powers, cores})]


def best_division(rates_fps: dict[Division, float]) -> Division:
    """The one to take, by the frames a second that each answers with all its workers busy."""
    enough = QUICK_ENOUGH * max(rates_fps.values())
    return max((each for each, rate in rates_fps.items() if rate >= enough), key=lambda each: each.threads)


def choose_division(ways: list[Division], rate_fps: Callable[[Division], float]) -> tuple[Division, str]:
    """The best of `ways` by `rate_fps`, and the choice in words. Nothing is measured where there is no choice."""
    if len(ways) == 1:
        return ways[0], str(ways[0])
    rates = {way: rate_fps(way) for way in ways}
    chosen = best_division(rates)
    others = ", ".join(f"{way}: {rates[way]:.0f}" for way in ways if way != chosen)
    return chosen, f"{chosen} ({rates[chosen]:.0f} frames/s; {others})"
