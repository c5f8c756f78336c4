"""Which arithmetic a device is given: a table of what devices can do."""

from __future__ import annotations

import pytest
import torch

from jellyfish.models.precision import Capabilities, inference_dtype, quickest_dtype


@pytest.mark.parametrize(
    ("device", "dtype"),
    [
        (Capabilities("cuda", (6, 1)), torch.float32),  # GTX 1080
        (Capabilities("cuda", (7, 0)), torch.float32),  # V100
        (Capabilities("cuda", (7, 5)), torch.float32),  # T4: bfloat16 is acted
        (Capabilities("cuda", (8, 0)), torch.bfloat16),  # A100
        (Capabilities("cuda", (8, 6)), torch.bfloat16),  # RTX 3090
        (Capabilities("cuda", (8, 9)), torch.bfloat16),  # L4
        (Capabilities("cuda", (9, 0)), torch.bfloat16),  # H200
        (Capabilities("cuda", (10, 0)), torch.bfloat16),
        (Capabilities("cuda", (7, 5), bfloat16=True), torch.float32),
        (Capabilities("cpu"), torch.float32),
        (Capabilities("cpu", bfloat16=True), torch.bfloat16),
        (Capabilities("mps"), torch.float32),
    ],
)
def test_bfloat16_is_for_what_has_instructions_for_it(device: Capabilities, dtype: torch.dtype) -> None:
    assert quickest_dtype(device) == dtype


def test_this_processor_is_asked_what_it_can_do() -> None:
    assert inference_dtype(torch.device("cpu")) in (torch.float32, torch.bfloat16)
