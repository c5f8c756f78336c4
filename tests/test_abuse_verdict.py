"""When abuse counts as harm: by the median of its rounds, beside the control."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.abuse import Case, Phase, Round
from benchmarks.timed_server import Footprint

GOOD = Phase(missed=0.010, p50_ms=20.0, p99_ms=60.0, f1=0.600, lost_to={})
HELD = Round(GOOD, GOOD, GOOD, 48, 0, Footprint(400.0, 21, 9), 30, 410.0, Footprint(400.0, 21, 9), [], 100.0, 0, "")


def case(*rounds: Round, kind: str = "pongs") -> Case:
    return Case(kind, [kind], list(rounds))


def beside(**changed: float) -> Round:
    return replace(HELD, beside=replace(GOOD, **changed))


@pytest.mark.parametrize(
    ("each", "said"),
    [
        (HELD, ""),
        (beside(missed=0.014, p99_ms=68.0, f1=0.592), ""),
        (beside(missed=0.016), "+0.6 points missed"),
        (beside(p99_ms=70.0), "p99 x 1.17"),
        (beside(p99_ms=float("nan")), "p99 x inf"),
        (beside(f1=0.585), "F1 -0.015"),
        (replace(HELD, unanswered=1), "/livez 1 of 48 unanswered"),
        (replace(HELD, errors=["Unhandled"]), "1 errors logged"),
    ],
)
def test_each_bar(each: Round, said: str) -> None:
    assert "; ".join(case(each).failures()) == said


def test_one_bad_round_of_three_is_not_enough() -> None:
    assert case(HELD, beside(missed=0.5), HELD).failures() == []
    assert case(beside(missed=0.5), beside(missed=0.5), HELD).failures() != []


def test_what_an_abuser_that_is_served_costs_in_accuracy_is_no_harm() -> None:
    assert case(beside(f1=0.5), kind="20 x its rate").failures() == []
