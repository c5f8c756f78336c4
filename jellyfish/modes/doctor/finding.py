"""What was found, as a value."""

from __future__ import annotations

import enum

import msgspec


class Fitness(enum.StrEnum):
    """How good that is."""

    GOOD = "good"
    ADVICE = "advice"
    """It serves, and would serve better otherwise."""
    PREVENTS = "prevents"
    """Nothing can be served so."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    about: str
    found: str
    verdict: Fitness = Fitness.GOOD
    change: str = ""
    """What to do; empty where it is good."""


def advice(about: str, found: str, change: str) -> Finding:
    """One that would better be otherwise."""
    return Finding(about, found, Fitness.ADVICE, change)


def prevents(about: str, found: str, change: str) -> Finding:
    """One with which nothing can be served."""
    return Finding(about, found, Fitness.PREVENTS, change)
