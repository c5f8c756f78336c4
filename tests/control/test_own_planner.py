"""Planners that users bring: by a file, a module or an entry point, and each way in which they can be none."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from hypothesis import given

from jellyfish import loading
from jellyfish.control.capacity import violations
from jellyfish.control.planners import GROUP, check_planner, make_planner
from jellyfish.control.problem import Plan, Problem
from jellyfish.control.solver import Question, Solver, Success
from jellyfish.errors import InputError
from tests.control.problems import problem, problems

EXAMPLE = f"{Path(__file__).parents[2] / 'docs' / 'examples' / 'my_planner.py'}:AlikePlanner"
ONE = problem([(10.0, [0.5])], [[[0.01, 0.02]]], [0.6])
COUNTING = """
class Counting:
    count = 0
    def plan(self, problem, running):
        self.count += 1
        raise RuntimeError(f"asked {self.count} times")
ready, number, idle = Counting(), 3, object()
def make(): return Counting()
def fails(): raise OSError("no licence")
"""


@pytest.fixture(autouse=True)
def unchanged_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "made_planner.py"
    path.write_text(COUNTING)
    monkeypatch.delitem(sys.modules, "made_planner", raising=False)
    return path


@given(problems())
def test_the_examples_plans_are_feasible_and_leave_out_no_more_than_they_must(question: Problem) -> None:
    plan = make_planner(EXAMPLE, 0).plan(question, None)
    assert violations(question, plan) == []
    assert len({share.variant for device in plan.devices.values() for share in device.shares}) == 1
    if not plan.clients:  # nobody can be served by all devices' common choice of a batch of one
        assert len(question.clients) >= 1


def test_one_that_fits_everybody_serves_everybody() -> None:
    assert make_planner(EXAMPLE, 0).plan(ONE, None).clients == {"c0": "cuda:0"}


@pytest.mark.parametrize("name", ["Counting", "ready", "make"])
def test_the_process_keeps_one_object_for_all_questions(file: Path, name: str) -> None:
    solver = Solver(f"{file}:{name}", 0)
    told = [solver.answer(Question(ONE, None, 1.0)) for _ in range(2)]
    assert [getattr(reply, "error", None) for reply in told] == [
        "RuntimeError: asked 1 times", "RuntimeError: asked 2 times",
    ]  # fmt: skip


def test_the_process_answers_with_what_it_plans() -> None:
    reply = Solver(EXAMPLE, 0).answer(Question(ONE, None, 1.0))
    assert isinstance(reply, Success)
    assert isinstance(reply.solved.plan, Plan)


def test_an_entry_point_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([EntryPoint("theirs", "jellyfish.control.planners.client:ClientsChoice", GROUP)])
    monkeypatch.setattr(loading, "entry_points", points.select)
    check_planner("theirs")
    with pytest.raises(InputError, match=r"choose one of annealing, .*, theirs, or give FILE\.py:NAME"):
        check_planner("others")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("number", "gives a int that is no planner"),
        ("idle", "gives a object that is no planner"),
        ("fails", "cannot be loaded: OSError: no licence"),
        ("absent", "made_planner has nothing called 'absent'"),
    ],
)
def test_what_is_no_planner_is_refused_with_what_it_is(file: Path, name: str, wrong: str) -> None:
    with pytest.raises(InputError, match=f"--planner .*{wrong}"):
        check_planner(f"{file}:{name}")
