"""The backbone's published weights."""

from pathlib import Path

import pytest
import torch

from jellyfish.errors import InputError
from jellyfish.lab.training.initial import load_backbone
from jellyfish.models.slimmable.detector import SlimmableDetector
from jellyfish.models.slimmable.sizes import LARGEST

LAYERS = (
    ("expand", "_expand_conv", "_bn0"),
    ("depthwise", "_depthwise_conv", "_bn1"),
    ("project", "_project_conv", "_bn2"),
)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """A state file such as the published one, of random numbers."""
    torch.manual_seed(0)
    detector = SlimmableDetector()
    layers = {"_conv_stem": (detector.stem.entry.weight, "_bn0")}
    stages = (detector.stem.blocks, detector.second, detector.third, detector.fourth)
    for number, block in enumerate(block for stage in stages for block in stage):
        for own, theirs, norm in LAYERS:
            if getattr(block, own) is not None:
                layers[f"_blocks.{number}.{theirs}"] = getattr(block, own).weight, f"_blocks.{number}.{norm}"
    state = {}
    for name, (weight, norm) in layers.items():
        state[f"{name}.weight"] = torch.randn_like(weight)
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(len(weight)) + 0.5
    return state


def plain_block(state: dict[str, torch.Tensor], number: int, x: torch.Tensor) -> torch.Tensor:
    """What the published network's block computes, written down once more."""
    y = x
    for _, conv, norm in LAYERS:
        weight = state[f"_blocks.{number}.{conv}.weight"]
        groups = len(weight) if conv == "_depthwise_conv" else 1
        y = torch.nn.functional.conv2d(y, weight, padding=weight.shape[-1] // 2, groups=groups)
        own = (state[f"_blocks.{number}.{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        y = torch.nn.functional.batch_norm(y, *own, eps=1e-3)
        y = y if conv == "_project_conv" else y.clamp(0, 6)
    return x + y


def loaded(state: dict[str, torch.Tensor], folder: Path) -> SlimmableDetector:
    torch.save(state, folder / "state.pth")
    detector = SlimmableDetector().eval()
    load_backbone(detector, folder / "state.pth")
    return detector


def test_the_widest_network_computes_what_the_published_one_does(state, tmp_path):
    detector, x = loaded(state, tmp_path), torch.randn(1, 80, 6, 6)
    with torch.inference_mode():
        torch.testing.assert_close(detector.second[1](x, LARGEST), plain_block(state, 6, x), rtol=1e-4, atol=1e-3)


def test_the_channels_that_matter_most_come_first(state, tmp_path):
    project = state["_blocks.5._project_conv.weight"].clone()
    project[:, 17] *= 100
    detector = loaded(state | {"_blocks.5._project_conv.weight": project}, tmp_path)
    torch.testing.assert_close(detector.second[0].expand.weight[0], state["_blocks.5._expand_conv.weight"][17])
    norm = detector.second[0].depthwise.norms["w025"]
    torch.testing.assert_close(norm.running_mean[0], state["_blocks.5._bn1.running_mean"][17])


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="Cannot read"):
        load_backbone(SlimmableDetector(), tmp_path / "none.pth")
    torch.save({"something": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="EfficientNet-Lite0"):
        load_backbone(SlimmableDetector(), tmp_path / "other.pth")
