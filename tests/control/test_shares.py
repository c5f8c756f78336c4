"""What fronts that share a site's devices ask for, and what they get of them."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.problem import ClientDemand, DeviceOption, Problem
from jellyfish.control.shares import (
    LEAST,
    STEADY,
    ShareDemand,
    demanded,
    granted,
    kept,
    laid_out,
    settled,
    within,
)
from tests.control.problems import problems, variants

SAME = 1e-6
some_demands = st.dictionaries(
    st.sampled_from([f"front-{number}" for number in range(9)]),
    st.builds(ShareDemand, st.floats(0.0, 4.0), st.floats(0.0, 500.0)),
    min_size=1,
)
some_sizes = st.lists(st.floats(0.5, 3.0), min_size=1, max_size=9).map(
    lambda sizes: {f"cuda:{number}": size for number, size in enumerate(sizes)}
)


@given(some_demands)
def test_the_whole_is_shared_out_in_max_min_fair_parts_above_a_floor(demands: dict[str, ShareDemand]) -> None:
    parts = granted(demands)
    least = min(LEAST, 0.5 / len(demands))
    assert parts.keys() == demands.keys()
    assert sum(parts.values()) == pytest.approx(1.0)
    assert min(parts.values()) >= least - SAME
    counting = {front: each for front, each in demands.items() if each.weight > SAME}
    short = [front for front, each in counting.items() if parts[front] < each.wanted - SAME]
    for front in short:
        for other, each in counting.items():
            assert parts[other] <= max(each.wanted, least) + SAME  # no room to spare while somebody wants more
            if parts[other] > least + SAME:
                fair = (parts[front] - least) / demands[front].weight
                assert (parts[other] - least) / each.weight <= fair + SAME


@given(some_demands, st.data())
def test_who_goes_leaves_its_part_to_the_others(demands: dict[str, ShareDemand], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(demands)))
    before, after = granted(demands), granted({front: each for front, each in demands.items() if front != gone})
    assert gone not in after
    assert sum(after.values()) == pytest.approx(1.0 if after else 0.0)
    least = min(LEAST, 0.5 / len(demands))
    for front, each in demands.items():
        if front != gone and before[front] < each.wanted:
            assert after[front] >= min(each.wanted, before[front]) - least - SAME


def test_a_front_without_clients_has_enough_to_begin_with() -> None:
    parts = granted({"busy": ShareDemand(3.0, 400.0), "new": ShareDemand(0.0, 0.0)})
    assert parts == pytest.approx({"busy": 1 - LEAST, "new": LEAST})


def test_parts_follow_weights_where_there_is_not_enough() -> None:
    parts = granted({"few": ShareDemand(2.0, 100.0), "many": ShareDemand(5.0, 300.0)}, least=0.0)
    assert parts == pytest.approx({"few": 0.25, "many": 0.75})
    parts = granted({"little": ShareDemand(0.1, 300.0), "many": ShareDemand(5.0, 300.0)}, least=0.0)
    assert parts == pytest.approx({"little": 0.1, "many": 0.9})


def test_weights_far_apart_lose_nobody_a_part() -> None:
    parts = granted({"heavy": ShareDemand(0.1, 500.0), "light": ShareDemand(2.0, 1e-12)}, least=0.0)
    assert parts == pytest.approx({"heavy": 0.1, "light": 0.9})


def test_what_nobody_wants_is_shared_out_too() -> None:
    parts = granted({"one": ShareDemand(0.1, 10.0), "other": ShareDemand(0.3, 10.0)}, least=0.0)
    assert parts == pytest.approx({"one": 0.25, "other": 0.75})
    assert granted({"alone": ShareDemand(0.1, 10.0)}) == pytest.approx({"alone": 1.0})
    assert granted({}) == {}


@given(some_demands, some_sizes)
def test_devices_are_laid_out_whole(demands: dict[str, ShareDemand], sizes: dict[str, float]) -> None:
    parts = granted(demands)
    shares = laid_out(parts, sizes)
    for device in sizes:
        assert sum(own.get(device, 0.0) for own in shares.values()) == pytest.approx(1.0)
    whole = sum(sizes.values())
    for front, own in shares.items():
        assert own and all(0.0 < share <= 1.0 + SAME for share in own.values())
        has = sum(share * sizes[device] for device, share in own.items()) / whole
        assert has == pytest.approx(parts[front], abs=0.51 * min(sizes.values()) / whole + SAME)
        inner = list(own.values())[1:-1]
        assert inner == pytest.approx([1.0] * len(inner))  # shared with others at both ends alone


def test_fronts_that_are_nearly_alike_have_devices_of_their_own() -> None:
    demands = {f"front-{number}": ShareDemand(2.0, 100.0 + number) for number in range(4)}
    shares = laid_out(granted(demands), {f"cuda:{number}": 1.0 for number in range(8)})
    for number in range(4):
        assert shares[f"front-{number}"] == {f"cuda:{2 * number}": 1.0, f"cuda:{2 * number + 1}": 1.0}


def test_parts_are_kept_until_one_of_them_has_become_another() -> None:
    before = {"a": 0.5, "b": 0.5}
    assert kept(before, {"a": 0.45, "b": 0.55}) is before
    assert kept(before, {"a": 0.35, "b": 0.65}) == {"a": 0.35, "b": 0.65}
    assert kept(before, {"a": 1.0}) == {"a": 1.0}
    assert kept(before, {"a": 0.45, "b": 0.45, "c": 0.1}) == {"a": 0.45, "b": 0.45, "c": 0.1}
    assert kept({}, before) is before


def test_little_changes_nothing_in_what_is_asked_for() -> None:
    asked = settled(None, ShareDemand(0.5, 100.0))
    for wobble in (0.99, 1.01, 1 + 0.9 * STEADY, 1 - 0.9 * STEADY):
        asked = settled(asked, ShareDemand(0.5 * wobble, 100.0 * wobble))
        assert asked == ShareDemand(0.5, 100.0)
    assert settled(asked, ShareDemand(0.6, 100.0)) == ShareDemand(0.6, 100.0)
    assert settled(asked, ShareDemand(0.0, 0.0)) == ShareDemand(0.0, 0.0)
    assert settled(ShareDemand(0.0, 0.0), ShareDemand(0.01, 5.0)) == ShareDemand(0.01, 5.0)


DEVICE = DeviceOption("one", ((0.01, 0.015), (0.04, 0.07)))


def asked(*clients: ClientDemand, devices: tuple[DeviceOption, ...] = (DEVICE,)) -> Problem:
    return Problem(clients, devices, variants(2), (0.4, 0.8))


def test_what_is_asked_for_is_the_time_of_the_best_that_clients_could_have() -> None:
    best = ClientDemand("a", 5.0, (0.2, 0.2))  # batches of two of the larger variant: 28.6 frames a second
    quick = ClientDemand("b", 5.0, (0.05, 0.05), importance=2.0)  # nothing but the smaller one, 133 a second
    demand = demanded(asked(best, quick))
    assert demand.wanted == pytest.approx(1.2 * (5 * 0.07 / 2 + 5 * 0.015 / 2))
    assert demand.weight == 15.0
    assert demanded(asked()) == (0.0, 0.0)
    assert demanded(asked(best, devices=(DEVICE.out_of_service(),))) == (0.0, 5.0)
    two = (DEVICE, msgspec.structs.replace(DEVICE, device="two"))
    assert demanded(asked(best, quick, devices=two)).wanted == pytest.approx(demand.wanted / 2)


def test_a_share_takes_longer_for_what_it_does_and_waits_for_others() -> None:
    two = (DEVICE, msgspec.structs.replace(DEVICE, device="two", workers=2), DeviceOption("three", DEVICE.latency_s))
    problem = within(asked(devices=two), {"one": 0.5, "two": 1.0}, {"one": 0.02})
    one, whole = problem.devices
    assert one.latency_s[1] == pytest.approx((0.06, 0.09))
    assert one.occupancy_s[1] == pytest.approx((0.08, 0.14))
    assert whole is two[1]


@settings(deadline=None, max_examples=50)
@given(problems(max_clients=8), st.floats(0.1, 0.9))
def test_plans_within_shares_that_add_up_to_a_device_never_ask_more_of_it(problem: Problem, share: float) -> None:
    """Two fronts with half of the clients each plan for themselves; together they keep each device no longer than it
    is there."""
    half = len(problem.clients) // 2
    taken = dict.fromkeys((option.device for option in problem.devices), 0.0)
    for clients, part in ((problem.clients[:half], share), (problem.clients[half:], 1.0 - share)):
        own = msgspec.structs.replace(problem, clients=clients)
        plan = SharedPlanner(0, time_budget_s=float("inf")).plan(within(own, dict.fromkeys(taken, part), {}), None)
        for client in clients:
            variant = plan.variant_of(client.client)
            if variant is None:
                continue
            option = next(each for each in problem.devices if each.device == plan.clients[client.client])
            batch = next(each.batch for each in plan.devices[option.device].shares if each.variant == variant)
            taken[option.device] += client.fps * option.keeps_s[problem.variants.index(variant)][batch - 1] / batch
    assert all(busy <= 1.0 + SAME for busy in taken.values())
