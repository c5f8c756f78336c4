"""A guess, and how much it is worth."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Sure(enum.StrEnum):
    """How sure a guess is, as people read it."""

    KNOWN = "the graph says so"
    LIKELY = "likely"
    GUESS = "a guess: check it"


@dataclass(frozen=True)
class Guess:
    """One of the things that `model.toml` says."""

    what: str
    value: str
    sure: Sure
    why: str
