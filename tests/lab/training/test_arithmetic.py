"""Training runs in the arithmetic that suits the device."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from jellyfish.lab.training.arithmetic import mixed_precision
from jellyfish.lab.training.loss import targets_of
from jellyfish.lab.training.targets import Labels
from jellyfish.models.slimmable.boxes import grid_points
from jellyfish.models.slimmable.detector import SlimmableDetector, normalise


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_convolutions_run_in_it_and_their_weights_stay_as_they_are(dtype):
    layer = torch.nn.Conv2d(3, 4, kernel_size=1)
    with mixed_precision(torch.device("cpu"), dtype):
        found = layer(torch.ones(1, 3, 2, 2))
    assert found.dtype is dtype
    found.float().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype is layer.weight.dtype is torch.float32


def test_a_gpus_step_has_all_of_its_tensors_there():
    """Up to its targets, with tensors that only say where they would be: one that is elsewhere is an error."""
    with FakeTensorMode(), torch.no_grad(), torch.device("cuda"):
        detector, images = SlimmableDetector().train(), torch.empty(2, 3, 96, 128, dtype=torch.uint8)
        labels = Labels(
            torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 3, 4), torch.ones(2, 3).bool(), torch.zeros(2, 3).bool()
        )
        points = grid_points(96, 128, torch.device("cuda"))
        _, late = detector.exits(detector.stem(normalise(images)), width=0.5)
        targets = targets_of(late, points, labels)
    assert {each.device.type for each in (late, *targets)} == {"cuda"}
