"""Questions that are asked of a process of its own."""

from __future__ import annotations

from functools import partial
from multiprocessing import Pipe

from jellyfish.devices.processes import _reply


def test_an_answer_that_nobody_waits_for_any_more_is_no_failure() -> None:
    ours, theirs = Pipe(duplex=False)
    ours.close()
    _reply(theirs, partial(int, "3"))


def test_an_answer_gets_to_who_asked() -> None:
    ours, theirs = Pipe(duplex=False)
    _reply(theirs, partial(int, "3"))
    assert ours.recv() == 3
