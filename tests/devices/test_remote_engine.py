"""An engine in a process of its own: answers and errors come back, and a process that dies is started anew."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jellyfish.core import Answer, Detection, Variant
from jellyfish.devices.remote_engine import RemoteEngine, RemoteError
from jellyfish.errors import InputError
from jellyfish.models.model import Engine, EngineOptions, Image, WholeBatches, answers
from tests.server.peer import LARGE, MODEL, SMALL

FATAL, WRONG, ENDLESS = 255, 254, 253


class Told:
    """Finds in each image one object, with the process, the brightest pixel and the size for its sides."""

    def __init__(self, unfit: str = "") -> None:
        self.description = replace(MODEL, movable=True)
        self._unfit = unfit

    def engine(self, options: EngineOptions) -> Engine:
        if self._unfit:
            raise InputError(self._unfit)
        return Telling()


class Telling(WholeBatches):
    memory_bytes = 7

    def __init__(self) -> None:
        super().__init__(lambda images, variant: [])

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> Any:
        return images, variants

    def launch(self, inputs: Any) -> list[Answer]:
        images, variants = inputs
        brightest = max(int(image.max()) for image in images)
        if brightest == FATAL:
            os._exit(1)
        if brightest == WRONG:
            raise ValueError("a wrong pixel")
        if brightest == ENDLESS:
            time.sleep(3600)
        return [told(image, each) for image, each in zip(images, variants, strict=True)]


def told(image: Image, variant: Variant) -> Answer:
    height, width, _ = image.shape
    return Answer((Detection(variant.resolution, 0.5, float(os.getpid()), float(image.max()), width, height),))


def quiet() -> None:
    """Nothing to set up."""


@pytest.fixture
def engine() -> Iterator[RemoteEngine]:
    made = RemoteEngine(Told(), EngineOptions(), quiet)
    yield made
    made.close()


def image(brightest: int, width: int = 128) -> Image:
    made = np.zeros((96, width, 3), np.uint8)
    made[50, 60, 1] = brightest
    return made


def found(engine: RemoteEngine, *brightest: int) -> list[Detection]:
    images = [image(each) for each in brightest]
    return [answer.detections[0] for answer in answers(engine, images, [SMALL] * len(images))]


def test_images_of_any_size_go_there_and_answers_come_back(engine: RemoteEngine) -> None:
    sizes = answers(engine, [image(7), image(9, width=70)], [SMALL, LARGE])
    (first,), (second,) = (answer.detections for answer in sizes)
    assert (first.label, first.top, first.right, first.bottom) == (SMALL.resolution, 7, 128, 96)
    assert (second.label, second.top, second.right, second.bottom) == (LARGE.resolution, 9, 70, 96)
    assert first.left == second.left != os.getpid()
    assert engine.memory_bytes == 7


def test_a_model_of_which_no_engine_can_be_made_says_why_each_time() -> None:
    unfit = RemoteEngine(Told("the weights are of another network"), EngineOptions(), quiet)
    for _ in range(2):
        with pytest.raises(InputError, match="of another network"):
            found(unfit, 3)
    unfit.close()


def test_a_model_that_cannot_travel_although_it_says_so_is_refused() -> None:
    class Local(Told):
        """Known nowhere else."""

    with pytest.raises(InputError, match="tested cannot be pickled"):
        RemoteEngine(Local(), EngineOptions(), quiet)


def test_what_the_engine_raises_is_raised_here_and_it_goes_on(engine: RemoteEngine) -> None:
    with pytest.raises(RemoteError, match="ValueError: a wrong pixel"):
        found(engine, WRONG)
    assert found(engine, 3)[0].top == 3


def test_a_process_that_has_died_costs_its_batch_and_is_started_anew(engine: RemoteEngine) -> None:
    before = found(engine, 3)[0].left
    with pytest.raises(RemoteError, match="started anew"):
        found(engine, FATAL)
    assert found(engine, 4)[0].left != before


def test_closing_ends_the_process(engine: RemoteEngine) -> None:
    process = int(found(engine, 3)[0].left)
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_process_that_hangs_is_killed_its_call_raises_and_the_next_one_starts_another(
    engine: RemoteEngine, stopped: bool
) -> None:
    """Stopped, it does not even take what is sent, so that its caller is stuck in sending."""
    before = int(found(engine, 3)[0].left)
    if stopped:
        os.kill(before, signal.SIGSTOP)
    raised: list[BaseException] = []

    def call() -> None:
        try:
            found(engine, *[ENDLESS] * 64)
        except RemoteError as error:
            raised.append(error)

    calling = threading.Thread(target=call, daemon=True)
    calling.start()
    while not engine._calling.locked():
        time.sleep(0.001)
    engine.close()
    calling.join(30)
    assert "started anew" in str(raised[0])
    assert found(engine, 4)[0].left != before
