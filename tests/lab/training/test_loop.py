"""A whole run, tiny: learn, be interrupted, resume, measure, ship."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from jellyfish.errors import InputError
from jellyfish.lab.training.config import LogLine, Progress, TrainingConfig
from jellyfish.lab.training.data import Source
from jellyfish.lab.training.loop import learn, ship, start, train
from jellyfish.media.picture import write_picture
from jellyfish.models.slimmable.sizes import VARIANTS
from jellyfish.models.slimmable.weights import load_weights


@pytest.fixture
def config(tmp_path: Path) -> TrainingConfig:
    return TrainingConfig(
        output=tmp_path / "out" / "tiny.safetensors",
        folder=tmp_path / "run",
        steps=3,
        batch_size=1,
        workers=0,
        command="jellyfish train --steps 3",
    )


def test_a_run_ships_weights_whose_card_says_how_they_came_about(config, frames):
    told: list[Progress] = []
    learner = start(config)
    learn(config, learner, [Source(frames, 1.0)], told.append, lambda learner: 0.125)
    weights = ship(config, learner, {"rectangles": type(frames)(2)})
    assert [(p.phase, p.done, p.total) for p in told] == [("learn", done, 3) for done in (1, 2, 3)]
    assert all(p.loss is not None and p.loss > 0 for p in told)
    (line,) = (config.folder / "log.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(line, type=LogLine).ap50 == 0.125
    assert set(weights.variants()) == set(VARIANTS)
    loaded = load_weights(config.output)
    assert loaded.card.training.command == "jellyfish train --steps 3"
    assert loaded.card.training.steps == 3
    assert [(part.name, part.images) for part in loaded.card.evaluations] == [("rectangles", 2)]
    learned = learner.average.state_dict()
    assert torch.equal(loaded.tensors["stem.entry.weight"], learned["stem.entry.weight"].half())
    assert torch.equal(
        loaded.detector().state_dict()["second.0.expand.norms.w025.running_var"],
        learned["second.0.expand.norms.w025.running_var"],
    )


def test_a_run_stopped_between_steps_goes_on_to_the_same_weights(config, frames):
    straight = start(config)
    learn(config, straight, [Source(frames, 1.0)])

    class StopError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise StopError

    elsewhere = msgspec.structs.replace(config, folder=config.folder / "elsewhere", checkpoint_steps=1)
    with pytest.raises(StopError):
        learn(elsewhere, start(elsewhere), [Source(frames, 1.0)], stop)
    resumed = start(msgspec.structs.replace(elsewhere, resume=True))
    assert 0 < resumed.steps_done < 3
    learn(elsewhere, resumed, [Source(frames, 1.0)])
    for name, tensor in straight.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[name], tensor)


def test_there_must_be_a_checkpoint_to_resume_from(config):
    with pytest.raises(InputError, match="no checkpoint"):
        start(msgspec.structs.replace(config, resume=True))


def test_photographs_that_do_not_fit_their_labels_are_refused_before_anything_is_learned(config, tmp_path):
    write_picture(tmp_path / "a.png", np.zeros((90, 160, 3), np.uint8))
    image = {"id": 1, "file_name": "a.png", "width": 320, "height": 180}
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"images": [image], "annotations": [], "categories": [{"id": 1, "name": "car"}]}))
    with pytest.raises(InputError, match=r"labelled at 320 x 180 pixels, but .*a\.png is 160 x 90"):
        train(msgspec.structs.replace(config, validation=labels))
