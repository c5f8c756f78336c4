"""State files of untrained static detectors, as torchvision would write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from jellyfish.models.torchvision.networks import NETWORKS

BY_NAME = {network.name: network for network in NETWORKS}
CATEGORIES: list[str] = NETWORKS[0].published.meta["categories"]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests of small images gain nothing from more, and lose much where cores are shared."""
    torch.set_num_threads(1)


def random_state(name: str, favoured: str) -> dict[str, Tensor]:
    """An untrained network's tensors, which see objects of the `favoured` category everywhere."""
    torch.manual_seed(7)
    state: dict[str, Tensor] = BY_NAME[name].build(weights=None, weights_backbone=None).state_dict()
    for key, tensor in state.items():
        if "classification_head" in key or "cls_score" in key:
            if tensor.ndim > 1:
                tensor.mul_(5.0)
            elif tensor.numel() % len(CATEGORIES) == 0 and key.endswith("bias"):
                tensor.view(-1, len(CATEGORIES))[:, CATEGORIES.index(favoured)] = 8.0
        elif key.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    return state


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State files of two small networks: one sees trucks everywhere, the other cars."""
    folder = tmp_path_factory.mktemp("zoo")
    torch.save(random_state("ssdlite", "truck"), folder / BY_NAME["ssdlite"].file_name)
    torch.save(random_state("fasterrcnn_mobile", "car"), folder / BY_NAME["fasterrcnn_mobile"].file_name)
    return folder
