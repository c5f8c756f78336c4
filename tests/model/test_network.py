"""The slimmable network: shared weights, width as an argument, folding."""

import itertools

import pytest
import torch

from jellyfish.core import STRIDE, WIDTHS
from jellyfish.model.boxes import grid_points
from jellyfish.model.detector import PREDICTIONS, SlimmableDetector
from jellyfish.model.folding import fold
from jellyfish.model.layers import PredictionConv, SlimmableConv, channels


def settled_detector() -> SlimmableDetector:
    """A network whose norms have statistics and scales of their own, as after training."""
    torch.manual_seed(7)
    detector = SlimmableDetector()
    for module in detector.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    return detector.eval()


def picture(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_network_predicts_at_every_grid_point_of_any_canvas(width):
    with torch.inference_mode():
        predictions = SlimmableDetector().eval()(picture(2, 3, 2 * STRIDE, 3 * STRIDE), width)
    points = grid_points(2 * STRIDE, 3 * STRIDE)
    assert predictions.shape == (2, len(points), PREDICTIONS)
    assert predictions.shape[1] == 8 * 12 + 4 * 6 + 2 * 3


def test_channel_counts_are_multiples_of_eight_at_every_width():
    for module in SlimmableDetector().modules():
        if isinstance(module, SlimmableConv):
            assert all(channels(module.outputs, width) % 8 == 0 for width in WIDTHS)


def test_weights_of_a_narrower_network_are_the_leading_slice_of_the_wider():
    for module in SlimmableDetector().modules():
        if not isinstance(module, SlimmableConv | PredictionConv):
            continue
        for narrow, wide in itertools.pairwise(WIDTHS):
            small, large = module.weight_at(narrow), module.weight_at(wide)
            assert small.data_ptr() == large.data_ptr() == module.weight.data_ptr()
            assert torch.equal(small, large[: small.shape[0], : small.shape[1]])


def test_a_narrow_network_does_not_read_the_weights_beyond_its_slice():
    detector, images = settled_detector(), picture(1, 3, 64, 64)
    with torch.inference_mode():
        before = detector(images, 0.5), detector(images, 1.0)
        for module in detector.modules():
            if isinstance(module, SlimmableConv):
                module.weight[channels(module.outputs, 0.5) :].add_(1.0)
        assert torch.equal(detector(images, 0.5), before[0])
        assert not torch.allclose(detector(images, 1.0), before[1])


def test_width_is_an_argument_and_leaves_no_trace():
    detector, images = settled_detector(), picture(1, 3, 64, 96)
    with torch.inference_mode():
        alone = {width: detector(images, width) for width in WIDTHS}
        for width in (1.0, 0.25, 0.75, 0.25, 1.0, 0.5):
            assert torch.equal(detector(images, width), alone[width])


def test_a_batch_trains_the_norms_of_its_own_width_only():
    detector = SlimmableDetector().train()
    detector(picture(2, 3, 64, 64), 0.5)
    norms = detector.stem.norms
    assert norms["w050"].num_batches_tracked == 1
    assert norms["w025"].num_batches_tracked == norms["w100"].num_batches_tracked == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_folded_inference_equals_the_training_form(width):
    detector, images = settled_detector(), picture(2, 3, 64, 96)
    folded = fold(detector, width)
    with torch.inference_mode():
        expected = detector(images, width)
        torch.testing.assert_close(folded(images, width), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_a_folded_network_shares_no_memory_with_its_source_and_learns_nothing():
    detector = settled_detector()
    folded = fold(detector, 1.0)
    theirs = {t.data_ptr() for t in detector.state_dict().values()}
    assert not any(tensor.data_ptr() in theirs for tensor in folded.state_dict().values())
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())


def test_a_folded_narrow_network_is_as_small_as_a_network_of_that_width():
    sizes = [sum(t.numel() for t in fold(SlimmableDetector(), width).state_dict().values()) for width in (0.25, 1.0)]
    assert sizes[0] < sizes[1] / 12
