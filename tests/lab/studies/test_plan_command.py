from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from jellyfish import cli
from jellyfish.errors import InputError
from jellyfish.lab.studies.what_if import load_instances, problem_of

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "plan.json"


def run(*words: str) -> Any:
    return CliRunner().invoke(cli.app, ["plan", *words])


def instance(**changes: Any) -> dict[str, Any]:
    models = {"accuracy": [0.3, 0.6], "latency_ms": [[5, 8], [20, 30]], "frame_kbits": [50, 200]}
    clients = [{"fps": 10, "slo_ms": 100, "bw_kbps": 10_000}, {"fps": 10, "slo_ms": 100, "bw_kbps": 400}]
    return {"n_gpus": 1, "clients": clients, "models": models} | changes


def written(folder: Path, content: Any) -> str:
    path = folder / "instances.json"
    path.write_bytes(msgspec.json.encode(content))
    return str(path)


def test_the_documented_example_is_planned_as_a_table_and_as_json() -> None:
    table = run(str(EXAMPLE))
    assert table.exit_code == 0 and "optimal" in table.stdout
    (answer,) = msgspec.json.decode(run(str(EXAMPLE), "--json").stdout)
    assert set(answer) == {
        "planner", "effective", "mapped", "accuracy", "devices", "assign", "optimal", "bound", "solve_ms"
    }  # fmt: skip
    assert answer["mapped"] == answer["effective"] == 5
    for device, chosen in enumerate(answer["devices"]):
        assert chosen["clients"] == [i for i, at in enumerate(answer["assign"]) if at == device]


def test_accuracy_is_a_share_of_the_effective_clients_and_others_have_no_place(tmp_path: Path) -> None:
    (answer,) = msgspec.json.decode(run(written(tmp_path, instance()), "--json").stdout)
    assert (answer["effective"], answer["mapped"], answer["assign"]) == (1, 1, [0, None])
    assert answer["accuracy"] == pytest.approx(0.6)
    assert answer["optimal"] and answer["bound"] == pytest.approx(0.6)


@pytest.mark.parametrize("planner", ["best", "exact", "annealing", "shared"])
def test_a_list_gives_one_answer_per_instance_whatever_the_planner(tmp_path: Path, planner: str) -> None:
    path = written(tmp_path, [instance(), instance(clients=[]), instance(n_gpus=3)])
    answers = msgspec.json.decode(run(path, "--json", "--planner", planner, "--time-budget-ms", "50").stdout)
    assert [(a["planner"], a["mapped"], len(a["devices"])) for a in answers] == [
        (planner, 1, 1),
        (planner, 0, 1),
        (planner, 1, 3),
    ]
    assert all(a["bound"] >= a["accuracy"] - 1e-9 for a in answers)


def test_a_plan_is_optimal_without_all_clients_when_no_more_have_room(tmp_path: Path) -> None:
    client = {"fps": 10, "slo_ms": 200, "bw_kbps": 10_000}
    models = {"accuracy": [0.5], "latency_ms": [[60]], "frame_kbits": [50]}
    path = written(tmp_path, instance(clients=[client, client], models=models))
    (answer,) = msgspec.json.decode(run(path, "--json", "--planner", "annealing").stdout)
    assert (answer["effective"], answer["mapped"], answer["optimal"]) == (2, 1, True)
    assert answer["bound"] == pytest.approx(answer["accuracy"])


def test_sharing_gives_each_client_its_own_variant() -> None:
    (answer,) = msgspec.json.decode(run(str(EXAMPLE), "--json", "--planner", "shared").stdout)
    (single,) = msgspec.json.decode(run(str(EXAMPLE), "--json").stdout)
    assert answer["accuracy"] >= single["accuracy"] - 1e-9
    for device in answer["devices"]:
        assert len(device["batch"]) == len(device["variants"])
        assert set(device["client_variants"]) <= set(device["variants"])
    assert run(str(EXAMPLE), "--planner", "shared").exit_code == 0


def test_rates_are_strict_and_the_uplink_must_carry_more_than_the_rate() -> None:
    client = {"fps": 10, "slo_ms": 1000, "bw_kbps": 500}
    content = msgspec.json.encode(instance(clients=[client]))
    problem = problem_of(msgspec.json.decode(content, type=type(load_instances(EXAMPLE)[0])))
    assert problem.clients[0].budget_s == (0.0, 0.0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (instance(n_gpus=0), "n_gpus"),
        (instance(clients=[{"fps": 10}]), "slo_ms"),
        (instance(models={"accuracy": [0.3], "latency_ms": [[5], [6]], "frame_kbits": [1]}), "one per model"),
        (
            instance(models={"accuracy": [0.3, 0.4], "latency_ms": [[5], [6, 7]], "frame_kbits": [1, 2]}),
            "differ in length",
        ),
        (instance(models={"accuracy": [0.3], "latency_ms": [[0]], "frame_kbits": [1]}), "latency_ms"),
        ([], "empty list"),
        ("text", "no planning instances"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, content: Any, told: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=told):
        load_instances(Path(path))
    assert run(path).exit_code == 2


def test_a_missing_file_and_an_unknown_planner_are_refused(tmp_path: Path) -> None:
    assert run(str(tmp_path / "none.json")).exit_code == 2
    assert run(str(EXAMPLE), "--planner", "greedy").exit_code == 2
