"""The host's costs: measured end to end with everything small, and pictures that weigh what frames do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jellyfish.control.frame_size import reference_bytes
from jellyfish.lab.simulation.model import load_model
from jellyfish.media.jpeg import encode_jpeg
from jellyfish.modes.host_costs import codecs, measure, streaming


def test_a_picture_weighs_what_frames_do() -> None:
    weight = len(encode_jpeg(codecs.street_like()))
    assert weight == pytest.approx(codecs.WEIGHT * reference_bytes(codecs.CAMERA_SIZE[0]), rel=0.1)


def test_every_cost_is_measured_with_a_server_and_its_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        codecs: {"ROUNDS": 2, "CLIP_S": 0.4},
        streaming: {"FEW": 1, "MANY": 3, "STREAM_S": 0.4},
    }
    for module, values in small.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    model = load_model("cpu")
    moving = replace(model.description, movable=True)
    costs = measure.measure_host(model.profile, moving, lambda words, done, total: None)
    assert costs.resolutions == tuple(moving.ladder)
    assert min(*costs.decode_s, *costs.encode_s, *costs.hand_s, costs.capture_s, costs.server_s, costs.camera_s) > 0.0


def test_what_takes_longer_after_a_pause_is_told_as_a_share_of_what_it_usually_takes() -> None:
    times = [codecs.Took(0.003, 0.001), codecs.Took(0.003, 0.003)]
    assert [each.usual_s for each in times] == [0.002, 0.003]
    assert codecs.rested(times) == pytest.approx(0.2)
    assert codecs.rested([codecs.Took(0.001, 0.002)]) == 0.0
