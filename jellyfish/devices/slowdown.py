"""How much slower a device is now than when it was profiled. Pure: fed with measured times, reads no clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence, Set
from statistics import median

from jellyfish.devices.fit import TimeFit

_OLD = 0.75
"""Share of the old estimate kept at every batch (the slow-down factor of the thesis' predictive controller)."""
_LOWEST, _HIGHEST = 0.5, 8.0
"""A ratio outside is taken as the bound: beyond it the profile is wrong and one number cannot mend it."""
_DEVIATIONS = 2.0
"""How many mean deviations above the mean a batch is expected to take at worst."""
LASTING_S, LASTING_BATCHES = 0.5, 8
"""A slow-down lasts that is seen over so much time of batches, and over so many at least."""
_OLD_LASTING = 0.98
"""Share of the deviation from what lasts that is kept at every batch."""
UNKNOWN = 2.0
"""What a worker that shares its processor with others is taken to be slower by, before it was tried."""
SPARE_STEP = 0.25
"""What workers on top add is told in such steps: it is not known better, and plans are not to change for less."""
STAYS, RETURNS = 3.0, 2.5
"""A worker is used as long as it is no more than so many times slower than the quickest, and again when no more so."""


class Lasting:
    """Mean of ratios over the last half second of work: for plans, which hold for longer than a stall of a few batches.

    It is the mean of medians of three: a single outlier leaves no trace.
    """

    def __init__(self, ratio: float) -> None:
        """`ratio`: before anything was measured."""
        self._recent: deque[float] = deque([ratio, ratio], maxlen=3)
        self._newest = deque([(ratio, 0.0)] * LASTING_BATCHES)
        """(ratio, seconds measured) of the newest batches."""
        self._ratios = ratio * LASTING_BATCHES
        """Their sum."""
        self._seconds = self._deviation = 0.0

    @property
    def mean(self) -> float:
        """As it is now."""
        return self._ratios / len(self._newest)

    def careful(self, care: float) -> float:
        """`mean` at care 0; with more care, what batches take that lie above it."""
        return self.mean + care * _DEVIATIONS * self._deviation

    def add(self, measured_s: float, expected_s: float) -> None:
        """A batch that was expected to take `expected_s` took `measured_s`."""
        self._recent.append(_ratio(measured_s, expected_s))
        ratio = median(self._recent)
        seconds = ratio * expected_s
        self._deviation *= _OLD_LASTING
        self._deviation += (1 - _OLD_LASTING) * abs(ratio - self.mean)
        self._newest.append((ratio, seconds))
        self._ratios += ratio
        self._seconds += seconds
        while len(self._newest) > LASTING_BATCHES and self._seconds - self._newest[0][1] >= LASTING_S:
            old_ratio, old_s = self._newest.popleft()
            self._ratios -= old_ratio
            self._seconds -= old_s


class SlowDown:
    """Smoothed ratio of measured to profiled time of a worker's batches, and how much it varies.

    `factor` is for what is decided of the very next batch. What is smoothed is the median of the last three ratios: a
    single outlier (a page fault, a clock change) leaves no trace, while a change counts from its second batch on. The
    mean deviation is kept beside the mean, as in the retransmission timer of TCP (Jacobson, 1988).
    """

    def __init__(self, factor: float = 1.0) -> None:
        """`factor`: before anything was measured."""
        self._recent: deque[float] = deque([factor, factor], maxlen=3)
        self._factor = factor
        self._deviation = 0.0
        self.lasting = Lasting(factor)
        """Measured / profiled time."""
        self.beyond = Lasting(factor)
        """Measured time / that which the fit of the device gives."""

    @property
    def factor(self) -> float:
        """Expected measured / profiled time."""
        return self._factor

    @property
    def cautious_factor(self) -> float:
        """A factor that most batches stay under. Equals `factor` on a device that always takes the same time."""
        return self.careful_factor(1.0)

    def careful_factor(self, care: float) -> float:
        """Between `factor` (care 0) and the cautious one (care 1), or as much further."""
        return self._factor + care * _DEVIATIONS * self._deviation

    def observe(self, measured_s: float, profiled_s: float, fitted_s: float | None = None) -> None:
        """A batch that the profile puts at `profiled_s`, and the fit at `fitted_s`, took `measured_s`."""
        self._recent.append(_ratio(measured_s, profiled_s))
        ratio = median(self._recent)
        self._deviation = _OLD * self._deviation + (1 - _OLD) * abs(ratio - self._factor)
        self._factor = _OLD * self._factor + (1 - _OLD) * ratio
        self.lasting.add(measured_s, profiled_s)
        self.beyond.add(measured_s, profiled_s if fitted_s is None else fitted_s)


def _ratio(measured_s: float, expected_s: float) -> float:
    return min(max(measured_s / expected_s, _LOWEST), _HIGHEST)


class Pace:
    """How much slower each worker of a device is, and which of them are worth using.

    Workers share processors with the event loop and the decoders, which go before them: one that gets a processor only
    now and then would hold up the frames that it takes, so it has leave until it is quicker again. That is said of what
    it usually takes: for how much that varies it gets only frames with so much time to spare (`slower`). Plans do not
    count with a worker that shares: what it does comes on top. The figures are those of the slowest of the others.
    Workers that are out (`jellyfish.devices.health`) are not there; where no other is left those that share stand in.
    """

    def __init__(self, workers: int, sharing: int = 0, least_s: float = 1.0) -> None:
        """`sharing`: of the workers, how many, the last ones, share processors with others: not used until they have
        shown that they are quick enough. `least_s`: what the quickest batch is profiled at."""
        self._fit = TimeFit(least_s)
        self._alone = alone = workers - sharing
        self._workers = [SlowDown(1.0 if number < alone else UNKNOWN) for number in range(workers)]
        self._quick = [number < alone for number in range(workers)]
        self._out: Set[int] = frozenset()
        self.changes = 0
        """Times that something was learnt: until the next one every figure here stays what it is."""
        self._choose()

    def leaves_out(self, workers: Set[int]) -> None:
        """These are out, and no others."""
        self._out = workers
        self._choose()

    def _choose(self) -> None:
        self.changes += 1
        there = [number for number in range(len(self._workers)) if number not in self._out]
        self._used = frozenset(number for number in there if self._quick[number]) or frozenset(there)
        alone = [number for number in there if number < self._alone]
        self._counted = alone or there or list(range(self._alone))
        self._on_top = [number for number in there if number >= self._alone and self._quick[number]] if alone else []

    def uses(self, worker: int) -> bool:
        """Whether the worker is to be given batches."""
        return worker in self._used

    @property
    def count(self) -> int:
        """Workers that are used; 0 where all are out."""
        return len(self._used)

    @property
    def counted(self) -> Sequence[int]:
        """The workers that plans count with; never none."""
        return self._counted

    def observe(self, worker: int, measured_s: float, profiled_s: float) -> None:
        """See `SlowDown.observe`. What those do that share is not fitted: plans do not count with them."""
        self.changes += 1
        if worker < self._alone:
            self._fit.observe(measured_s, profiled_s)
        self._workers[worker].observe(measured_s, profiled_s, self._fit.expected_s(profiled_s))
        if self._alone == len(self._workers):
            return
        best = min(each.lasting.mean for each in self._workers)
        changed = False
        for number in range(self._alone, len(self._workers)):
            limit = STAYS if self._quick[number] else RETURNS
            quick = self._workers[number].lasting.mean <= limit * best
            changed = changed or quick != self._quick[number]
            self._quick[number] = quick
        if changed:
            self._choose()

    def of(self, worker: int) -> SlowDown:
        """That worker's own."""
        return self._workers[worker]

    def slower(self, worker: int) -> float:
        """How many times as long as on the slowest that plans count with a batch takes on one that comes on top."""
        if worker < self._alone or worker in self._counted:
            return 1.0
        return max(1.0, self._workers[worker].cautious_factor / self.cautious_factor)

    @property
    def lasting(self) -> float:
        """Measured / profiled time over the last half second of work."""
        return max(self._workers[each].lasting.mean for each in self._counted)

    def fitted_s(self, profiled_s: float) -> float:
        """What a batch takes that was profiled at `profiled_s`, as far as the fit of the device knows."""
        return self._fit.expected_s(profiled_s)

    def beyond(self, care: float) -> float:
        """How many times as long as that batches take now; with `care`, what they take that lie above it."""
        return max(self._workers[each].beyond.careful(care) for each in self._counted)

    @property
    def spare(self) -> float:
        """What workers that come on top add to each of the others: 1 would be one as quick; in steps of a quarter."""
        added = self.lasting / len(self._counted) * sum(1.0 / self._workers[each].lasting.mean for each in self._on_top)
        return math.floor(min(added, 1.0) / SPARE_STEP) * SPARE_STEP

    @property
    def cautious_factor(self) -> float:
        """See `SlowDown.cautious_factor`."""
        return max(self._workers[each].cautious_factor for each in self._counted)
