"""Planning problems for tests: random ones for hypothesis, and the best plan by trying all of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from jellyfish.control.problem import ClientDemand, DeviceOption, Plan, Problem
from jellyfish.core import Variant


def variants(count: int) -> tuple[Variant, ...]:
    return tuple(Variant(128 + 64 * step, "w100") for step in range(count))


def problem(
    clients: list[tuple[float, list[float]]],
    tables: list[list[list[float]]],
    accuracy: list[float],
) -> Problem:
    """`clients`: (fps, budget per variant); `tables`: per device, per variant, latency per batch size."""
    return Problem(
        clients=tuple(ClientDemand(f"c{i}", fps, tuple(budget)) for i, (fps, budget) in enumerate(clients)),
        devices=tuple(DeviceOption(f"cuda:{i}", tuple(tuple(row) for row in table)) for i, table in enumerate(tables)),
        variants=variants(len(accuracy)),
        accuracy=tuple(accuracy),
    )


def keeping_for(question: Problem, usual: float) -> Problem:
    """Batches usually keep a worker for such a part of what they may take."""
    devices = tuple(
        msgspec.structs.replace(
            option, occupancy_s=tuple(tuple(usual * seconds for seconds in row) for row in option.latency_s)
        )
        for option in question.devices
    )
    return msgspec.structs.replace(question, devices=devices)


@st.composite
def problems(
    draw: st.DrawFn,
    max_clients: int = 6,
    max_devices: int = 3,
    max_variants: int = 4,
    batches: int = 3,
    max_workers: int = 1,
) -> Problem:
    """Problems where latencies grow with the variant, budgets shrink, and both bind now and then."""
    count = draw(st.integers(1, max_variants))
    accuracy = sorted(draw(st.lists(st.floats(0.05, 0.95), min_size=count, max_size=count)))
    kinds = []
    for _ in range(draw(st.integers(1, 2))):
        base = draw(st.floats(0.004, 0.05))
        noise = draw(st.lists(st.floats(0.8, 1.2), min_size=count * batches, max_size=count * batches))
        kinds.append(
            [
                [base * (1 + m) * (0.75 + 0.25 * b) * noise[m * batches + b - 1] for b in range(1, batches + 1)]
                for m in range(count)
            ]
        )
    tables = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=max_devices))
    clients = []
    for _ in range(draw(st.integers(1, max_clients))):
        slack, network = draw(st.floats(0.0, 0.3)), draw(st.floats(0.0, 0.05))
        clients.append(
            (draw(st.sampled_from([5.0, 10.0, 15.0, 25.0])), [max(0.0, slack - network * m) for m in range(count)])
        )
    usual = draw(st.sampled_from([None, 0.6, 0.9]))
    asked = problem(clients, tables, accuracy)
    if usual is not None:
        asked = keeping_for(asked, usual)
    if max_workers == 1:
        return asked
    workers = draw(st.integers(1, max_workers))
    devices = tuple(msgspec.structs.replace(option, workers=workers) for option in asked.devices)
    return msgspec.structs.replace(asked, devices=devices)


def with_importances(question: Problem, importances: Sequence[float]) -> Problem:
    """The first clients count as much as these say, further ones as from the beginning again."""
    pairs = zip(question.clients, itertools.cycle(importances))
    clients = tuple(msgspec.structs.replace(client, importance=each) for client, each in pairs)
    return msgspec.structs.replace(question, clients=clients)


def best_by_trying_all(question: Problem) -> tuple[float, float]:
    """(importance mapped, sum of rate x importance x accuracy) of the best plan: every variant, batch and assignment is
    tried."""
    best = (0.0, 0.0)
    places = range(-1, len(question.devices))
    for assignment in itertools.product(places, repeat=len(question.clients)):
        gains = [
            _device_gain(question, device, [i for i, at in enumerate(assignment) if at == device])
            for device in range(len(question.devices))
        ]
        if None not in gains:
            mapped = sum(each.importance for each, at in zip(question.clients, assignment, strict=True) if at >= 0)
            best = max(best, (mapped, sum(gain for gain in gains if gain is not None)))
    return best


def _device_gain(question: Problem, device: int, members: list[int]) -> float | None:
    if not members:
        return 0.0
    rate = sum(question.clients[i].fps for i in members)
    option = question.devices[device]
    stake = sum(question.clients[i].fps * question.clients[i].importance for i in members)
    gains = [
        stake * question.accuracy[m]
        for m, row in enumerate(option.latency_s)
        for b, seconds in enumerate(row, start=1)
        if rate < b / option.keeps_s[m][b - 1]
        and all(2.0 * seconds <= question.clients[i].budget_s[m] for i in members)
    ]
    return max(gains, default=None)


def score(question: Problem, plan: Plan) -> tuple[float, float]:
    """(importance mapped, sum of rate x importance x accuracy) of `plan`, counted anew."""
    mapped = earned = 0.0
    for client in question.clients:
        variant = plan.variant_of(client.client)
        if variant is not None:
            mapped += client.importance
            earned += client.fps * client.importance * question.accuracy[question.variants.index(variant)]
    return mapped, earned
