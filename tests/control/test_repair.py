"""A running plan is made to fit what has changed, and nobody else notices."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jellyfish.control.capacity import broken_devices, violations, worst_cases_s
from jellyfish.control.planners.best import BestPlanner
from jellyfish.control.planners.shared import SharedPlanner
from jellyfish.control.problem import OUT_OF_SERVICE_S, ClientDemand, DeviceOption, DevicePlan, Plan, Problem, Share
from jellyfish.control.repair import TOLERANCE, fits_devices, on_other_devices, repair
from tests.control.problems import problem, problems

TWO_DEVICES = problem(
    [(10.0, [0.4, 0.4]), (10.0, [0.4, 0.4]), (10.0, [0.4, 0.4])], [[[0.005], [0.020]], [[0.005], [0.020]]], [0.3, 0.7]
)
SMALL, LARGE = TWO_DEVICES.variants


def mended(question: Problem, running: Plan | None, sharing: bool = True) -> Plan:
    """All that repair has to do, call by call."""
    done = repair(question, running, sharing)
    while done.rest:
        before, done = done, repair(question, done.plan, sharing, done.vain)
        assert (done.rest, done.vain) != (before.rest, before.vain)
    return done.plan


def planned(question: Problem) -> Plan:
    return SharedPlanner(0, time_budget_s=math.inf).plan(question, None)


def with_budgets(question: Problem, client: int, *budget_s: float) -> Problem:
    clients = list(question.clients)
    clients[client] = msgspec.structs.replace(clients[client], budget_s=budget_s)
    return msgspec.structs.replace(question, clients=tuple(clients))


def touched(before: Plan, after: Plan) -> set[str]:
    places = {name: (device, before.variant_of(name)) for name, device in before.clients.items()}
    return {name for name, place in places.items() if (after.clients.get(name), after.variant_of(name)) != place}


@given(
    question=problems(max_clients=7, max_devices=3),
    changed=problems(max_clients=7, max_devices=3),
    sharing=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_plan_of_any_other_problem_is_made_to_fit(question: Problem, changed: Problem, sharing: bool) -> None:
    running = planned(question) if sharing else BestPlanner(0, time_budget_s=math.inf).plan(question, None)
    plan = mended(changed, running, sharing)
    staying = {demand.client for demand in changed.clients} & running.clients.keys()
    kept = running.clients.keys() >= plan.clients.keys() >= staying and plan.devices == running.devices
    assert kept or broken_devices(changed, plan, TOLERANCE) == {}
    assert plan.devices.keys() == {option.device for option in changed.devices}
    assert sharing or all(not device.others for device in plan.devices.values())


@given(question=problems(max_clients=7, max_devices=3))
@settings(max_examples=30, deadline=None)
def test_a_plan_that_fits_and_leaves_nobody_out_is_left_alone(question: Problem) -> None:
    plan = planned(question)
    served = msgspec.structs.replace(
        question, clients=tuple(client for client in question.clients if client.client in plan.clients)
    )
    assert repair(served, plan).plan is plan


def test_where_a_link_has_fallen_that_client_alone_takes_less_on_its_device() -> None:
    plan = planned(TWO_DEVICES)
    assert {plan.variant_of(client) for client in plan.clients} == {LARGE}
    fallen = with_budgets(TWO_DEVICES, 1, 0.4, 0.0)
    after = mended(fallen, plan)
    assert touched(plan, after) == {"c1"}
    assert (after.clients["c1"], after.variant_of("c1")) == (plan.clients["c1"], SMALL)
    assert violations(fallen, after) == []


def test_clients_of_a_lost_device_move_and_get_no_better_variant() -> None:
    plan = Plan(
        {"cuda:0": DevicePlan(SMALL, 1), "cuda:1": DevicePlan(LARGE, 1)},
        {"c0": "cuda:0", "c1": "cuda:1", "c2": "cuda:1"}, variants={"c0": SMALL, "c1": LARGE, "c2": LARGE},
    )  # fmt: skip
    lost = msgspec.structs.replace(TWO_DEVICES, devices=TWO_DEVICES.devices[1:])
    after = mended(lost, plan)
    assert set(after.clients.values()) == {"cuda:1"} and after.devices.keys() == {"cuda:1"}
    assert after.variant_of("c0") == SMALL
    assert violations(lost, after) == []


def test_a_device_that_hangs_loses_its_clients_to_the_others() -> None:
    plan = planned(TWO_DEVICES)
    hanging = DeviceOption("cuda:0", ((50.0,), (200.0,)))
    stuck = msgspec.structs.replace(TWO_DEVICES, devices=(hanging, TWO_DEVICES.devices[1]))
    assert set(mended(stuck, plan).clients.items()) == {(name, "cuda:1") for name in ("c0", "c1", "c2")}


def test_nobody_is_left_on_a_device_that_is_out_unless_all_are() -> None:
    alone = problem([(20.0, [0.2]), (20.0, [0.2])], [[[0.030]], [[0.030]]], [0.7])
    plan = planned(alone)
    assert set(plan.clients.values()) == {"cuda:0", "cuda:1"}  # and neither has room for another
    gone, here = plan.clients["c0"], plan.clients["c1"]

    def without(*out: str) -> Problem:
        table = ((OUT_OF_SERVICE_S,),)
        options = [DeviceOption(each.device, table if each.device in out else each.latency_s) for each in alone.devices]
        return msgspec.structs.replace(alone, devices=tuple(options))

    assert mended(without(gone), plan).clients == {"c1": here}
    assert mended(without(gone, here), plan).clients == plan.clients


def test_a_newcomer_gets_the_most_accurate_place_that_has_room() -> None:
    plan = Plan({"cuda:0": DevicePlan(SMALL, 1, (Share(LARGE, 1),))}, {"c0": "cuda:0"}, variants={"c0": LARGE})
    more = problem(
        [(10.0, [0.4, 0.4]), (10.0, [0.4, 0.0]), (5.0, [0.4, 0.4]), (310.0, [0.4, 0.4])],
        [[[0.005], [0.020]]], [0.3, 0.7],
    )  # fmt: skip
    placed = mended(more, plan)
    assert {client: placed.variant_of(client) for client in placed.clients} == {"c0": LARGE, "c1": SMALL, "c2": LARGE}
    assert violations(more, placed) == []


def test_one_client_makes_room_for_a_newcomer_who_would_have_none() -> None:
    narrow = problem([(30.0, [0.2, 0.2]), (30.0, [0.2, 0.2])], [[[0.005], [0.030]]], [0.3, 0.7])
    one = msgspec.structs.replace(narrow, clients=narrow.clients[:1])
    plan = repair(one, None).plan
    assert plan.variant_of("c0") == LARGE
    after = mended(narrow, plan)
    assert {name: after.variant_of(name) for name in after.clients} == {"c0": SMALL, "c1": SMALL}


def test_where_variants_do_not_mix_all_clients_of_a_device_take_the_smaller_one() -> None:
    question = problem([(10.0, [0.4, 0.4]), (10.0, [0.4, 0.4])], [[[0.005], [0.020]]], [0.3, 0.7])
    plan = BestPlanner(0, time_budget_s=math.inf).plan(question, None)
    assert plan.devices["cuda:0"].variant == LARGE
    after = mended(with_budgets(question, 1, 0.4, 0.0), plan, sharing=False)
    assert after.devices["cuda:0"].variant == SMALL and len(after.clients) == 2


def test_a_crowd_is_placed_in_bounded_pieces() -> None:
    crowd = Problem(
        tuple(ClientDemand(f"c{number}", 1.0, (1.0, 1.0)) for number in range(40)),
        TWO_DEVICES.devices, TWO_DEVICES.variants, TWO_DEVICES.accuracy,
    )  # fmt: skip
    first = repair(crowd, None)
    assert 0 < len(first.plan.clients) < 10 and first.rest > 20
    assert len(mended(crowd, None).clients) == pytest.approx(40)


def test_without_a_device_nobody_has_a_place() -> None:
    question = problem([(10.0, [0.1, 0.1])], [[[0.01], [0.02]]], [0.3, 0.5])
    running = planned(question)
    assert running.clients == {"c0": "cuda:0"}
    nothing = msgspec.structs.replace(question, devices=())
    assert repair(nothing, running).plan == Plan({}, {})
    assert repair(question, Plan({}, {})).plan.clients == {"c0": "cuda:0"}


@settings(max_examples=60, deadline=None)
@given(problems(max_devices=3), st.integers(0, 3), st.integers(1, 3), st.integers(0, 1))
def test_where_plans_are_not_repaired_nobody_stays_on_a_device_that_is_gone(
    question: Problem, others: int, most: int, without: int
) -> None:
    """Some devices are others, or have come back with smaller batches, and a client may be gone."""
    running = planned(question)
    devices = tuple(
        msgspec.structs.replace(
            each, device=f"cuda:{number + others}", latency_s=tuple(row[:most] for row in each.latency_s)
        )
        for number, each in enumerate(question.devices)
    )
    changed = msgspec.structs.replace(question, devices=devices, clients=question.clients[without:])
    moved = running if fits_devices(changed, running) else on_other_devices(changed, running)
    assert fits_devices(changed, moved)
    assert moved.devices.keys() == {each.device for each in devices} >= set(moved.clients.values())
    here = {demand.client for demand in question.clients[without:]}
    assert moved.clients.keys() & here == running.clients.keys() & here
    for client, device in moved.clients.items():
        stays = running.clients[client] in moved.devices
        assert not stays or (device, moved.variant_of(client)) == (running.clients[client], running.variant_of(client))
        assert moved.variant_of(client) in {share.variant for share in moved.devices[device].shares}
    for plan, problem_then in ((running, changed), (moved, question), (moved, changed)):
        assert worst_cases_s(problem_then, plan).keys() <= plan.clients.keys()
