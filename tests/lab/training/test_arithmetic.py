"""Training runs in the arithmetic that suits the device."""

import pytest
import torch

from jellyfish.lab.training.arithmetic import mixed_precision


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_convolutions_run_in_it_and_their_weights_stay_as_they_are(dtype):
    layer = torch.nn.Conv2d(3, 4, kernel_size=1)
    with mixed_precision(torch.device("cpu"), dtype):
        found = layer(torch.ones(1, 3, 2, 2))
    assert found.dtype is dtype
    found.float().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype is layer.weight.dtype is torch.float32
