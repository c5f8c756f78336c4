"""Networks in another arithmetic are served only if they say what float32 says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jellyfish.models.slimmable.networks import FoldedNetworks
from jellyfish.models.slimmable.precision_check import checked_networks, score_difference
from jellyfish.models.slimmable.sizes import VARIANTS
from jellyfish.models.slimmable.weights import Weights

CPU = torch.device("cpu")
OTHER = torch.float64
"""Quick on any processor, and not float32."""


def test_what_is_near_enough_is_taken_and_the_difference_told(random_weights: tuple[Path, Weights]) -> None:
    networks, said = checked_networks(random_weights[1], CPU, OTHER)
    assert (networks.dtype, said) == (OTHER, "float64, scores off by 0.000 at most")


def test_what_is_further_off_than_the_bound_is_refused(random_weights: tuple[Path, Weights]) -> None:
    networks, said = checked_networks(random_weights[1], CPU, OTHER, worst=0.0)
    assert (networks.dtype, said) == (torch.float32, "float32, as scores in float64 were off by 0.000")


def test_float32_is_not_held_against_itself(random_weights: tuple[Path, Weights]) -> None:
    networks, said = checked_networks(random_weights[1], CPU, torch.float32, worst=-1.0)
    assert (networks.dtype, said) == (torch.float32, "float32")


@pytest.mark.parametrize("wrong", [0.0, torch.inf, torch.nan])
def test_a_network_that_says_something_else_or_no_number_is_far_off(
    random_weights: tuple[Path, Weights], wrong: float
) -> None:
    exact, other = (FoldedNetworks(random_weights[1], CPU, torch.float32) for _ in range(2))
    other.predictions = lambda features, network: wrong * exact.predictions(features, network)  # type: ignore[method-assign]
    assert not score_difference(other, exact, VARIANTS[0]) < 0.1
    assert score_difference(exact, exact, VARIANTS[0]) == 0.0
