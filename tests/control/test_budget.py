"""Few clients are planned for in little time, many in as much as it takes."""

from __future__ import annotations

import pytest

from jellyfish.control.planners.budget import FEW_CLIENTS, ByClients
from jellyfish.control.problem import Plan, Problem
from tests.control.problems import problem


class Noted:
    def __init__(self, name: str, asked: list[str]) -> None:
        self._name, self._asked = name, asked

    def plan(self, problem: Problem, running: Plan | None) -> Plan:
        self._asked.append(self._name)
        return Plan({}, {})


@pytest.mark.parametrize(("clients", "who"), [(1, "few"), (FEW_CLIENTS, "few"), (FEW_CLIENTS + 1, "many")])
def test_the_number_of_clients_decides_who_plans(clients: int, who: str) -> None:
    asked: list[str] = []
    ByClients(Noted("few", asked), Noted("many", asked)).plan(
        problem([(15.0, [0.1])] * clients, [[[0.01]]], [0.5]), None
    )
    assert asked == [who]
