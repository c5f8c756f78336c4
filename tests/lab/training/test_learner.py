"""Learning: it does, and it can be interrupted."""

from pathlib import Path

import pytest
import torch

from jellyfish.errors import InputError
from jellyfish.lab.training.checkpoint import load_checkpoint, save_checkpoint
from jellyfish.lab.training.data import Source, StepBatches
from jellyfish.lab.training.learner import Learner, learning_rate, widths_of

CPU = torch.device("cpu")


@pytest.fixture
def dataset(frames) -> StepBatches:
    return StepBatches([Source(frames, 1.0)], {128: 1.0}, batch_size=3, seed=0)


def test_loss_falls_when_the_same_images_come_again(dataset):
    learner = Learner(seed=0, device=CPU, peak_rate=0.02)  # of which the warm-up lets through a few per cent
    batch = dataset[0]
    losses = [learner.step(batch, steps=1_000) for _ in range(16)]
    assert losses[-1] < 0.8 * losses[0]


def test_a_resumed_run_equals_an_uninterrupted_one(dataset, tmp_path: Path):
    straight = Learner(seed=3, device=CPU)
    losses = [straight.step(dataset[step], steps=3) for step in range(3)]
    interrupted = Learner(seed=3, device=CPU)
    interrupted.step(dataset[0], steps=3)
    save_checkpoint(tmp_path / "checkpoint.pt", interrupted.state())
    resumed = Learner(seed=3, device=CPU)
    resumed.restore(load_checkpoint(tmp_path / "checkpoint.pt"))
    assert [resumed.step(dataset[step], steps=3) for step in range(1, 3)] == pytest.approx(losses[1:])
    assert resumed.steps_done == straight.steps_done == 3
    for name, tensor in straight.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[name], tensor)


def test_the_widest_learns_alone_and_then_with_the_narrowest_and_one_between():
    assert {widths_of(step, steps=100, seed=1) for step in range(60)} == {(1.0,)}
    chosen = [widths_of(step, steps=100, seed=1) for step in range(60, 100)]
    assert {widths[0] for widths in chosen} == {1.0}
    assert {widths[-1] for widths in chosen} == {0.25}
    assert {widths[1] for widths in chosen} == {0.5, 0.75}
    assert chosen == [widths_of(step, steps=100, seed=1) for step in range(60, 100)]


def test_learning_rate_rises_holds_and_falls():
    rates = [learning_rate(step, 2_000, peak=1.0) for step in range(2_000)]
    assert rates[0] < 0.01
    assert rates[500] == rates[1_000] == 1.0
    assert rates[1_600] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.01


def test_a_missing_or_damaged_checkpoint_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no checkpoint"):
        load_checkpoint(tmp_path / "none.pt")
    (tmp_path / "bad.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="Cannot read the checkpoint"):
        load_checkpoint(tmp_path / "bad.pt")


def test_an_initialised_stem_stays_as_it_is_and_the_rest_learns(dataset):
    learner = Learner(seed=0, device=CPU, initialise=lambda detector: None)
    before = {name: tensor.clone() for name, tensor in learner.detector.state_dict().items()}
    learner.step(dataset[0], steps=1)
    after = learner.detector.state_dict()
    frozen = ("stem.entry.", "stem.blocks.0.", "stem.blocks.1.", "stem.blocks.2.")
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith(frozen))
    assert not torch.equal(after["stem.blocks.3.expand.weight"], before["stem.blocks.3.expand.weight"])
    assert not torch.equal(after["fourth.0.expand.weight"], before["fourth.0.expand.weight"])
