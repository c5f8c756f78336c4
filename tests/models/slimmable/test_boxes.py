"""Decoding and selection of boxes."""

import pytest
import torch

from jellyfish.models.slimmable.boxes import MAXIMUM_DETECTIONS, decode, grid_points, select
from jellyfish.models.slimmable.detector import PREDICTIONS
from jellyfish.models.slimmable.street import CLASSES

POINTS = grid_points(64, 96)


def silence(images: int = 1) -> torch.Tensor:
    """Raw predictions that find nothing."""
    predictions = torch.zeros(images, len(POINTS), PREDICTIONS)
    predictions[..., : len(CLASSES)] = -9.0
    return predictions


def test_grid_points_are_cell_centres_row_by_row_finest_level_first():
    assert POINTS[0].tolist() == [4, 4, 8]
    assert POINTS[1].tolist() == [12, 4, 8]
    assert POINTS[12].tolist() == [4, 12, 8]
    assert POINTS[8 * 12].tolist() == [8, 8, 16]
    assert POINTS[-1].tolist() == [80, 48, 32]


def test_a_box_is_its_points_cell_twice_over_unless_told_otherwise():
    assert decode(torch.zeros(4), torch.tensor([20.0, 12.0, 8.0])).tolist() == [12, 4, 28, 20]


def test_offset_and_size_are_in_strides():
    parameters = torch.tensor([0.5, -1.0, torch.log(torch.tensor(2.0)), torch.log(torch.tensor(0.5))])
    sides = decode(parameters, torch.tensor([20.0, 12.0, 8.0]))
    torch.testing.assert_close(sides, torch.tensor([8.0, 0.0, 40.0, 8.0]))


def test_nothing_above_the_threshold_gives_no_boxes():
    assert len(select(silence(3), POINTS, 0.3).score) == 0


def test_score_threshold_separates():
    predictions = silence()
    predictions[0, 0, 2], predictions[0, 30, 4] = 1.0, -1.0
    boxes = select(predictions, POINTS, 0.5)
    assert boxes.label.tolist() == [2]
    assert boxes.score.tolist() == pytest.approx([0.7311], abs=1e-4)
    assert len(select(predictions, POINTS, 0.25).score) == 2


def test_overlapping_boxes_of_one_class_and_image_leave_the_best():
    predictions = silence(2)
    predictions[:, 14, 0], predictions[:, 15, 0] = 2.0, 1.0
    predictions[:, 15, len(CLASSES)] = -1.0  # moves the second box onto the first
    boxes = select(predictions, POINTS, 0.3)
    assert sorted(boxes.image.tolist()) == [0, 1]
    predictions[:, 15, 0], predictions[:, 15, 1] = -9.0, 1.0
    assert len(select(predictions, POINTS, 0.3).score) == 4


def test_images_do_not_suppress_each_others_boxes_and_come_one_by_one_best_first():
    predictions = silence(2)
    predictions[0, 14, 0], predictions[1, 14, 0], predictions[1, 60, 3] = 1.0, 2.0, 0.0
    boxes = select(predictions, POINTS, 0.3)
    assert boxes.image.tolist() == [0, 1, 1]
    assert boxes.label.tolist() == [0, 0, 3]


def test_no_image_has_more_than_the_maximum_and_keeps_its_best():
    points = grid_points(128, 160)
    predictions = torch.zeros(2, len(points), PREDICTIONS)
    predictions[..., : len(CLASSES)] = -9.0
    predictions[..., len(CLASSES) + 2 :] = -3.0  # tiny boxes: none overlap
    predictions[0, :, 0] = torch.linspace(3, 1, len(points))
    predictions[1, :5, 0] = 0.0
    boxes = select(predictions, points, 0.3)
    assert int((boxes.image == 0).sum()) == MAXIMUM_DETECTIONS
    assert int((boxes.image == 1).sum()) == 5
    least = float(torch.linspace(3, 1, len(points))[MAXIMUM_DETECTIONS - 1].sigmoid())
    assert float(boxes.score[boxes.image == 0].min()) == pytest.approx(least, abs=1e-5)
