"""How far one batch's time tells the next one's: slow moments last. Of those who measure alone, for it loads SciPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def persistence_of(ratios: Sequence[float]) -> float:
    """Rank correlation between each sample and the next, none below 0."""
    if len(ratios) < 3 or min(ratios) == max(ratios):
        return 0.0
    from scipy.stats import rankdata  # a second to load

    ranks = rankdata(ratios)
    before, after = ranks[:-1], ranks[1:]
    if before.std() == 0.0 or after.std() == 0.0:
        return 0.0
    return max(0.0, float(np.corrcoef(before, after)[0, 1]))
