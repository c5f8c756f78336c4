"""What clients count beside each other in plans. Pure.

A client of importance 2 counts as two of importance 1: in how many have a place, and in what accuracy is worth. So
where not all can be served alike, the less important lose first, and who is as important as another counts the same.

Planners count in whole numbers: each importance as so many times the greatest part that all have in common, 1 for all
where they are alike. Sums of them are exact then, and importances that are all the same change no plan at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from jellyfish.control.problem import ClientDemand

LEAST, MOST = 0.01, 100.0
"""What counts less counts as the first, what counts more as the second."""
STEP = 0.01
"""Importances that differ by less may be the same."""


def weights(clients: Iterable[ClientDemand]) -> list[float]:
    """What each of `clients` counts, in this order: whole numbers from 1 on."""
    steps = [round(min(max(client.importance, LEAST), MOST) / STEP) for client in clients]
    common = math.gcd(*steps)
    return [float(each // common) for each in steps]


def differ(clients: Iterable[ClientDemand]) -> bool:
    """Whether some of `clients` are more important than others."""
    return len({client.importance for client in clients}) > 1
