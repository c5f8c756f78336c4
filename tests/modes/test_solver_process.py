"""The planner in its own process: it answers, its failures are told, and it is started anew."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from jellyfish.control.capacity import violations
from jellyfish.control.problem import DevicePlan, Plan
from jellyfish.modes.solver_process import SolverError, SolverProcess, solver_process
from tests.control.problems import problem

QUESTION = problem([(10.0, [0.4, 0.4]), (10.0, [0.4, 0.0])], [[[0.005], [0.020]]], [0.3, 0.7])


def process_id(solver: SolverProcess) -> int:
    assert solver._process is not None
    return solver._process.pid


async def test_it_answers_with_a_plan_and_the_time_it_took() -> None:
    async with solver_process("shared", 0) as solver:
        first = await solver.solve(QUESTION, None, 0.3)
        assert violations(QUESTION, first.plan) == []
        assert set(first.plan.clients) == {"c0", "c1"}
        assert 0.0 < first.cpu_s < 5.0
        assert first.loading_s == 0.0  # that was the server's own start
        assert (await solver.solve(QUESTION, first.plan, 0.3)).plan.clients == first.plan.clients


async def test_after_a_crash_the_next_question_goes_to_a_new_process() -> None:
    async with solver_process("best", 0) as solver:
        await solver.solve(QUESTION, None, 0.1)
        os.kill(crashed := process_id(solver), signal.SIGKILL)
        with pytest.raises(SolverError, match="has ended"):
            await solver.solve(QUESTION, None, 0.1)
        again = await solver.solve(QUESTION, None, 0.1)
        assert violations(QUESTION, again.plan) == []
        assert again.loading_s > 0.0
        assert process_id(solver) != crashed


async def test_what_the_planner_raises_is_told_and_the_process_goes_on() -> None:
    without_devices = problem([(10.0, [0.4])], [[[0.005]]], [0.3])
    broken = Plan({"cuda:0": DevicePlan(without_devices.variants[0], 1)}, {"c0": "gone"})
    async with solver_process("shared", 0) as solver:
        before = process_id(solver)
        with pytest.raises(SolverError, match="Error"):
            await solver.solve(problem([(0.0, [0.4])], [[[0.0]]], [0.3]), broken, 0.1)
        await solver.solve(QUESTION, None, 0.1)
        assert process_id(solver) == before


async def test_an_answer_that_is_no_longer_waited_for_does_not_meet_the_next_question() -> None:
    async with solver_process("shared", 0) as solver:
        asked = asyncio.create_task(solver.solve(QUESTION, None, 0.3))
        await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait({asked})
        other = problem([(10.0, [0.4])], [[[0.005]]], [0.3])
        assert set((await solver.solve(other, None, 0.1)).plan.clients) == {"c0"}
