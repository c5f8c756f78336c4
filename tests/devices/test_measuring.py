"""How the times of a batch are taken: the engine's steps in the order that serving has them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jellyfish.core import Answer, Variant
from jellyfish.devices.measuring import TURNS, batch_times
from jellyfish.devices.profile.measure import noise
from jellyfish.errors import RunError
from jellyfish.models.model import Image
from tests.models.descriptions import described

VARIANT = Variant(128, "w025")
IMAGES = noise(described(VARIANT), VARIANT, 2)


class Steps:
    """An engine that writes down what is asked of it."""

    memory_bytes = 0

    def __init__(self, fails: bool = False) -> None:
        self.launched: list[int] = []
        self.finished: list[int] = []
        self.most = 0
        self._prepared, self._fails = 0, fails

    def prepare(self, images: Sequence[Image], variants: Sequence[Variant]) -> int:
        assert len(images) == len(variants) == 2
        self._prepared += 1
        return self._prepared

    def launch(self, inputs: int) -> int:
        if self._fails:
            raise ValueError("no such layer")
        self.launched.append(inputs)
        self.most = max(self.most, len(self.launched) - len(self.finished))
        return inputs

    def finish(self, handle: int) -> list[Answer]:
        self.finished.append(handle)
        return [Answer(), Answer()]


def test_with_one_batch_at_a_time_occupancy_is_latency() -> None:
    engine = Steps()
    times = batch_times(engine, 1, VARIANT, IMAGES)
    assert (engine.launched, engine.finished, engine.most) == ([1], [1], 1)
    assert 0.0 <= times.prepare_s <= times.latency_s == times.occupancy_s


@pytest.mark.parametrize("in_flight", [2, 3])
def test_with_several_in_flight_they_follow_each_other_without_a_pause(in_flight: int) -> None:
    engine = Steps()
    times = batch_times(engine, in_flight, VARIANT, IMAGES)
    batches = list(range(1, 1 + in_flight + TURNS + 1))
    assert (engine.launched, engine.finished, engine.most) == (batches, batches, in_flight)
    assert times.occupancy_s > 0.0


def test_what_an_engine_raises_is_told_in_words() -> None:
    with pytest.raises(RunError, match="ValueError: no such layer"):
        batch_times(Steps(fails=True), 1, VARIANT, IMAGES)
