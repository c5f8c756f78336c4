"""The process in which plans are made: `python -m jellyfish.control.solver NAME SEED`, asked and answering in messages.

A message is its length (4 bytes, big-endian) and msgpack. It ends with its input, which ends with the server. It takes
no core from what serves: the kernel runs it when others leave room (`os.nice`), and numpy keeps to one thread.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import time
from typing import BinaryIO

import msgspec

from jellyfish.config import PLANNERS
from jellyfish.control.planners import make_planner, own_planner
from jellyfish.control.problem import ClientDemand, DeviceOption, Plan, Problem
from jellyfish.control.solving import Solved
from jellyfish.core import Variant

NICENESS = 10
LENGTH_BYTES = 4
REHEARSAL = Problem(
    (ClientDemand("first", 10.0, (0.1, 0.1)), ClientDemand("second", 10.0, (0.1, 0.0))),
    (DeviceOption("device", ((0.005, 0.008), (0.02, 0.03))),),
    (Variant(128, "small"), Variant(256, "large")),
    (0.3, 0.7),
)
"""Planned for before the first question: planners load what they need where they need it."""


class Question(msgspec.Struct, frozen=True, array_like=True):
    """One solve."""

    problem: Problem
    running: Plan | None
    budget_s: float
    """Processor seconds."""


class Failure(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What the planner raised."""

    error: str


class Success(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What it answered."""

    solved: Solved


Reply = Success | Failure


class Solver:
    """Answers questions with the planner called `name`."""

    def __init__(self, name: str, seed: int) -> None:
        self._name, self._seed, self._count = name, seed, 0
        self._told_s = 0.0
        """Processor time of this process of which answers have told."""
        self._own = None if name in PLANNERS else own_planner(name)
        """One that a user brings, which may remember things."""

    def rehearse(self) -> None:
        """Load all that the planner needs. One that a user brings is not asked: it may remember things."""
        if self._own is None:
            make_planner(self._name, self._seed, time.process_time).plan(REHEARSAL, None)

    def answer(self, question: Question) -> Reply:
        """The plan, and the processor time of this whole process since the last answer, its start included."""
        began_s = time.process_time()
        self._count += 1
        planner = self._own or make_planner(self._name, self._seed + self._count, time.process_time, question.budget_s)
        try:
            plan = planner.plan(question.problem, question.running)
        except Exception as error:
            return Failure(f"{type(error).__name__}: {error}")
        loading_s, self._told_s = began_s - self._told_s, time.process_time()
        return Success(Solved(plan, self._told_s - began_s, loading_s))


def framed(message: object) -> bytes:
    """`message` with its length before it."""
    body = msgspec.msgpack.encode(message)
    return len(body).to_bytes(LENGTH_BYTES) + body


def serve(solver: Solver, questions: BinaryIO, replies: BinaryIO) -> None:
    """Answer until there are no more questions."""
    decoder = msgspec.msgpack.Decoder(Question)
    while head := questions.read(LENGTH_BYTES):
        replies.write(framed(solver.answer(decoder.decode(questions.read(int.from_bytes(head))))))
        replies.flush()


def main() -> None:
    """Answer at low priority. A server that has died in the middle of it is no error here.

    Priorities count within a session on systems that group processes by that, so this stays in the server's and takes
    no notice of the Ctrl-C that is meant for it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    importlib.import_module("scipy.optimize")  # planners load it where they use it, not all in a rehearsal
    with contextlib.suppress(BrokenPipeError):
        solver = Solver(sys.argv[1], int(sys.argv[2]))
        solver.rehearse()
        serve(solver, sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
