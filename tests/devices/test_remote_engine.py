"""An engine in a process of its own: answers and errors come back, and a process that dies is started anew."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from jellyfish.core import Detection, Variant
from jellyfish.devices.remote_engine import RemoteEngine, RemoteError
from tests.dispatch.requests import LARGE, SMALL

FATAL, WRONG, ENDLESS = 255, 254, 253


class Told:
    """Finds in each canvas one object, with the process and the brightest pixel for its sides."""

    def detect(self, canvases: NDArray[np.uint8], variant: Variant) -> list[list[Detection]]:
        return self.detect_mixed(canvases, [variant] * len(canvases))

    def detect_mixed(self, canvases: NDArray[np.uint8], variants: Sequence[Variant]) -> list[list[Detection]]:
        if canvases.max() == FATAL:
            os._exit(1)
        if canvases.max() == WRONG:
            raise ValueError("a wrong pixel")
        if canvases.max() == ENDLESS:
            time.sleep(3600)
        pairs = zip(canvases, variants, strict=True)
        return [[Detection(each.resolution, 0.5, float(os.getpid()), float(c.max()), 1.0, 1.0)] for c, each in pairs]


def quiet() -> None:
    """Nothing to set up."""


@pytest.fixture
def engine() -> Iterator[RemoteEngine]:
    made = RemoteEngine(Told, quiet)
    yield made
    made.close()


def canvases(*brightest: int) -> NDArray[np.uint8]:
    made = np.zeros((len(brightest), 96, 128, 3), np.uint8)
    made[:, 50, 60, 1] = brightest
    return made


def test_pixels_go_there_and_detections_come_back(engine: RemoteEngine) -> None:
    [first], [second] = engine.detect(canvases(7, 9), SMALL)
    assert (first.label, first.top, second.top) == (SMALL.resolution, 7, 9)
    assert first.left == second.left != os.getpid()
    mixed = engine.detect_mixed(canvases(7, 9), [SMALL, LARGE])
    assert [found[0].label for found in mixed] == [SMALL.resolution, LARGE.resolution]


def test_what_the_engine_raises_is_raised_here_and_it_goes_on(engine: RemoteEngine) -> None:
    with pytest.raises(RemoteError, match="ValueError: a wrong pixel"):
        engine.detect(canvases(WRONG), SMALL)
    assert engine.detect(canvases(3), SMALL)[0][0].top == 3


def test_a_process_that_has_died_costs_its_batch_and_is_started_anew(engine: RemoteEngine) -> None:
    before = engine.detect(canvases(3), SMALL)[0][0].left
    with pytest.raises(RemoteError, match="started anew"):
        engine.detect(canvases(FATAL), SMALL)
    assert engine.detect(canvases(4), SMALL)[0][0].left != before


def test_closing_ends_the_process(engine: RemoteEngine) -> None:
    process = int(engine.detect(canvases(3), SMALL)[0][0].left)
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_process_that_hangs_is_killed_its_call_raises_and_the_next_one_starts_another(
    engine: RemoteEngine, stopped: bool
) -> None:
    """Stopped, it does not even take what is sent, so that its caller is stuck in sending."""
    before = int(engine.detect(canvases(3), SMALL)[0][0].left)
    if stopped:
        os.kill(before, signal.SIGSTOP)
    raised: list[BaseException] = []

    def call() -> None:
        try:
            engine.detect(canvases(*[ENDLESS] * 64), SMALL)
        except RemoteError as error:
            raised.append(error)

    calling = threading.Thread(target=call, daemon=True)
    calling.start()
    while not engine._calling.locked():
        time.sleep(0.001)
    engine.close()
    calling.join(30)
    assert "started anew" in str(raised[0])
    assert engine.detect(canvases(4), SMALL)[0][0].left != before
