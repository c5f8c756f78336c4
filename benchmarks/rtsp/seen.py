"""What somebody who watches saw of cameras whose truth is known, and what that means. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Told:
    """One answer, or a frame without one, as `/v1/watch` tells of it. Moments on this machine's clock that does not
    step."""

    at_s: float
    captured_s: float
    """As the server says."""
    age_ms: float | None
    """From capture until the camera has the answer, as the server says; None where there is none."""
    on_time: bool
    true_s: float | None = None
    """When it was captured in truth, of answers whose picture came along and whose number could be read."""

    @property
    def error_ms(self) -> float | None:
        """By how much the server takes it to be younger than it is."""
        return None if self.true_s is None else 1000 * (self.captured_s - self.true_s)

    @property
    def true_age_ms(self) -> float | None:
        """From the true capture until somebody who watches has the answer."""
        return None if self.true_s is None else 1000 * (self.at_s - self.true_s)


@dataclass(frozen=True)
class Fault:
    """Something that happens to a camera."""

    camera: str
    words: str
    from_s: float
    until_s: float
    """When it could show something again."""


@dataclass
class Seen:
    """Everything that was told of one camera, in the order of its coming."""

    told: list[Told] = field(default_factory=list)
    missed: dict[str, int] = field(default_factory=dict)
    """Reasons of frames without an answer, as the server knows them."""

    def within(self, from_s: float, until_s: float) -> list[Told]:
        return [each for each in self.told if from_s <= each.at_s < until_s]

    def back_after_s(self, fault: Fault) -> float:
        """From when it could show something again until the first answer to something that was captured after that."""
        back = (each.at_s for each in self.told if each.age_ms is not None and each.captured_s >= fault.until_s)
        return next(back, math.inf) - fault.until_s

    def longest_pause_s(self, from_s: float, until_s: float) -> float:
        """The longest time without an answer."""
        moments = [each.at_s for each in self.within(from_s, until_s) if each.age_ms is not None]
        return float(np.diff([from_s, *moments, until_s]).max())


def percentile(values: Iterable[float | None], percent: float) -> float:
    """NaN where there are none."""
    known = [value for value in values if value is not None]
    return float(np.percentile(known, percent)) if known else math.nan


def ages_ms(told: Sequence[Told], percent: float) -> float:
    return percentile((each.age_ms for each in told), percent)


def miss_percent(told: Sequence[Told]) -> float:
    return 100 * sum(not each.on_time for each in told) / len(told) if told else math.nan


def outside(told: Sequence[Told], spans: Sequence[tuple[float, float]]) -> list[Told]:
    """What was told in none of these times."""
    return [each for each in told if not any(begin <= each.at_s < end for begin, end in spans)]


Harm = tuple[float, float]
"""By how many points misses are more, and how many times p99 is what it is else."""


def harm(seen: Seen, spans: Sequence[tuple[float, float]]) -> Harm:
    """To a camera that nothing happens to, in the times of other cameras' faults, beside the rest of the time."""
    inside = [each for begin, end in spans for each in seen.within(begin, end)]
    rest = outside(seen.told, spans)
    return miss_percent(inside) - miss_percent(rest), ages_ms(inside, 99) / ages_ms(rest, 99)


def growth(seen: Seen, from_s: float, until_s: float, span_s: float, age: Callable[[Told], float | None]) -> float:
    """p99 of ages in the last `span_s` as a multiple of that in the first."""
    first = percentile(map(age, seen.within(from_s, from_s + span_s)), 99)
    return percentile(map(age, seen.within(until_s - span_s, until_s)), 99) / first
