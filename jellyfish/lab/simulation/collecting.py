"""How the garbage collector is kept from taking a tenth of a simulation."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

ALLOCATIONS, YOUNG, MIDDLE = 100_000, 50, 100
"""Objects made until the collector looks at new ones, and how often it does so until it looks at older ones."""


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """For the time of the context. What is there by now stays: no module need be looked through again and again."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, YOUNG, MIDDLE)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
