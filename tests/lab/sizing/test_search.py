from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jellyfish.lab.sizing.search import AT_ONCE, MOST_ROUNDS, fewest, to_check


@given(needed=st.integers(1, 300), first=st.integers(1, 300), most=st.integers(1, 300))
def test_the_fewest_that_do_are_found_with_few_looks(needed: int, first: int, most: int) -> None:
    looked: list[int] = []

    def does(number: int) -> bool:
        looked.append(number)
        return number >= needed

    assert fewest(does, first, most) == (needed if needed <= most else None)
    assert len(looked) <= 20 and len(set(looked)) == len(looked)


def checked(needed: int, expected: int, most: int = 100) -> tuple[dict[int, bool], int]:
    """What is known in the end where `needed` do and plans say `expected`, and after how many rounds."""
    does: dict[int, bool] = {}
    for round_number in range(MOST_ROUNDS):
        numbers = to_check(expected, does, most)
        if not numbers:
            return does, round_number
        assert len(numbers) <= AT_ONCE + 1 and not set(numbers) & set(does) and min(numbers) >= 1
        does |= {number: number >= needed for number in numbers}
    return does, MOST_ROUNDS


@pytest.mark.parametrize("expected", range(1, 12))
@pytest.mark.parametrize("wrong_by", range(-3, 4))
def test_what_plans_say_nearly_right_is_corrected_and_seen_from_both_sides(expected: int, wrong_by: int) -> None:
    needed = max(1, expected + wrong_by)
    does, rounds = checked(needed, expected)
    assert min(number for number, well in does.items() if well) == needed
    assert does[needed + 1] and (needed == 1 or not does[needed - 1])
    assert rounds < MOST_ROUNDS


def test_plans_that_are_right_take_one_round() -> None:
    assert to_check(5, {}, 100) == [4, 5, 6]
    assert to_check(5, {4: False, 5: True, 6: True}, 100) == []
    assert to_check(1, {}, 1) == [1]
    assert to_check(1, {1: False}, 1) == []
