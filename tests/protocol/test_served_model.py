"""What a client learns of the model: any sizes, those of older servers too, and none that it could not send."""

from __future__ import annotations

import pytest

from jellyfish.core import InputSize, Task
from jellyfish.errors import ProtocolError
from jellyfish.models.slimmable.street import RESOLUTIONS, input_size
from jellyfish.protocol import wire
from jellyfish.protocol.served_model import ServedModel, served_model


def welcome(resolutions: tuple[int, ...], *inputs: InputSize) -> wire.Welcome:
    plan = wire.PlanMessage(resolutions[0] if resolutions else 1, "", mapped=True, probe_interval_ms=250)
    return wire.Welcome(("car",), resolutions, 4, 10**6, plan, model="mine", version="2", inputs=inputs)


def test_frames_are_scaled_to_what_the_welcome_says() -> None:
    inputs = InputSize(224, 224), InputSize(320, 640)
    model = served_model(welcome((224, 640), *inputs))
    assert model == ServedModel("mine", "2", Task.DETECTION, ("car",), {224: inputs[0], 640: inputs[1]})
    assert [size.fitted(1280, 720) for size in model.inputs.values()] == [(224, 126), (320, 180)]


def test_one_single_size_is_a_ladder() -> None:
    assert served_model(welcome((416,), InputSize(416, 416))).inputs == {416: InputSize(416, 416)}


def test_a_server_that_does_not_say_takes_wide_frames_in_multiples_of_32_as_the_one_detector_of_then_did() -> None:
    assert served_model(welcome(RESOLUTIONS)).inputs == {each: input_size(each) for each in RESOLUTIONS}
    assert served_model(welcome((20,))).inputs == {20: InputSize(20, 20)}


@pytest.mark.parametrize(
    ("resolutions", "inputs", "words"),
    [
        ((), (), "ascending"),
        ((256, 128), (), "ascending"),
        ((70_000,), (), "up to 65535"),
        ((128, 256), (InputSize(128, 96),), "one for each"),
        ((128,), (InputSize(96, 96),), "longest side"),
        ((128,), (InputSize(128, 0),), "longest side"),
    ],
)
def test_sizes_that_no_client_can_send_are_refused(
    resolutions: tuple[int, ...], inputs: tuple[InputSize, ...], words: str
) -> None:
    with pytest.raises(ProtocolError, match=words):
        served_model(welcome(resolutions, *inputs))
