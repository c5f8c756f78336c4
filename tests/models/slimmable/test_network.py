"""The slimmable network: shared weights, size as an argument, exits, folding."""

import itertools

import pytest
import torch

from jellyfish.models.slimmable.boxes import grid_points
from jellyfish.models.slimmable.detector import PREDICTIONS, SHARED_CHANNELS, SlimmableDetector, Tail
from jellyfish.models.slimmable.folding import fold_stem, fold_tail
from jellyfish.models.slimmable.layers import PredictionConv, SlimmableConv, channels
from jellyfish.models.slimmable.sizes import EXITS, LARGEST, SIZES, WIDTHS, NetworkSize
from jellyfish.models.slimmable.street import STRIDE


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
    return torch.rand(shape, generator=torch.Generator().manual_seed(3)) * 2 - 1


@pytest.mark.parametrize("size", SIZES)
def test_a_network_predicts_at_every_grid_point_of_any_canvas(size):
    with torch.inference_mode():
        predictions = SlimmableDetector().eval()(picture(2, 3, 2 * STRIDE, 3 * STRIDE), size)
    points = grid_points(2 * STRIDE, 3 * STRIDE)
    assert predictions.shape == (2, len(points), PREDICTIONS)
    assert predictions.shape[1] == 8 * 12 + 4 * 6 + 2 * 3


def test_there_are_four_widths_at_each_of_two_exits():
    assert len(SIZES) == len(set(SIZES)) == len(WIDTHS) * len(EXITS) == 8
    assert (LARGEST.width, LARGEST.exit, LARGEST.name) == (1.0, 2, "w100e2")


def test_channel_counts_are_multiples_of_four_at_every_width():
    for module in SlimmableDetector().modules():
        if isinstance(module, SlimmableConv):
            assert all(module.outputs_at(size) % 4 == 0 for size in SIZES)


def test_weights_of_a_narrower_network_are_the_leading_slice_of_the_wider():
    for module in SlimmableDetector().modules():
        if not isinstance(module, SlimmableConv | PredictionConv):
            continue
        for narrow, wide in itertools.pairwise(WIDTHS):
            small, large = module.weight_at(NetworkSize(narrow, 2)), module.weight_at(NetworkSize(wide, 2))
            assert small.data_ptr() == large.data_ptr() == module.weight.data_ptr()
            assert torch.equal(small, large[: small.shape[0], : small.shape[1]])


def test_a_narrow_network_does_not_read_the_weights_beyond_its_slice():
    detector, images = settled_detector(), picture(1, 3, 64, 64)
    half, full = NetworkSize(0.5, 2), NetworkSize(1.0, 2)
    with torch.inference_mode():
        before = detector(images, half), detector(images, full)
        for module in detector.modules():
            if isinstance(module, SlimmableConv) and module.slim_outputs:
                module.weight[channels(module.outputs, 0.5) :].add_(1.0)
        assert torch.equal(detector(images, half), before[0])
        assert not torch.allclose(detector(images, full), before[1])


def test_the_early_exit_does_not_read_the_later_stages():
    detector, images = settled_detector(), picture(1, 3, 64, 64)
    early, late = NetworkSize(0.75, 1), NetworkSize(0.75, 2)
    with torch.inference_mode():
        before = detector(images, early), detector(images, late)
        for parameter in (*detector.third.parameters(), *detector.fourth.parameters(), *detector.necks[1].parameters()):
            parameter.mul_(1.5)
        assert torch.equal(detector(images, early), before[0])
        assert not torch.allclose(detector(images, late), before[1])


def test_size_is_an_argument_and_leaves_no_trace():
    detector, images = settled_detector(), picture(1, 3, 64, 96)
    with torch.inference_mode():
        alone = {size: detector(images, size) for size in SIZES}
        for size in (*reversed(SIZES), *SIZES[::2], *SIZES[1::2]):
            assert torch.equal(detector(images, size), alone[size])


def test_both_exits_of_a_width_together_are_what_each_is_alone():
    detector, images = settled_detector(), picture(2, 3, 64, 96)
    with torch.inference_mode():
        together = detector.exits(detector.stem(images), 0.5)
        for exit, predictions in zip(EXITS, together, strict=True):
            torch.testing.assert_close(predictions, detector(images, NetworkSize(0.5, exit)))


def test_a_batch_trains_the_norms_of_its_own_size_only():
    detector = SlimmableDetector().train()
    detector(picture(2, 3, 64, 64), NetworkSize(0.5, 1))
    norms = detector.second[0].expand.norms
    assert norms["w050"].num_batches_tracked == 1
    assert norms["w025"].num_batches_tracked == norms["w100"].num_batches_tracked == 0
    norms = detector.heads[0].smooth.norms
    assert norms["w050e1"].num_batches_tracked == 1
    assert norms["w050e2"].num_batches_tracked == 0


@pytest.mark.parametrize("size", SIZES)
def test_folded_inference_equals_the_training_form(size):
    detector, images = settled_detector(), picture(2, 3, 64, 96)
    stem, tail = fold_stem(detector), fold_tail(detector, size)
    with torch.inference_mode():
        expected = detector(images, size)
        torch.testing.assert_close(tail(stem(images)), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_a_folded_network_shares_no_memory_with_its_source_and_learns_nothing():
    detector = settled_detector()
    theirs = {t.data_ptr() for t in detector.state_dict().values()}
    for folded in (fold_stem(detector), fold_tail(detector, LARGEST)):
        assert not any(tensor.data_ptr() in theirs for tensor in folded.state_dict().values())
        assert not any(parameter.requires_grad for parameter in folded.parameters())
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())


def test_a_folded_small_tail_holds_only_what_its_size_needs():
    detector = SlimmableDetector()
    count = {size: sum(t.numel() for t in fold_tail(detector, size).state_dict().values()) for size in SIZES}
    assert count[NetworkSize(0.25, 1)] < count[LARGEST] / 20
    assert count[NetworkSize(0.5, 2)] < 0.55 * count[LARGEST]


def test_the_tail_takes_what_the_stem_hands_on():
    detector = settled_detector()
    with torch.inference_mode():
        shared = detector.stem(picture(1, 3, 64, 96))
        assert shared.shape == (1, SHARED_CHANNELS, 8, 12)
        torch.testing.assert_close(Tail(detector, LARGEST)(shared), detector(picture(1, 3, 64, 96), LARGEST))
