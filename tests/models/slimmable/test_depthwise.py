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


@pytest.mark.parametrize("stride", [1, 2])
def test_other_devices_take_the_librarys_gradients(stride):
    x = torch.empty(2, 6, 8, 12, device="meta").requires_grad_()
    weight = torch.empty(6, 1, 5, 5, device="meta").requires_grad_()
    found = depthwise(x, weight, stride)
    assert found.grad_fn is not None
    assert found.grad_fn.name() == "ConvolutionBackward0"
    of_x, of_weight = torch.autograd.grad(found.sum(), (x, weight))
    assert (of_x.shape, of_weight.shape) == (x.shape, weight.shape)


def test_mixed_precision_reaches_both_passes():
    x = torch.randn(2, 6, 8, 12).requires_grad_()
    weight = torch.randn(6, 1, 5, 5).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = depthwise(x, weight, 1)
    assert found.dtype is torch.bfloat16
    of_x, of_weight = torch.autograd.grad(found.float().sum(), (x, weight))
    assert of_x.dtype is of_weight.dtype is torch.float32
