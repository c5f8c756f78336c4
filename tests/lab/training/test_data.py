"""Augmented batches by step number."""

import numpy as np
import pytest
import torch

from jellyfish.core import LabelledObject
from jellyfish.errors import InputError
from jellyfish.lab.training.augment import augment
from jellyfish.lab.training.data import Source, StepBatches, TellingBatches, batches, loader

CPU = torch.device("cpu")


def test_the_batch_of_a_step_is_the_same_every_time_and_differs_between_steps(frames):
    dataset = StepBatches([Source(frames, 1.0)], {128: 1.0}, batch_size=2, seed=5)
    first, again, other = dataset[3], dataset[3], dataset[4]
    assert torch.equal(first.images, again.images)
    assert all(torch.equal(a, b) for a, b in zip(first.labels, again.labels, strict=True))
    assert not torch.equal(first.images, other.images)
    assert not torch.equal(first.images, StepBatches([Source(frames, 1.0)], {128: 1.0}, batch_size=2, seed=6)[3].images)


def test_steps_come_in_order_wherever_they_start(frames):
    dataset = StepBatches([Source(frames, 1.0)], {128: 1.0}, batch_size=1, seed=5)
    for step, batch in zip(range(7, 9), batches(dataset, range(7, 9), 0, CPU), strict=True):
        assert torch.equal(batch.images, dataset[step].images)


def test_smaller_canvases_come_in_larger_batches(frames):
    dataset = StepBatches([Source(frames, 1.0)], {128: 0.5, 256: 0.5}, batch_size=2, seed=0)
    sizes = {batch.resolution: batch.images.shape for batch in (dataset[step] for step in range(12))}
    assert sizes == {128: (4, 3, 96, 128), 256: (2, 3, 160, 256)}


def test_objects_stay_on_their_pixels():
    image = np.full((360, 640, 3), 20, dtype=np.uint8)
    image[100:220, 200:360] = 255
    box = LabelledObject(0, 2, 200 / 640, 100 / 360, 360 / 640, 220 / 360)
    random = np.random.default_rng(1)
    for _ in range(20):
        sample = augment([(image, [box])], 256, random)
        rows, columns = np.nonzero(sample.canvas.min(axis=2) > 170)
        pixels = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(sample.sides[0], pixels, atol=3.0)
        assert sample.label.tolist() == [2]


def test_labels_lie_on_the_canvas_and_remnants_are_ignored(frames):
    random = np.random.default_rng(2)
    ignored = 0
    for number in range(40):
        sample = augment([frames[number]], 192, random)
        height, width = sample.canvas.shape[:2]
        assert (sample.sides >= 0).all()
        assert (sample.sides <= [width, height, width, height]).all()
        assert (sample.sides[:, 2:] > sample.sides[:, :2]).all()
        ignored += int(sample.ignore.sum())
    assert ignored > 0


def test_an_ignored_object_is_not_valid(frames):
    class Ignored(type(frames)):
        def __getitem__(self, number):
            image, objects = super().__getitem__(number)
            return image, [LabelledObject(0, 1, o.left, o.top, o.right, o.bottom, ignore=True) for o in objects]

    labels = StepBatches([Source(Ignored(3), 1.0)], {128: 1.0}, batch_size=3, seed=0)[0].labels
    assert not labels.valid.any()
    assert labels.ignore.any()


def test_two_frames_side_by_side_keep_their_objects_on_their_pixels():
    left, right = np.full((200, 200, 3), 20, dtype=np.uint8), np.full((360, 640, 3), 20, dtype=np.uint8)
    left[60:140, 60:140], right[100:220, 200:360] = 255, 255
    boxes = LabelledObject(0, 0, 0.3, 0.3, 0.7, 0.7), LabelledObject(1, 4, 200 / 640, 100 / 360, 360 / 640, 220 / 360)
    random, whole = np.random.default_rng(4), 0
    for _ in range(20):
        sample = augment([(left, [boxes[0]]), (right, [boxes[1]])], 256, random)
        assert sample.canvas.shape == (160, 256, 3)
        for label, sides, ignore in zip(sample.label, sample.sides, sample.ignore, strict=True):
            inside = sample.canvas[round(sides[1]) : round(sides[3]), round(sides[0]) : round(sides[2])]
            if not ignore and inside.size:
                whole += 1
                assert np.median(inside) > 100, label
    assert whole > 15


def test_sources_are_drawn_by_their_shares(frames):
    class Bare(type(frames)):
        def __getitem__(self, number):
            return super().__getitem__(number)[0], []

    dataset = StepBatches([Source(frames, 0.25), Source(Bare(6), 0.75)], {128: 1.0}, batch_size=4, seed=0)
    labelled = [bool(row.any()) for step in range(25) for row in dataset[step].labels.valid]
    assert 0.1 < sum(labelled) / len(labelled) < 0.4


class Unreadable:
    """Frames of which none can be decoded."""

    def __len__(self):
        return 1

    def __getitem__(self, number):
        raise InputError("half.jpg is truncated")


def test_a_frame_that_cannot_be_read_is_told_in_its_own_words_and_not_in_a_workers_traceback():
    dataset = StepBatches([Source(Unreadable(), 1.0)], {128: 1.0}, batch_size=1, seed=0)
    with pytest.raises(InputError, match=r"^half\.jpg is truncated$"):
        next(batches(dataset, range(3), 0, CPU))
    assert isinstance(TellingBatches(dataset)[0], InputError)


def test_a_gpu_finds_its_batches_in_memory_that_it_reads_by_itself(frames):
    dataset = StepBatches([Source(frames, 1.0)], {128: 1.0}, batch_size=1, seed=0)
    assert loader(dataset, range(1), 0, torch.device("cuda")).pin_memory
    assert not loader(dataset, range(1), 0, CPU).pin_memory
