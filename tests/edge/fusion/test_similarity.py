"""Similarities that need no training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.edge.fusion.similarity import Constant, Cosine, LocalScores

raw = st.lists(st.floats(-50, 50), min_size=4, max_size=4)


def scores(*probabilities: float) -> LocalScores:
    return LocalScores.of(np.log(probabilities))


def test_local_scores_hold_both_forms() -> None:
    both = LocalScores.of([0.0, np.log(3.0)])
    assert both.raw == pytest.approx([0.0, np.log(3.0)], abs=1e-12)
    assert both.probabilities == pytest.approx([0.25, 0.75], abs=1e-12)


def test_constant_is_a_half_whatever_the_steps_say() -> None:
    assert Constant().between(scores(0.9, 0.1), scores(0.1, 0.9)) == 0.5
    assert Constant(0.8).between(scores(0.9, 0.1), scores(0.9, 0.1)) == 0.8


def test_cosine_by_hand() -> None:
    # (0.6 * 0.2 + 0.4 * 0.8) / sqrt((0.36 + 0.16) * (0.04 + 0.64)) = 0.44 / sqrt(0.3536)
    between = Cosine().between(scores(0.6, 0.4), scores(0.2, 0.8))
    assert between == pytest.approx(0.44 / 0.3536**0.5, abs=1e-9)
    assert between == pytest.approx(0.7399400733, abs=1e-9)


def test_cosine_is_of_the_probabilities_not_of_the_raw_scores() -> None:
    assert Cosine().between(LocalScores.of([1.0, 2.0]), LocalScores.of([-2.0, -1.0])) == pytest.approx(1.0, abs=1e-9)


@given(raw, raw)
def test_cosine_is_symmetric_within_0_to_1_and_1_with_itself(a: list[float], b: list[float]) -> None:
    one, other = LocalScores.of(a), LocalScores.of(b)
    between = Cosine().between(one, other)
    assert 0.0 <= between <= 1.0
    assert between == pytest.approx(Cosine().between(other, one), abs=1e-12)
    assert Cosine().between(one, one) == pytest.approx(1.0, abs=1e-12)
