"""Clients that no device can tell apart, and which of them can take another's place. Pure.

Clients of equal rate and weight whose budgets allow the same configurations (pairs of variant and batch size) are of
one type. A client can stand in for one of the same rate and weight when its budgets allow all that the other's allow.
Of hundreds of clients there are a few dozen types, and a linear programme over types that knows who can stand in for
whom is small.
"""

from __future__ import annotations

import numpy as np

from jellyfish.control.planners.task import Bools, Floats, Ints


class ClientTypes:
    """`of_client` (n,): each client's type; `count` (t,): clients of a type; `first` (t,): one client of each.

    `substitutes` (e, 2): pairs (i, j) where one of type i can stand in for one of type j; those that follow from
    others are left out, and pairs come in an order in which a type receives before it gives.
    """

    def __init__(self, fps: Floats, weight: Floats, allowed: Bools) -> None:
        """`fps`, `weight` (n,); `allowed` (c, n): whether the client's budgets allow the configuration."""
        keys: dict[tuple[float, float, bytes], int] = {}
        columns = np.ascontiguousarray(allowed.T)
        may = (row.tobytes() for row in np.packbits(columns, axis=1))
        signatures = zip(fps.tolist(), weight.tolist(), may, strict=True)
        self.of_client: Ints = np.array([keys.setdefault(signature, len(keys)) for signature in signatures])
        self.count: Ints = np.bincount(self.of_client, minlength=len(keys))
        self.first: Ints = np.unique(self.of_client, return_index=True)[1]
        self.substitutes = _substitutes(fps[self.first], weight[self.first], columns[self.first])


def _substitutes(fps: Floats, weight: Floats, allowed: Bools) -> Ints:
    yes, no = allowed.astype(np.float32), (~allowed).astype(np.float32)
    within = (no @ yes.T == 0.0) & (fps[:, None] == fps) & (weight[:, None] == weight)
    np.fill_diagonal(within, False)
    indirect = within.astype(np.float32) @ within.astype(np.float32) > 0.0
    pairs = np.argwhere(within & ~indirect)
    order = np.argsort(-allowed.sum(axis=1)[pairs[:, 0]], kind="stable")
    ordered: Ints = pairs[order]
    return ordered
