"""No plan: every size is ready on every device, and every client has a place."""

from __future__ import annotations

from hypothesis import given

from jellyfish.control.planners.client import ClientsChoice, asked_variants
from jellyfish.control.planners.fixed import accept
from jellyfish.control.problem import Problem
from jellyfish.core import Variant
from tests.control.problems import problem, problems


def test_a_resolution_asks_for_the_most_accurate_network_at_it() -> None:
    variants = (Variant(320, "wide"), Variant(192, "wide"), Variant(320, "narrow"))
    asked = asked_variants(variants, (0.6, 0.4, 0.5))
    assert list(asked.items()) == [(192, variants[1]), (320, variants[0])]


@given(question=problems())
def test_every_client_has_a_place_and_every_size_its_turn(question: Problem) -> None:
    plan = ClientsChoice().plan(question, None)
    assert accept(question, plan) == []
    assert plan.clients.keys() == {client.client for client in question.clients}
    for device in question.devices:
        shares = plan.devices[device.device].shares
        assert {share.variant for share in shares} == set(asked_variants(question.variants, question.accuracy).values())
        assert all(share.batch == len(device.latency_s[0]) for share in shares)


def test_clients_are_spread_and_stay_where_they_are() -> None:
    table = [[0.01, 0.02]]
    two = problem([(15.0, [0.1]), (25.0, [0.1]), (5.0, [0.1])], [table, table], [0.5])
    plan = ClientsChoice().plan(two, None)
    assert plan.clients == {"c0": "cuda:0", "c1": "cuda:1", "c2": "cuda:0"}
    swapped = plan.clients | {"c0": "cuda:1", "c1": "cuda:0"}
    kept = ClientsChoice().plan(two, type(plan)(plan.devices, swapped))
    assert kept.clients == swapped
