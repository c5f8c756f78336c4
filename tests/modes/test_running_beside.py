"""What runs beside a run: nothing that goes wrong there or here hides the other."""

from __future__ import annotations

import asyncio

import pytest

from jellyfish.errors import RunError
from jellyfish.modes.run import running_beside
from tests.virtual import virtual


async def fails(words: str) -> None:
    raise RunError(words)


@virtual
async def test_one_error_is_raised_as_it_is_and_several_as_a_group() -> None:
    with pytest.raises(RunError, match="beside"):
        async with running_beside(fails("beside"), asyncio.Event().wait()):  # type: ignore[arg-type]
            await asyncio.sleep(1)
    with pytest.raises(ExceptionGroup) as raised:
        async with running_beside(fails("beside"), fails("beside, too")):
            await asyncio.sleep(1)
            raise RunError("within")
    assert [str(error) for error in raised.value.exceptions] == ["within", "beside", "beside, too"]


@virtual
async def test_what_runs_beside_has_ended_when_the_run_has() -> None:
    ended = []

    async def works() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with running_beside(works()):
        await asyncio.sleep(1)
    assert ended == [True]
