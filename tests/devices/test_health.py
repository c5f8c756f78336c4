"""What is taken for hanging or failing, and when it is tried again."""

from __future__ import annotations

import math

import pytest

from jellyfish.devices.health import HANGING_S, DeviceState, Health


def failed(health: Health, times: int, worker: int = 0) -> list[float]:
    """So many batches fail; the pause before each test that follows."""
    pauses_s = []
    for _ in range(times):
        health.began(worker, 0.0, 0.01)
        health.ended(worker, 0.0, failed=True)
        pauses_s.append(health.pause_s(worker))
    return pauses_s


def test_tests_of_what_fails_begin_at_once_and_become_seldom() -> None:
    health = Health(1)
    pauses_s = failed(health, 12)
    assert pauses_s[:4] == [0.0, 0.05, pytest.approx(0.075), pytest.approx(0.1125)]
    assert all(after <= sum(pauses_s[: number + 1]) / 2 + 0.051 for number, after in enumerate(pauses_s[1:]))
    assert max(failed(health, 2000)) == 5.0


def test_one_failure_is_a_doubt_two_are_a_failing_device_and_a_success_ends_it() -> None:
    health = Health(1)
    failed(health, 1)
    assert health.doubtful(0) and not health.all_out
    failed(health, 1)
    assert health.all_out and health.state is DeviceState.FAILING
    health.began(0, 0.0, 0.01)
    health.ended(0, 0.0, failed=False)
    assert not health.doubtful(0) and health.state is DeviceState.WORKING
    assert failed(health, 1) == [0.0]


@pytest.mark.parametrize(
    ("profiled_s", "hangs_s", "given_up_s"), [(0.004, 0.8, 2.0), (0.05, 1.0, 2.0), (0.5, 10.0, 20.0)]
)
def test_a_batch_hangs_after_a_while_or_many_times_its_time_and_is_given_up_later(
    profiled_s: float, hangs_s: float, given_up_s: float
) -> None:
    health = Health(2)
    health.began(1, 5.0, profiled_s)
    assert health.next_look_s() == 5.0 + hangs_s
    assert health.look(5.0 + hangs_s - 0.001) == ([], [])
    assert health.look(5.0 + hangs_s) == ([1], [])
    assert (health.state, health.out) == (DeviceState.IMPAIRED, {1})
    assert health.next_look_s() == 5.0 + given_up_s
    assert health.look(5.0 + given_up_s) == ([], [1])
    assert (health.next_look_s(), health.look(1000.0)) == (math.inf, ([], []))


def test_what_hung_and_then_failed_is_out_until_a_test_of_it_succeeds_which_may_take_a_start() -> None:
    health = Health(1)
    health.began(0, 0.0, 0.01)
    health.look(1.0)
    assert health.state is DeviceState.HANGING
    health.ended(0, 0.0, failed=True)
    assert (health.state, health.pause_s(0)) == (DeviceState.FAILING, 0.05)
    health.began(0, 2.0, 0.01)
    assert health.look(2.0 + 14.0) == ([0], [])
    health.ended(0, 16.0, failed=False)
    assert (health.state, health.pause_s(0)) == (DeviceState.FAILING, 0.05)
    health.began(0, 16.1, 0.01)
    health.ended(0, 16.2, failed=False)
    assert (health.state, health.out) == (DeviceState.WORKING, frozenset())


def test_a_batch_of_a_quick_device_does_not_hang_within_a_moment() -> None:
    """An event loop that has much to do hears late that it is over."""
    health = Health(2)
    health.began(0, 0.0, 0.0003)
    assert not health.hangs(0, HANGING_S - 0.01)
    assert health.hangs(0, HANGING_S)
    assert not health.hangs(1, HANGING_S)


def test_what_has_hung_and_answers_works_when_a_test_is_in_time() -> None:
    """What began before another trouble and ends late says nothing of the time since."""
    health = Health(1)
    health.began(0, 0.0, 0.01)
    assert (health.overdue(0, 0.5), health.look(3.0)) == (50.0, ([0], [0]))
    health.ended(0, 3.5, failed=False)
    assert (health.state, health.doubtful(0), health.overdue(0, 9.0)) == (DeviceState.FAILING, True, 0.0)
    health.began(0, 3.6, 0.01)
    health.ended(0, 3.7, failed=False)
    assert (health.state, health.doubtful(0)) == (DeviceState.WORKING, False)


def test_a_batch_that_was_cancelled_says_nothing() -> None:
    health = Health(1)
    health.began(0, 0.0, 0.01)
    health.cancelled(0, 0.5)
    assert health.next_look_s() == math.inf and not health.doubtful(0)


def test_a_device_that_comes_and_goes_is_on_probation_ever_longer() -> None:
    health = Health(1)
    probations_s, now = [], 100.0
    for calm_s in (50.0, 0.1, 0.1, 9.9, 0.1, 0.1, 40.0, 0.1):
        now += calm_s
        for failed_one in (True, True, False):
            health.began(0, now, 0.01)
            health.ended(0, now, failed=failed_one)
        later = [step / 2 for step in range(60) if health.on_probation(now + step / 2)]
        probations_s.append(later[-1] + 0.5 if later else 0.0)
    assert probations_s == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 0.0, 1.0]
    assert not health.all_out
