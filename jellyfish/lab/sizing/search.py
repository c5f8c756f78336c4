"""Which numbers of devices to look at: the fewest that do, by doubling and halving; then those around it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

AT_ONCE = 3
"""Numbers that are checked in one round."""
MOST_ROUNDS = 5


def fewest(does: Callable[[int], bool], first: int, most: int) -> int | None:
    """The fewest from 1 to `most` that do, where more never do worse; None where not even `most` do.

    Doubling from `first` on, or halving down from there, then halving what is between.
    """
    low, high = 0, min(first, most)
    while not does(high):
        if high == most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        if does(middle):
            high = middle
        else:
            low = middle
    return high


def to_check(expected: int, does: Mapping[int, bool], most: int) -> list[int]:
    """Which numbers to check next, where `expected` should be the fewest that do and some are known; none when the
    fewest is known, and what one fewer and one more do."""
    if expected not in does:
        return _unknown((expected - 1, expected, expected + 1), does, most)
    good = min((number for number, well in does.items() if well), default=None)
    if good is None:
        last, step = max(does), max(1, len(does) // AT_ONCE)
        return _unknown((last + step, last + 2 * step, last + 3 * step), does, most)
    bad = max((number for number, well in does.items() if not well and number < good), default=None)
    if bad is not None and good - bad > 1:
        between = good - bad
        return sorted({bad + between * part // (AT_ONCE + 1) for part in range(1, AT_ONCE + 1)} - {bad})
    lower = bad is None and good < expected  # the plans asked for too many: there may be more to save
    fewer = (good - 4, good - 2, good - 1) if lower else (good - 1,)
    return _unknown((*fewer, good + 1), does, most)


def _unknown(numbers: tuple[int, ...], does: Mapping[int, bool], most: int) -> list[int]:
    return [number for number in numbers if 1 <= number <= most and number not in does]
