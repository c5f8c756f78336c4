"""Parts that raise, end their process or have no time left cost themselves alone."""

import os

from benchmarks.gpu_check.findings import Found, State
from benchmarks.gpu_check.parts import Part
from benchmarks.gpu_check.place import Options, Place
from benchmarks.gpu_check.running import results, run_part

CPU = Options("cpu", short=True)


def right(place: Place, budget_s: float) -> Found:
    return Found("right")


def wrong(place: Place, budget_s: float) -> Found:
    return Found("not right", wrong=["one and one are three"])


def raising(place: Place, budget_s: float) -> Found:
    raise ArithmeticError("the device is on fire")


def ending(place: Place, budget_s: float) -> Found:
    os._exit(9)


def part(function, budget_s: float = 1.0) -> Part:
    return Part(function.__name__, f"Is it {function.__name__}?", function, budget_s, budget_s)


def test_what_must_hold_and_does_not_is_wrong():
    assert run_part(part(right), Place(CPU), left_s=10).state is State.OK
    assert run_part(part(wrong), Place(CPU), left_s=10).state is State.WRONG


def test_what_a_part_raises_is_told_with_its_traceback():
    result = run_part(part(raising), Place(CPU), left_s=10)
    assert result.state is State.FAILED
    assert "in raising" in result.traceback
    assert result.gist == "ArithmeticError: the device is on fire"


def test_a_part_without_time_is_left_out_and_one_with_a_little_is_told_how_much():
    told: list[float] = []

    def asks(place: Place, budget_s: float) -> Found:
        told.append(budget_s)
        return Found("")

    assert run_part(part(asks, 100.0), Place(CPU), left_s=10).state is State.LEFT_OUT
    assert run_part(part(asks, 100.0), Place(CPU), left_s=60).state is State.OK
    assert told == [60]


def test_a_part_that_ends_its_process_costs_itself_alone():
    begun: list[str] = []
    parts = [part(raising), part(ending), part(right)]
    found = list(results(parts, CPU, most_s=600, begun=lambda each: begun.append(each.name)))
    assert [result.name for result in found] == begun == ["raising", "ending", "right"]
    assert [result.state for result in found] == [State.FAILED, State.FAILED, State.OK]
    assert "ended without a word" in found[1].gist
