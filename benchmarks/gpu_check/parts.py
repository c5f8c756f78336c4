"""The parts of a check in their order, and how long each may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.gpu_check.correctness import correctness
from benchmarks.gpu_check.facts import facts
from benchmarks.gpu_check.findings import Found
from benchmarks.gpu_check.memory import memory
from benchmarks.gpu_check.pieces import pieces
from benchmarks.gpu_check.place import Place
from benchmarks.gpu_check.serving import cameras, goodput
from benchmarks.gpu_check.times import loading, mixing, profile, switching
from benchmarks.gpu_check.training import training
from benchmarks.gpu_check.trials import trials


@dataclass(frozen=True, slots=True)
class Part:
    """Something to find out."""

    name: str
    title: str
    run: Callable[[Place, float], Found]
    """Of a place, within about so many seconds."""
    budget_s: float
    short_s: float
    """The same in the short form."""


PARTS = (
    Part("facts", "The machine", facts, 10, 1),
    Part("loading", "How long until it is ready?", loading, 45, 1),
    Part("correctness", "Are the answers right?", correctness, 70, 8),
    Part("profile", "How long does a batch take?", profile, 60, 2),
    Part("pieces", "Where does the time go?", pieces, 25, 1),
    Part("switching", "What does another size cost?", switching, 10, 0.5),
    Part("mixing", "Do mixed batches pay?", mixing, 20, 0.5),
    Part("goodput", "What is served in time in overload?", goodput, 40, 1.5),
    Part("cameras", "How many cameras?", cameras, 60, 2),
    Part("memory", "What does it hold?", memory, 2, 1),
    Part("training", "Does it learn there?", training, 60, 2),
    Part("trials", "What might be quicker?", trials, 60, 0.5),
)
