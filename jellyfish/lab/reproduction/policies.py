"""The policies of the Jellyfish evaluation (RTSS 2022), ours, and foresight: what each changes in a scenario."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from jellyfish.lab.simulation.scenario import Scenario


class ComparedPolicy(NamedTuple):
    """Who decides. `changes`: fields of the scenario."""

    name: str
    words: str
    changes: dict[str, Any]


PUBLISHED_SERVER = {"dispatch": "lazy", "care": 0.0, "actuation": False}
POLICIES = (
    ComparedPolicy(
        "jellyfish", "this project: planner `shared`, care 1, deadline dispatch, actuation, timely back-off", {}
    ),
    ComparedPolicy("bold", "the same at care 0: planned with means and medians, as published", {"care": 0.0}),
    ComparedPolicy(
        "published",
        "Jellyfish as published: annealing, lazy drop, back-off by rate, estimates as they are",
        PUBLISHED_SERVER | {"planner": "annealing", "back_off": "published"},
    ),
    ComparedPolicy(
        "annealing",
        "the published planner in this project's server: our dispatch without actuation, our back-off and care",
        {"planner": "annealing", "actuation": False},
    ),
    ComparedPolicy(
        "client",
        "data adaptation alone: each client sends what its uplink brings within the SLO, blind to the server",
        {"controller": "local", "actuation": False},
    ),
    ComparedPolicy(
        "split",
        "the SLO split for good: a quarter for the server, the rest for the network",
        {"controller": "split", "actuation": False},
    ),
    ComparedPolicy("fixed", "no adaptation: always the middle size", {"controller": "fixed", "actuation": False}),
    ComparedPolicy(
        "oracle",
        "our planner and cameras, told what each uplink will be: how few frames have to be missed",
        {"foresight": True},
    ),
)
OURS = POLICIES[0].name
NAMES = tuple(policy.name for policy in POLICIES)


def under(policy: str, scenario: Scenario) -> Scenario:
    """`scenario` as `policy` would serve it."""
    changes = next(each.changes for each in POLICIES if each.name == policy)
    return msgspec.structs.replace(scenario, **changes)
