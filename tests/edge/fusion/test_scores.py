"""Fused class scores: worked by hand, and what holds for any sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.edge.fusion.scores import ScoreFusion, Scores, Taken, softmax
from jellyfish.errors import InputError

CLASSES = 3
Steps = Sequence[tuple[Scores, float]]

probabilities = st.lists(st.floats(-6, 6), min_size=CLASSES, max_size=CLASSES).map(softmax)
steps = st.lists(st.tuples(probabilities, st.floats(0, 1)), min_size=1, max_size=12)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Steps, list[tuple[int, int, Scores]]]:
    """Steps, and cloud answers (after which step it comes, for which step, probabilities) in order of coming."""
    given_steps = draw(steps)
    answers = []
    for number in sorted(draw(st.sets(st.integers(0, len(given_steps) - 1)))):
        answers.append((draw(st.integers(number, len(given_steps) - 1)), number, draw(probabilities)))
    return given_steps, sorted(answers, key=lambda answer: answer[0])


def expected(given_steps: Steps, cloud: Mapping[int, Scores]) -> list[tuple[Scores, float]]:
    """(z, A) of every step had all answers been there in time: the published rules, written down once more."""
    known: list[tuple[Scores, float]] = []
    for number, (local, similarity) in enumerate(given_steps):
        if number in cloud:
            z = 0.33 * local + 0.67 * cloud[number]
            known.append((z, float(max(z))))
        elif not known:
            known.append((local, 0.0))
        else:
            z, weight = known[-1]
            alpha = 0.5 if weight < 0.5 else similarity
            known.append((alpha * z + (1 - alpha) * local, alpha * weight))
    return known


def fusion_of(given_steps: Steps) -> ScoreFusion:
    fusion = ScoreFusion()
    for local, similarity in given_steps:
        fusion.advance(local, similarity)
    return fusion


def same(fusion: ScoreFusion, wanted: Sequence[tuple[Scores, float]]) -> bool:
    pairs = zip(fusion.steps, wanted, strict=True)
    return all(np.allclose(s.fused, z, rtol=0, atol=1e-12) and abs(s.weight - a) < 1e-12 for s, (z, a) in pairs)


def test_without_a_cloud_half_of_the_past_is_kept_whatever_the_similarity() -> None:
    fusion = ScoreFusion()
    first = fusion.advance([0.8, 0.2], 0.9)
    assert first.fused.tolist() == [0.8, 0.2]
    assert first.weight == 0.0
    second = fusion.advance([0.4, 0.6], 0.9)
    assert second.fused == pytest.approx([0.6, 0.4], abs=1e-9)  # (0.8 + 0.4) / 2
    third = fusion.advance([0.1, 0.9], 0.0)
    assert third.fused == pytest.approx([0.35, 0.65], abs=1e-9)  # (0.6 + 0.1) / 2
    assert third.weight == 0.0


def test_an_answer_for_the_current_step_is_weighed_with_the_local_one() -> None:
    fusion = ScoreFusion()
    fusion.advance([0.8, 0.2], 0.9)
    fusion.advance([0.4, 0.6], 0.9)
    assert fusion.reinforce(1, [0.0, 1.0]) is Taken.USED
    assert fusion.steps[1].fused == pytest.approx([0.132, 0.868], abs=1e-9)  # 0.33 * 0.4; 0.33 * 0.6 + 0.67
    assert fusion.steps[1].weight == pytest.approx(0.868, abs=1e-9)


def test_after_an_answer_similarity_counts_until_the_weight_is_below_a_half() -> None:
    fusion = ScoreFusion()
    fusion.advance([0.8, 0.2], 0.0)
    fusion.reinforce(0, [1.0, 0.0])  # z = 0.33 * 0.8 + 0.67 = 0.934
    first = fusion.advance([0.5, 0.5], 0.9)  # alpha 0.9: 0.9 * 0.934 + 0.1 * 0.5 = 0.8906; A = 0.934 * 0.9
    assert first.fused == pytest.approx([0.8906, 0.1094], abs=1e-9)
    assert first.weight == pytest.approx(0.8406, abs=1e-9)
    second = fusion.advance([0.5, 0.5], 0.5)  # alpha 0.5: 0.44530 + 0.25; A = 0.8406 / 2
    assert second.fused == pytest.approx([0.6953, 0.3047], abs=1e-9)
    assert second.weight == pytest.approx(0.4203, abs=1e-9)
    third = fusion.advance([0.1, 0.9], 1.0)  # A = 0.4203 < 0.5: alpha 0.5, not 1: 0.34765 + 0.05
    assert third.fused == pytest.approx([0.39765, 0.60235], abs=1e-9)
    assert third.weight == pytest.approx(0.21015, abs=1e-9)


def test_a_late_answer_is_replayed_to_the_current_step() -> None:
    fusion = ScoreFusion()
    for local, similarity in [([0.6, 0.4], 1.0), ([0.5, 0.5], 0.8), ([0.4, 0.6], 0.9)]:
        fusion.advance(local, similarity)
    before = fusion.steps
    assert before[2].fused == pytest.approx([0.475, 0.525], abs=1e-9)  # (0.55 + 0.4) / 2
    assert fusion.reinforce(0, [1.0, 0.0]) is Taken.USED
    z = [step.fused[0] for step in fusion.steps]
    # 0.33 * 0.6 + 0.67 = 0.868; 0.8 * 0.868 + 0.2 * 0.5 = 0.7944; A_1 = 0.6944: 0.9 * 0.7944 + 0.1 * 0.4 = 0.75496
    assert z == pytest.approx([0.868, 0.7944, 0.75496], abs=1e-9)
    assert [step.weight for step in fusion.steps] == pytest.approx([0.868, 0.6944, 0.62496], abs=1e-9)
    assert before[2].fused == pytest.approx([0.475, 0.525], abs=1e-9)  # what was handed out stays as it was


def test_an_answer_older_than_the_newest_used_is_outdated_and_changes_nothing() -> None:
    fusion = fusion_of([(np.array([0.6, 0.4]), 0.9)] * 4)
    assert fusion.reinforce(2, [1.0, 0.0]) is Taken.USED
    before = fusion.steps
    assert fusion.reinforce(1, [0.0, 1.0]) is Taken.OUTDATED
    assert fusion.reinforce(2, [0.0, 1.0]) is Taken.OUTDATED
    assert fusion.steps == before
    assert fusion.reinforce(3, [0.0, 1.0]) is Taken.USED


def test_an_answer_beyond_the_horizon_is_forgotten_and_changes_nothing() -> None:
    fusion = ScoreFusion(horizon=2)
    for _ in range(4):
        fusion.advance([0.6, 0.4], 0.9)
    before = fusion.steps
    assert [step.number for step in before] == [2, 3]
    assert fusion.reinforce(1, [1.0, 0.0]) is Taken.FORGOTTEN
    assert fusion.steps == before
    assert fusion.reinforce(2, [1.0, 0.0]) is Taken.USED


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([0.5, 0.6], "softmax"),
        ([1.5, -0.5], "softmax"),
        ([float("nan"), 1.0], "softmax"),
        ([0.2, 0.3, 0.5], "3 classes"),
        ([[0.5, 0.5]], "shape"),
    ],
)
def test_what_are_no_probabilities_is_refused(scores: list[float], message: str) -> None:
    fusion = ScoreFusion()
    fusion.advance([0.5, 0.5], 1.0)
    with pytest.raises(InputError, match=message):
        fusion.advance(scores, 0.5)
    with pytest.raises(InputError, match=message):
        fusion.reinforce(0, scores)
    assert len(fusion.steps) == 1


def test_an_answer_for_a_step_to_come_is_refused() -> None:
    fusion = ScoreFusion()
    with pytest.raises(InputError, match="has not been"):
        fusion.reinforce(0, [0.5, 0.5])
    fusion.advance([0.5, 0.5], 1.0)
    with pytest.raises(InputError, match="has not been"):
        fusion.reinforce(1, [0.5, 0.5])


@pytest.mark.parametrize("similarity", [-0.1, 1.1, float("nan")])
def test_a_similarity_outside_0_to_1_is_refused(similarity: float) -> None:
    with pytest.raises(InputError, match=r"within 0\.\.1"):
        ScoreFusion().advance([0.5, 0.5], similarity)


def test_the_callers_array_may_change_afterwards() -> None:
    mine = np.array([0.7, 0.3])
    fusion = ScoreFusion()
    fusion.advance(mine, 1.0)
    mine[:] = 0.5
    assert fusion.steps[0].fused.tolist() == [0.7, 0.3]


def test_softmax_takes_scores_of_any_size() -> None:
    assert softmax([1000.0, 1000.0]).tolist() == [0.5, 0.5]
    assert softmax([[0.0, np.log(3.0)]]) == pytest.approx(np.array([[0.25, 0.75]]), abs=1e-9)


@given(steps)
def test_without_answers_it_is_pure_smoothing(given_steps: Steps) -> None:
    smoothed = given_steps[0][0]
    for (local, _), step in zip(given_steps, fusion_of(given_steps).steps, strict=True):
        smoothed = (smoothed + local) / 2
        assert step.fused == pytest.approx(smoothed, abs=1e-12)
        assert step.weight == 0.0


@given(steps, st.data())
def test_an_answer_changes_its_step_and_later_ones_only(given_steps: Steps, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(given_steps) - 1))
    fusion = fusion_of(given_steps)
    before = fusion.steps
    fusion.reinforce(number, data.draw(probabilities))
    assert fusion.steps[:number] == before[:number]
    assert fusion.steps[number].weight > 0


@given(steps, st.data())
def test_a_replay_is_as_if_the_answer_had_come_in_time(given_steps: Steps, data: st.DataObject) -> None:
    number, cloud = data.draw(st.integers(0, len(given_steps) - 1)), data.draw(probabilities)
    late = fusion_of(given_steps)
    late.reinforce(number, cloud)
    assert same(late, expected(given_steps, {number: cloud}))


@given(runs())
def test_now_is_as_if_all_answers_had_come_in_time(run: tuple[Steps, list[tuple[int, int, Scores]]]) -> None:
    """Also those that came too late to be used: a newer one had made up for them."""
    given_steps, answers = run
    fusion, come = ScoreFusion(), {}
    for now, (local, similarity) in enumerate(given_steps):
        fusion.advance(local, similarity)
        for _, number, cloud in (answer for answer in answers if answer[0] == now):
            newest = all(number > other for other in come)
            assert fusion.reinforce(number, cloud) is (Taken.USED if newest else Taken.OUTDATED)
            come[number] = cloud
        z, weight = expected(given_steps[: now + 1], come)[-1]
        assert fusion.steps[-1].fused == pytest.approx(z, abs=1e-12)
        assert fusion.steps[-1].weight == pytest.approx(weight, abs=1e-12)


@given(runs())
def test_fused_scores_stay_probabilities_and_weights_within_0_to_1(
    run: tuple[Steps, list[tuple[int, int, Scores]]],
) -> None:
    given_steps, answers = run
    fusion = fusion_of(given_steps)
    for _, number, cloud in answers:
        fusion.reinforce(number, cloud)
        for step in fusion.steps:
            assert np.all(step.fused >= 0)
            assert step.fused.sum() == pytest.approx(1.0, abs=1e-9)
            assert 0.0 <= step.weight <= 1.0
