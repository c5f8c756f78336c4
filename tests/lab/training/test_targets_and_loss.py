"""Which points answer for which objects, and what wrong answers cost."""

import pytest
import torch

from jellyfish.lab.training.loss import detection_loss, targets_of
from jellyfish.lab.training.targets import Labels, overlap
from jellyfish.models.slimmable.boxes import decode, grid_points
from jellyfish.models.slimmable.detector import PREDICTIONS
from jellyfish.models.slimmable.street import CLASSES

POINTS = grid_points(64, 96)


def labels(*objects: tuple[int, float, float, float, float], ignore: tuple[bool, ...] = ()) -> Labels:
    """Labels of a batch of one image."""
    flags = torch.tensor([ignore or (False,) * len(objects)])
    table = torch.tensor([objects])
    return Labels(table[..., 0].long(), table[..., 1:].float(), ~flags, flags)


def predictions(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, len(POINTS), PREDICTIONS, generator=generator) * 0.1


def test_overlap_of_hand_worked_boxes():
    a = torch.tensor([[0.0, 0, 2, 2]])
    b = torch.tensor([[1.0, 0, 3, 2], [0, 0, 2, 2], [5, 5, 6, 6]])
    torch.testing.assert_close(overlap(a, b), torch.tensor([1 / 3, 1.0, 0.0]))


def test_points_of_an_object_lie_in_it_and_carry_its_label_and_box():
    targets = targets_of(predictions(), POINTS, labels((4, 16, 16, 48, 40)))
    chosen = targets.quality[0] > 0
    assert 0 < int(chosen.sum()) <= 9
    assert bool((targets.label[0][chosen] == 4).all())
    assert bool((targets.sides[0][chosen] == torch.tensor([16.0, 16, 48, 40])).all())
    x, y = POINTS[chosen, 0], POINTS[chosen, 1]
    # The coarsest level's points may reach for an object from three quarters of a stride away.
    assert bool(((x - 32).abs() <= 24).all()) and bool(((y - 28).abs() <= 24).all())


def test_the_best_points_quality_is_its_overlap():
    raw = predictions()
    targets = targets_of(raw, POINTS, labels((1, 16, 16, 48, 40)))
    best = int(targets.quality[0].argmax())
    boxes = decode(raw[0, :, len(CLASSES) :], POINTS)
    chosen = targets.quality[0] > 0
    iou = overlap(boxes[chosen], torch.tensor([[16.0, 16, 48, 40]]))
    assert float(targets.quality[0, best]) == pytest.approx(float(iou.max()), rel=1e-4)


def test_an_object_smaller_than_every_cell_still_gets_a_point():
    targets = targets_of(predictions(), POINTS, labels((0, 30.5, 30.5, 32, 33)))
    assert int((targets.quality[0] > 0).sum()) >= 1


def test_a_point_wanted_by_two_objects_answers_for_the_one_it_overlaps_most():
    both = labels((0, 8, 8, 40, 40), (1, 12, 8, 44, 40))
    targets = targets_of(predictions(), POINTS, both)
    owners = {int(label) for label in targets.label[0][targets.quality[0] > 0]}
    assert owners == {0, 1}


def test_an_empty_image_has_only_background():
    empty = Labels(
        torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 1, 4), torch.zeros(1, 1).bool(), torch.zeros(1, 1).bool()
    )
    targets = targets_of(predictions(), POINTS, empty)
    assert float(targets.quality.sum()) == 0
    assert float(targets.weight.min()) == 1
    assert bool(detection_loss(predictions(), POINTS, targets).isfinite())


def test_ignored_regions_give_no_loss():
    targets = targets_of(predictions(), POINTS, labels((0, 0, 0, 96, 64), ignore=(True,)))
    raw = predictions().requires_grad_()
    loss = detection_loss(raw, POINTS, targets)
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(raw.grad.abs().max()) == 0


def test_outside_ignored_regions_loss_is_as_ever():
    raw = predictions().requires_grad_()
    targets = targets_of(raw, POINTS, labels((0, 0, 0, 32, 64), ignore=(True,)))
    detection_loss(raw, POINTS, targets).backward()
    gradient = raw.grad[0, :, : len(CLASSES)].abs().sum(dim=1)
    inside = POINTS[:, 0] < 32
    assert float(gradient[inside].max()) == 0
    assert float(gradient[~inside].min()) > 0


def test_an_object_within_an_ignored_region_is_still_asked_for():
    both = labels((0, 0, 0, 96, 64), (2, 16, 16, 48, 40), ignore=(True, False))
    targets = targets_of(predictions(), POINTS, both)
    assert bool((targets.weight[0][targets.quality[0] > 0] == 1).all())
    assert float(detection_loss(predictions(), POINTS, targets)) > 0


def test_a_perfect_answer_costs_less_than_a_poor_one():
    raw = predictions()
    wanted = labels((3, 16, 16, 48, 40))
    targets = targets_of(raw, POINTS, wanted)
    better = raw.clone()
    better[..., : len(CLASSES)] = -8.0
    better[0, targets.quality[0] > 0, 3] = 2.0
    assert float(detection_loss(better, POINTS, targets)) < float(detection_loss(raw, POINTS, targets))
