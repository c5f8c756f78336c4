"""Virtual time for tests: coroutines run on a loop whose clock jumps to the next timer instead of waiting."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from jellyfish.lab.simulation.virtual_loop import VirtualLoop

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def run_virtual(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run `coroutine` to its end on a fresh loop in virtual time (starting at 0) and return its result."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def virtual(test: Callable[Arguments, Coroutine[Any, Any, Result]]) -> Callable[Arguments, Result]:
    """Make an `async def` test a plain one that runs in virtual time."""

    @functools.wraps(test)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return run_virtual(test(*args, **kwargs))

    return run
