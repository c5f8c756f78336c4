"""The quick gradients of depthwise convolutions equal the library's."""

import pytest
import torch
import torch.nn.functional as F

from jellyfish.models.slimmable.depthwise import depthwise


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", [(8, 12), (7, 9)])
def test_values_and_gradients_are_the_librarys(kernel, stride, sides):
    torch.manual_seed(kernel)
    x = torch.randn(2, 6, *sides, dtype=torch.float64).requires_grad_()
    weight = torch.randn(6, 1, kernel, kernel, dtype=torch.float64).requires_grad_()
    expected = F.conv2d(x, weight, stride=stride, padding=kernel // 2, groups=6)
    found = depthwise(x, weight, stride)
    torch.testing.assert_close(found, expected)
    pull = torch.randn_like(expected)
    for ours, theirs in zip(
        torch.autograd.grad(found, (x, weight), pull), torch.autograd.grad(expected, (x, weight), pull), strict=True
    ):
        torch.testing.assert_close(ours, theirs)
